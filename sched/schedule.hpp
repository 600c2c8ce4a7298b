// Inside the scheduler: what its files call among themselves. Nothing outside sched/ includes this.
#pragma once

#include <mutex>

#include "sched/fatal.hpp"
#include "sched/m.hpp"
#include "sched/p.hpp"
#include "sched/park.hpp"
#include "sched/schedt.hpp"
#include "sched/switch.hpp"

namespace gofer::sched {

// --- schedule.cpp

/// Runs what the goroutine that left this thread wanted done. First thing after every switch_to and on every new stack.
inline void finish_switch(m* mp) {
  const pending_commit c = mp->commit;
  if (c.fn != nullptr) {
    mp->commit.fn = nullptr;
    c.fn(c.gp, c.arg);
  }
}

/// The goroutine to switch to directly, or nullptr when the scheduler on g0 has to decide (nothing local, or something
/// else is due).
g* next_local(m* mp);

/// A worker's life on its g0.
void schedule_loop(m* mp);

/// Leaves gp, whose commit is set, for `next` (or the scheduler when null).
void leave(m* mp, g* gp, g* next, bool dies);

/// The checked change of a goroutine's status.
inline void casgstatus(g* gp, gstatus from, gstatus to) {
  GOFER_CHECK(gp->status.load(std::memory_order_relaxed) == from,
              "goroutine in a status that this change does not start from");
  gp->status.store(to, std::memory_order_release);
}

inline bool on_goroutine(const m* mp) { return mp->curg != &mp->g0; }

// --- init.cpp

schedt* run_of_plain_thread();

/// The run that what this thread starts belongs to: a worker's own, even when that is over (then nothing comes of it);
/// a plain thread's is the one that is under way, and is started if there is none.
inline schedt* run_of(const m* mp) {
  return __builtin_expect(mp->sched != nullptr, 1) ? mp->sched : run_of_plain_thread();
}

// --- queue.cpp

/// Puts gp on pp's queue, as the next to run or at the tail; spills half of a full ring to the global queue. Owner of
/// pp only.
void runqput(p* pp, g* gp, bool next);
/// A batch from the global queue: the first is returned, the rest goes to pp's ring.
g* globrunqget(schedt* s, p* pp);
/// Readies those goroutines of a list from the poller that belong to another run than s, and returns the rest. There is
/// one poller for all runs: a worker that its run has left behind may take in what the next run waits for.
g* pass_on_others(const schedt* s, g* list);
/// Makes a list of goroutines from the poller runnable: to pp's ring when given, else to the global queue; wakes
/// workers.
void injectglist(schedt* s, p* pp, g* list);

// --- wake.cpp

void wakep(schedt* s);

/// After a push to a ring (not to runnext, whose exchange is a barrier by itself): is there a P that nobody looks
/// after? The read-modify-write of nmspinning orders the push before the question: see wake.cpp.
inline bool wanted_after_push(schedt* s) {
  if (s->nprocs.load(std::memory_order_relaxed) == 1) return false;
  return s->nmspinning.fetch_add(0, std::memory_order_seq_cst) == 0 && s->npidle.load(std::memory_order_seq_cst) != 0;
}
/// How long a worker beyond GOMAXPROCS sleeps before it ends: ten seconds, a guess. Tests make it shorter.
extern atomic<std::int64_t> idle_thread_ns;

void startm(schedt* s, p* pp, bool spinning);
/// The end of a P that was stopped (gomaxprocs, end of the run) and that nobody holds: its goroutines go to the global
/// queue.
void retire(schedt* s, p* pp);
/// Takes mp off the idle list; false: somebody else has, and its P is on the way.
bool unlist_locked(schedt* s, m* mp);
/// Sleeps until there is a P for this M. False: the run is over, or the thread is one too many: it ends.
bool stopm(m* mp);
/// For a thread with a goroutine of its own (lock_os_thread): gives the P away and sleeps until somebody has found that
/// goroutine runnable and brings a P. False: the run is over.
bool stoplockedm(m* mp);
/// Brings this P to the thread whose goroutine gp is, and sleeps as stopm does.
bool startlockedm(m* mp, g* gp);
/// Moves the timers of a P that is retired to one that stays: nobody would look at them while all others are busy.
void take_timers(p* pp);
void handoffp(schedt* s, p* pp);
/// A timer was armed for `when`: makes sure that somebody wakes up for it.
void wake_netpoller(schedt* s, std::int64_t when);
void acquirep(m* mp, p* pp);
p* releasep(m* mp);
void pidleput_locked(schedt* s, p* pp);
p* pidleget_locked(schedt* s);

// --- newproc.cpp

/// Goroutines of that run that are alive.
std::int64_t gcount_of(const schedt* s);

// --- init.cpp

/// Guards start, stop, gomaxprocs and fork against each other.
std::mutex& admin();

/// sysmon, now and then: GOMAXPROCS follows the processors that the process may use, unless somebody has set it.
void follow_processors(schedt* s);

// --- checkdead.cpp

void checkdead_locked(schedt* s);

// --- sysmon.cpp

void* sysmon_main(void* s);
void wake_sysmon(schedt* s);

// --- signal.cpp

/// Gives the calling thread an alternate signal stack, unless it has one; returns what drop_altstack takes.
void* ensure_altstack();
void drop_altstack(void* altstack);

// --- plain.cpp

void init_thread_m(m* mp);

}  // namespace gofer::sched
