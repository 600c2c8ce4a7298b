// Who may take the P from a thread whose goroutine runs too long: sysmon (retake.cpp), unless the thread is just using
// it. This is the thread's side.
//
// A goroutine cannot be moved at an arbitrary instruction, so its P is: at any moment at which the thread is not
// `inside`, that is, between enter_sched and leave_sched. What that costs is two plain stores and a load on each way
// into the scheduler. It is Dekker's mutual exclusion made asymmetric: the thread stores `inside` and reads `theft`,
// sysmon stores `theft` and reads `inside`, and what orders the thread's two is membarrier(2), which sysmon calls in
// between; the thread itself needs no fence. Rejected: a signal whose handler gives the P up (EINTR in users' calls,
// and the same flag would be needed).
//
// From the theft on the goroutine runs on without a P (mp->pp is null, theft is `taken`): what it readies or starts
// goes to the global queue. It queues for a P at its next call into gofer, whether that would have to wait or not, and
// is one like all others again (rejoin; rejoin_here where it must stay on its thread). What is inlined, the uncontended
// mutex above all, does not ask. A thread that waits for a P with a std::mutex held does no more harm than one that the
// system does not run just then: who blocks on that mutex loses his P in turn.
#pragma once

#include "sched/m.hpp"
#include "sched/tls.hpp"

namespace gofer::sched {

void settle_theft(m* mp);

/// From here to leave_sched, or to the switch to another goroutine, this thread keeps its P, if it has one: mp->pp does
/// not change.
inline void enter_sched(m* mp) {
  mp->inside.store(1, std::memory_order_relaxed);
  std::atomic_signal_fence(std::memory_order_seq_cst);
  // acquire; pairs with the releases in retake_running
  if (__builtin_expect(mp->theft.load(std::memory_order_acquire) != theft_state::none, 0)) settle_theft(mp);
}

inline void leave_sched(m* mp) {
  mp->inside.store(0, std::memory_order_release);  // release; pairs with the acquire in retake_running
}

/// For a scope that does not park. They nest, also within what runs on g0.
class keep_p {
 public:
  explicit keep_p(m* mp) : mp_(mp), was_(mp->inside.load(std::memory_order_relaxed)) {
    if (was_ == 0) enter_sched(mp);
  }
  keep_p(const keep_p&) = delete;
  keep_p& operator=(const keep_p&) = delete;
  ~keep_p() {
    if (was_ == 0) leave_sched(mp_);
  }

 private:
  m* mp_;
  std::uint32_t was_;
};

}  // namespace gofer::sched
