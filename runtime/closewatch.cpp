#include "runtime/closewatch.hpp"

#include <sched.h>

#include "sched/park.hpp"
#include "sched/relax.hpp"

namespace gofer::runtime {

void wait_over(const std::atomic<bool>& over) {
  for (int i = 0; !over.load(std::memory_order_acquire); i++) {
    if (i < 100) {
      sched::cpu_relax();
    } else {
      ::sched_yield();
    }
  }
}

void close_watch::closed(sudog* self) {
  auto* w = static_cast<close_watch*>(self);
  sched::g* gp = w->end_(w->arg_);
  w->over_.store(true, std::memory_order_release);  // release; pairs with the acquire in wait_over
  if (gp != nullptr) sched::goready(gp);
}

bool close_watch::start(hchan* done, sched::wait_reason reason) {
  gp = sched::getg();
  kind = waiter_kind::watches_close;
  on_closed = closed;
  done->lock(reason);
  const bool open = !done->closed.load(std::memory_order_relaxed);
  if (open) done->recvq.enqueue(this);
  done->unlock();
  done_ = done;
  return open;
}

void close_watch::stop(sched::wait_reason reason) {
  done_->lock(reason);
  const bool watching = queued;
  done_->recvq.remove(this);
  done_->unlock();
  if (!watching) wait_over(over_);
}

}  // namespace gofer::runtime
