// p: the right to run goroutines, and everything that is cached per such right.
#pragma once

#include <cstdint>

#include "sched/atomic.hpp"
#include "sched/config.hpp"
#include "sched/g.hpp"
#include "sched/runq.hpp"
#include "sched/timerheap.hpp"

namespace gofer::sched {

struct m;
struct schedt;

enum class pstatus : std::uint32_t {
  idle,     // on the idle list, or in transition to it
  running,  // held by m
  syscall,  // its m is in a blocking call; sysmon or anybody who CASes it to idle may take it
  dead,     // beyond GOMAXPROCS, or of a run() that is over
};

struct alignas(cache_line) p {
  std::int32_t id = 0;
  atomic<pstatus> status{pstatus::idle};
  p* link = nullptr;  // idle list
  atomic<m*> mp{nullptr};
  schedt* sched = nullptr;             // the run() it belongs to
  atomic<std::uint32_t> schedtick{0};  // counts switches; written by the owner only
  std::uint64_t last_timer_check = 0;  // cputicks()
  atomic<std::uint32_t> syscalltick{0};
  atomic<bool> stop{false};  // the run() is over: schedule nothing more (read at every schedule)

  // Dead g's with their stacks, default size only.
  g* gfree = nullptr;
  int gfree_n = 0;

  std::uint64_t goidcache = 0;
  std::uint64_t goidcache_end = 0;

  // Goroutines started minus ended on this P: written by the owner only, summed by num_goroutine.
  atomic<std::int64_t> gcount{0};

  // Opaque to sched: runtime/'s pool of records for defers and panics.
  void* deferpool = nullptr;
  int deferpool_n = 0;

  // Seen by sysmon only.
  std::uint32_t sysmon_schedtick = 0;
  std::int64_t sysmon_schedwhen = 0;
  std::uint32_t sysmon_syscalltick = 0;
  std::int64_t sysmon_syscallwhen = 0;
  std::uint32_t watchdog_tick = 0;  // the schedtick that was reported

  alignas(cache_line) runq rq;
  alignas(cache_line) timerheap timers;
};

}  // namespace gofer::sched
