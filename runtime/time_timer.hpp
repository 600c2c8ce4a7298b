// A timer, ticker or after_func inside, and what a channel has to know of the timer that sends on it.
//
// Go 1.23's promise is that nothing stale is received after stop or reset, and that a timer's channel looks unbuffered.
// The channel does have a buffer of one, because a timer cannot wait; so:
//   - len and cap of a channel with a timer are 0;
//   - stop and reset take out what is in the buffer, under the lock under which the timer fires;
//   - who is about to receive first fires a timer that is due (timer_poll): a goroutine that polls without ever
//   yielding sees the
//     time come all the same, as in Go.
// Whether a firing is still wanted is decided under the lock by `when` alone: the scheduler may be about to call us for
// an arming that was taken back. So a timer that is put off stays in its heap where it is: the call comes early, and
// arms it anew. A deadline that is moved with every request costs its heap nothing. Rejected: the heap's periodic
// timers for tickers; such a timer is called while it is armed again, and nobody could know when its last call is over
// and it may be freed.
//
// Who owns it: the handles, the channel, and each arming in a heap, are counted references. The timer knows its
// channel, but does not own it: the last handle of a channel disarms its timer (timer_chan_gone).
#pragma once

#include <atomic>
#include <cstdint>
#include <gofer/time.hpp>
#include <memory>

#include "runtime/hchan.hpp"
#include "sched/clock.hpp"
#include "sched/futex.hpp"
#include "sched/timer.hpp"
#include "sched/timerheap.hpp"

namespace gofer::detail {

struct timer_state {
  std::atomic<std::uint32_t> refs{1};
  sched::futex_mutex lock;                       // guards what follows
  std::atomic<std::int64_t> when{sched::never};  // due then; never: not armed. Read without the lock by timer_poll
  std::int64_t period = 0;                       // > 0: a ticker
  int armings = 0;              // how many calls of the scheduler's are to come: one in a heap, others about to be made
  std::int64_t armed_at = 0;    // when the one in the heap comes: not after `when`
  runtime::hchan* c = nullptr;  // null: after_func, or nobody can receive any more
  std::unique_ptr<timer_func> f;  // after_func's
  sched::timer t;                 // in a heap, or about to be called, for each counted arming
};

}  // namespace gofer::detail

namespace gofer::runtime {

/// Fires c's timer if it is due. For everything that looks whether c has a value; without c's lock.
void timer_poll(detail::timer_state* s);

/// The last handle of the channel is gone; without its lock.
void timer_chan_gone(detail::timer_state* s) noexcept;

}  // namespace gofer::runtime
