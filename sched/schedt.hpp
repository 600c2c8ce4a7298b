// schedt: what the Ps and Ms of one run() share. Made by sched_start, ended by sched_stop, never freed: a goroutine or
// a thread that outlives its run may still look at it. The next run takes it over if there is none.
#pragma once

#include <signal.h>

#include <cstdint>
#include <vector>

#include "sched/atomic.hpp"
#include "sched/config.hpp"
#include "sched/futex.hpp"
#include "sched/globq.hpp"
#include "sched/m.hpp"
#include "sched/p.hpp"

namespace gofer::sched {

/// How deep sysmon sleeps: not at all or for a moment; until the next blocking call; until a P is not idle any more.
enum class sysmon_rest : std::uint32_t { no, nap, idle };

struct schedt {
  schedt* older = nullptr;         // instances of runs that are over: what is left of those may look at them
  bool reusable = false;           // this one's run left nothing
  bool follow_processors = false;  // nobody has set GOMAXPROCS
  int max_threads = 0;             // workers at most

  // Idle lists and counts; everything below up to the next blank line is guarded by lock.
  futex_mutex lock;
  m* midle = nullptr;  // idle workers
  int nmidle = 0;
  int nmidlelocked = 0;  // workers asleep because their goroutine is (lock_os_thread)
  int nm = 0;            // workers alive (created and not ended)
  p* pidle = nullptr;
  m* allm = nullptr;              // every worker that is not joined yet
  std::int64_t mid = 0;           // ids given out
  bool short_of_threads = false;  // a P that has work was put on the idle list, for want of a thread

  // How many Ps are idle, how many Ms look for work. The wake-up protocol (wake.cpp) rests on these two.
  alignas(cache_line) atomic<std::int32_t> npidle{0};
  atomic<std::int32_t> nmspinning{0};

  // options.pinned (bound.hpp). Under lock: Ms with work of their own and no P, in line; how many is read without.
  atomic<bool> pinned{false};
  atomic<std::int32_t> nwanting{0};
  bound_queue* wanting = nullptr;
  bound_queue* all_bound = nullptr;

  // allp[0..nallp) exist for ever; Ps at and beyond nprocs are retired. Slots are written before nallp (release).
  alignas(cache_line) atomic<std::int32_t> nprocs{0};
  atomic<std::int32_t> nallp{0};
  p* allp[max_procs] = {};

  // When the poller was last asked (nanotime), 0 while somebody blocks in it; until when that one will, 0 for ever.
  atomic<std::int64_t> lastpoll{0};
  atomic<std::int64_t> polluntil{0};

  globq global;  // the global run queue

  atomic<std::uint64_t> goidgen{1};  // last goroutine id given out; 1 is main's
  atomic<std::int64_t> gcount{0};    // goroutines started minus ended by threads without a P

  sigset_t sigmask{};  // of the thread that started the runtime; workers begin with it

  atomic<bool> stopping{false};
  atomic<bool> main_started{false};
  atomic<bool> main_goexited{false};
  note main_done;                         // run()'s thread sleeps here
  atomic<std::uint32_t> workers_left{0};  // futex word: workers that have not ended yet

  atomic<sysmon_rest> sysmon_rests{sysmon_rest::no};
  note sysmon_note;
  pthread_t sysmon_thread{};
  std::int64_t started = 0;     // nanotime()
  std::int64_t trace_next = 0;  // sysmon's: when the next schedtrace line is due
  atomic<std::uint32_t> sysmon_tid{0};
};

/// The running instance, or nullptr.
extern atomic<schedt*> the_sched;

}  // namespace gofer::sched
