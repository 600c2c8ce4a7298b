// error_group, and what ends a group's goroutine.
#include <gofer/panic.hpp>
#include <gofer/sync/error_group.hpp>
#include <string>

#include "runtime/panic.hpp"
#include "sched/park.hpp"

namespace gofer {

namespace detail {

bool unwinding_by_panic() noexcept {
  sched::g* gp = sched::getg();
  const runtime::vehicle* v = runtime::in_flight(gp);
  if (v == nullptr) return false;
  const runtime::_panic* p = runtime::riding(gp, v);
  return p != nullptr && !p->goexit && !p->recovered;
}

}  // namespace detail

void error_group::set_limit(int n) {
  if (const std::size_t active = slots_.len(); active != 0) {
    panic("errgroup: modify limit while " + std::to_string(active) + " goroutines in the group are still active");
  }
  slots_ = n < 0 ? chan<>() : make_chan<>(n);
}

error error_group::wait() {
  running_.wait();
  error err;
  {
    const std::lock_guard hold(mu_);
    err = first_;
  }
  cancel_(err);
  return err;
}

void error_group::failed(error err) {
  {
    const std::lock_guard hold(mu_);
    if (first_) return;
    first_ = err;
  }
  cancel_(std::move(err));
}

void error_group::done() {
  if (slots_ != nullptr) slots_.recv();
  running_.done();
}

}  // namespace gofer
