// The waits of one operation on a descriptor: for the poller, until a deadline, and until a context is done.
#pragma once

#include <gofer/context.hpp>
#include <optional>

#include "runtime/closewatch.hpp"
#include "runtime/net/interrupt.hpp"
#include "runtime/net/neterror.hpp"
#include "sched/netpoll.hpp"

namespace gofer::runtime {

/// On the stack of an operation that is inside (fdmutex). Without a context, or with one that is never done, it is a
/// polldesc and a mode; the context's channel is not touched before the first wait.
class io_wait {
 public:
  io_wait(sched::polldesc* pd, sched::poll_mode mode, const context* ctx) : pd_(pd), mode_(mode), ctx_(ctx) {}
  io_wait(const io_wait&) = delete;
  io_wait& operator=(const io_wait&) = delete;
  ~io_wait() {
    if (watch_) watch_->stop(sched::wait_reason::io_wait);
  }

  /// Before a try: whether the operation may go on, and with `wait` not before the descriptor may be ready.
  sched::poll_error next(bool wait) {
    if (wait) return ctx_ == nullptr ? sched::pollwait(pd_, mode_) : wait_in_context();
    const sched::poll_error no = sched::pollcheck(pd_, mode_);
    if (no == sched::poll_error::none && ctx_ != nullptr && ctx_->err()) return sched::poll_error::ended;
    return no;
  }

  /// What `no`, which is not none, means.
  error why(sched::poll_error no) const {
    return no == sched::poll_error::ended ? context_failure(ctx_) : poll_failure(no);
  }

 private:
  sched::poll_error wait_in_context();
  static sched::g* end_wait(void* self);

  sched::polldesc* pd_;
  sched::poll_mode mode_;
  const context* ctx_;
  recv_chan<> done_;
  sched::atomic<bool> ended_{false};
  std::optional<close_watch> watch_;  // from the first wait on
};

}  // namespace gofer::runtime
