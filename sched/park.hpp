// The waist: everything that blocks is built on gopark and goready.
//
// gopark does not switch to a scheduler: it picks the next goroutine and switches to it directly, and what is left to
// do for the one that parks (release a channel's lock, say) is run by whoever comes next, when the parked one's context
// is complete. So nobody can ready a goroutine that has not finished leaving, and there is no window between the unlock
// and the park.
#pragma once

#include "sched/futex.hpp"
#include "sched/g.hpp"
#include "sched/m.hpp"
#include "sched/tls.hpp"
#include "sched/waitreason.hpp"

namespace gofer::sched {

/// The running g: a goroutine, a plain thread's g, or a worker's g0.
inline g* getg() { return getm()->curg; }

/// Parks the running goroutine until somebody calls goready on it. `commit(gp, arg)` runs once its context is saved, on
/// another stack of the same thread; it makes gp findable (typically it unlocks what protects the queue that gp is on),
/// must not park and must not touch gp afterwards. On a plain thread the thread sleeps. Fatal on a system stack.
void gopark(void (*commit)(g* gp, void* arg), void* arg, wait_reason reason);

/// gopark with the commonest commit: unlock the lock under which this goroutine was queued.
void gopark_unlock(futex_mutex* lock, wait_reason reason);

/// Makes a parked goroutine runnable; it runs next on this P, and inherits its time slice. Any thread.
/// Wakes another worker when one is idle. Never blocks.
void goready(g* gp);

/// Like goready, to the tail of the local queue: when many are readied at once and none has a claim to be next.
void goready_tail(g* gp);

/// Lets others run; the caller goes to the tail of the local queue. On a plain thread: sched_yield.
void gosched();

void rejoin_slow(m* mp);
void rejoin_here_slow(m* mp);

/// A goroutine that has lost its P to sysmon (keep_p.hpp) queues for one. First thing in every operation that may park:
/// one that can go on at once would otherwise keep its thread busy beside GOMAXPROCS others for ever. errno stays.
inline void rejoin() {
  m* mp = getm_or_null();
  if (mp != nullptr && __builtin_expect(mp->theft.load(std::memory_order_relaxed) == theft_state::taken, 0)) {
    rejoin_slow(mp);
  }
}

/// The same in operations that do not park (`go`, close, the try_ forms): the thread waits, and the goroutine goes on
/// in it. Users call those with a std::mutex held, which the same thread has to unlock.
inline void rejoin_here() {
  m* mp = getm_or_null();
  if (mp != nullptr && __builtin_expect(mp->theft.load(std::memory_order_relaxed) == theft_state::taken, 0)) {
    rejoin_here_slow(mp);
  }
}

/// Binds the running goroutine and its thread to each other, until as many unlocks or the goroutine's end. Nothing on a
/// plain thread, which is so anyway.
void lock_os_thread();
void unlock_os_thread();

/// The same, counted apart, for gofer::pin.
void pin_thread();
void unpin_thread();

/// Ends the running goroutine; never returns. What is on its stack is not unwound (runtime/ has done that).
[[noreturn]] void goexit0();

/// Runs fn(gp, arg) on this thread's system stack, gp being the caller with its context saved; gp goes on when fn
/// returns. On a plain thread, or already on the system stack: runs it here.
void mcall(void (*fn)(g* gp, void* arg), void* arg);

}  // namespace gofer::sched
