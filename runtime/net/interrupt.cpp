#include "runtime/net/interrupt.hpp"

#include <gofer/context.hpp>
#include <gofer/io.hpp>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "runtime/net/neterror.hpp"
#include "sched/futex.hpp"

namespace gofer::runtime {

namespace {

/// Go's errors for an operation that its context ended: a text of the network's, and the context's error for is().
struct ended_by_context {
  error as_seen;  // os::err_deadline_exceeded; null: cancelled
  error cause;

  std::string what() const { return as_seen ? as_seen.what() : "operation was canceled"; }
  bool is(const error& target) const { return target == cause || (as_seen && target == as_seen); }
};

}  // namespace

struct interrupt::state {
  sched::futex_mutex lock;  // held while f runs: it does not park
  bool over = false;
  std::function<void()> f;
  std::optional<stop_func> stop;
};

interrupt::interrupt(const context* ctx, std::function<void()> f) {
  if (ctx == nullptr || ctx->node().get() == nullptr) return;
  state_ = std::make_shared<state>();
  state_->f = std::move(f);
  state_->stop = after_func(*ctx, [s = state_] {
    const std::lock_guard hold(s->lock);
    if (!s->over) s->f();
  });
}

interrupt::~interrupt() {
  if (state_ == nullptr) return;
  (*state_->stop)();
  state_->stop.reset();  // it may hold the callback, which holds the state
  const std::lock_guard hold(state_->lock);
  state_->over = true;
}

error context_failure(const context* ctx) {
  if (ctx == nullptr) return {};
  error cause = ctx->err();
  if (!cause) {
    // Its deadline is ours too, and our timer may be the first to say so.
    const std::optional<time_point> deadline = ctx->deadline();
    if (!deadline || time_point::clock::now() < *deadline) return {};
    cause = context::deadline_exceeded;
  }
  error as_seen = cause == context::deadline_exceeded ? os::err_deadline_exceeded : error();
  return ended_by_context{.as_seen = std::move(as_seen), .cause = std::move(cause)};
}

std::int64_t context_deadline(const context* ctx) {
  if (ctx == nullptr) return 0;
  const std::optional<time_point> deadline = ctx->deadline();
  return deadline ? net::detail::deadline_ns(*deadline) : 0;
}

}  // namespace gofer::runtime
