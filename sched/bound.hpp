// Goroutines that stay on the thread on which they began: options.pinned.
//
// The problem: code that keeps something per thread (thread_local variables, libraries with state per thread) breaks
// when a goroutine goes on elsewhere. Rejected: a thread per goroutine; lock_os_thread for all, which is the same; and
// Ps that belong to threads for ever, because then a blocking call takes its P along.
//
// The rule: a goroutine that has not begun is as it always is, on rings and the global queue, for anybody. At its
// beginning it is bound to the M it begins on, and from then on it is never on any P's queue but on that M's own: a
// list that only the M's thread touches, and an inbox into which other threads push. Any P does for it. So an M needs a
// P when it has bound goroutines to run, and that is the one new thing: a P goes to who has a claim, not only to who
// looks for work. What blocks an M, or runs on it for long, keeps those that are bound to it waiting, and nobody else.
//
// An M that has bound work but no P takes an idle P, or stands in schedt::wanting. Two places serve that line: whoever
// lets go of a P (pidleput_locked, handoffp: blocking calls, preemption, idle workers), and a holder that sees it stand
// for a millisecond and has work to go on with itself (bound_yield_p). So Ps are shared between more Ms than there are
// of them, in turn.
//
// Why no work is missed. Who pushes to an inbox that was empty reads `rest` afterwards; an M that goes to sleep, or to
// the poller, writes `rest` and then looks into the inbox; all four are seq_cst. So either the M sees the goroutine and
// does not sleep, or the pusher sees it sleep and wakes it: by netpoll_break, or, under schedt::lock, by taking it off
// the idle list and giving it an idle P or a place in the line. If it is not on the idle list somebody else has woken
// it and it will look. Who pushes to an inbox that was not empty leaves it to the one who pushed first. Between claims
// and Ps: both sides act under schedt::lock, a claim is entered only when no P is idle and a P becomes idle only when
// no claim stands, so never are there both.
#pragma once

#include <cstdint>

#include "sched/atomic.hpp"
#include "sched/m.hpp"
#include "sched/schedt.hpp"

namespace gofer::sched {

enum class resting : std::uint32_t { awake, asleep, polling };

/// Those that are bound to one M. Freed with its run if that has left no goroutine: else who readies one may look at
/// it.
struct bound_queue {
  m* mp = nullptr;
  schedt* sched = nullptr;
  atomic<g*> inbox{nullptr};  // from other threads, newest first
  atomic<resting> rest{resting::awake};

  // The M's alone.
  g* head = nullptr;
  g* tail = nullptr;
  bool turn = false;               // whether these or the P's queue come first; they alternate
  std::uint64_t wanted_since = 0;  // cputicks() at which it saw that others want a P; 0: they do not

  bound_queue* link = nullptr;      // schedt::wanting, under its lock
  bound_queue* all_link = nullptr;  // schedt::all_bound, under its lock
};

bound_queue* new_bound(m* mp);

/// What a goroutine that begins on mp, which is this thread's, is bound to: nullptr unless goroutines are to be pinned.
inline bound_queue* bound_of(m* mp) {
  if (__builtin_expect(!mp->sched->pinned.load(std::memory_order_relaxed), 1)) return nullptr;
  return mp->bound != nullptr ? mp->bound : new_bound(mp);
}

/// gp is bound and has become runnable: queues it, and sees to it that its M runs it. Any thread.
void bound_ready(g* gp);

/// The next one for this M, which is bound itself: its own or its P's. nullptr: neither has any.
g* bound_pick(m* mp);
/// Whether mp has had its P for long enough while others want one; always false for an M that has no use for it itself.
bool bound_slice_over(m* mp);
/// Gives mp's P to the first who wants one, when that is due.
bool bound_yield_p(m* mp);

/// Before mp looks for the last time and then blocks in the poller: true when it has work.
bool bound_before_poll(m* mp);
/// mp was asleep, or in the poller, and is not any more.
void bound_awake(m* mp);
/// Before mp, which has no P, goes to sleep. False: it has no work. True: *pp is its P, or nullptr and it is in the
/// line.
bool bound_claim_locked(m* mp, p** pp);

/// Gives pp, which nobody holds, to the first who wants one; false: nobody does.
bool bound_give_locked(schedt* s, p* pp);
/// The run is over: those in the line are to end.
void bound_stop_locked(schedt* s);

}  // namespace gofer::sched
