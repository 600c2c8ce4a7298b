// m: an operating-system thread known to the runtime, with its system stack g0.
//
// A worker's g0 runs the scheduler on the thread's own stack. A plain thread (one that the runtime did not make) has an
// m as well, so that getg() always answers: its curg is its g0 for ever, and it parks by futex.
#pragma once

#include <pthread.h>
#include <sys/types.h>

#include <cstdint>

#include "sched/atomic.hpp"
#include "sched/g.hpp"

namespace gofer::sched {

struct p;
struct schedt;
struct bound_queue;

/// What the goroutine that left wants done once its context is saved. Run by whoever comes next on the same thread, on
/// that one's stack; must not park.
struct pending_commit {
  void (*fn)(g* parked, void* arg) = nullptr;
  g* gp = nullptr;
  void* arg = nullptr;
};

/// sysmon wants this thread's P, or has taken it: keep_p.hpp.
enum class theft_state : std::uint32_t { none, asked, taken };

struct m {
  g* curg = nullptr;  // the g whose stack is in use; &g0 while the scheduler runs
  p* pp = nullptr;    // the P it holds, or nullptr; on a goroutine only between enter_sched and leave_sched
  atomic<std::uint32_t> inside{1};  // keep_p.hpp: 0 while a goroutine runs its own code
  atomic<theft_state> theft{theft_state::none};
  pending_commit commit;
  eh_globals* eh = nullptr;   // this thread's, cached: __cxa_get_globals costs up to 7 ns
  int* errno_addr = nullptr;  // likewise
  g g0;

  std::int64_t id = 0;
  bool spinning = false;  // looking for work with a P; counted in schedt::nmspinning
  bool plain = false;
  std::uint32_t fastrand_state = 1;
  p* nextp = nullptr;            // handed over by startm before the wake-up
  p* oldp = nullptr;             // held before the blocking call
  g* lockedg = nullptr;          // lock_os_thread: the only goroutine that this thread may run
  int lockedcount = 0;           // lock_os_thread nests
  int pins = 0;                  // and so does pin
  bound_queue* bound = nullptr;  // options.pinned: goroutines that began here
  g* pulled = nullptr;           // off the queue already, but only g0 can see to it: its thread is another one
  g* resume = nullptr;           // on g0: go on with this goroutine instead of looking for one (mcall, exitsyscall)
  note park;                     // idle workers sleep here
  m* schedlink = nullptr;        // idle list
  m* alllink = nullptr;
  pthread_t thread{};
  pid_t tid = 0;
  std::int64_t hog_since = 0;      // sysmon's: when the goroutine began that has lost its P, and whether the
  bool watchdog_told = false;      // watchdog has said so
  bool waits_for_lockedg = false;  // in stoplockedm; under schedt::lock
  bool ended = false;              // a worker's thread: at its end, to be joined; under schedt::lock
  void* altstack = nullptr;        // for the SIGSEGV that a full stack raises
  schedt* sched = nullptr;         // the run() it belongs to
};

/// xorshift32 per m; not for cryptography.
inline std::uint32_t fastrand(m* mp) {
  std::uint32_t x = mp->fastrand_state;
  x ^= x << 13;
  x ^= x >> 17;
  x ^= x << 5;
  return mp->fastrand_state = x;
}

/// Uniform in [0, n) by multiplication (Lemire, "Fast random integer generation in an interval", without the rejection
/// step).
inline std::uint32_t fastrandn(m* mp, std::uint32_t n) {
  return static_cast<std::uint32_t>((std::uint64_t{fastrand(mp)} * n) >> 32);
}

}  // namespace gofer::sched
