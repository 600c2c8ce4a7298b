#include "runtime/net/iowait.hpp"

namespace gofer::runtime {

sched::g* io_wait::end_wait(void* self) {
  auto* w = static_cast<io_wait*>(self);
  w->ended_.store(true, std::memory_order_seq_cst);  // Dekker: see pollend
  return sched::pollend(w->pd_, w->mode_);
}

sched::poll_error io_wait::wait_in_context() {
  if (!watch_) {
    done_ = ctx_->done();
    if (done_ == nullptr) {
      ctx_ = nullptr;
      return next(true);
    }
    watch_.emplace(end_wait, this);
    if (!watch_->start(full(gofer::detail::chan_access::ref(done_).get()), sched::wait_reason::io_wait)) {
      watch_.reset();
      return sched::poll_error::ended;
    }
  }
  return sched::pollwait(pd_, mode_, &ended_);
}

}  // namespace gofer::runtime
