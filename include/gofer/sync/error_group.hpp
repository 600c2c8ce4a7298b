// Goroutines that work on one task, any of which may fail.
#pragma once

#include <functional>
#include <gofer/chan.hpp>
#include <gofer/context.hpp>
#include <gofer/detail/counted_call.hpp>
#include <gofer/error.hpp>
#include <gofer/runtime.hpp>
#include <gofer/sync/mutex.hpp>
#include <gofer/sync/wait_group.hpp>
#include <mutex>
#include <type_traits>
#include <utility>

namespace gofer {

/// Runs functions that return an error (or nothing), each in a goroutine of its own; wait() gives the first error that
/// occurred (golang.org/x/sync/errgroup). The group must outlive its goroutines: call wait() before its scope ends. A
/// panic in one of them is a goroutine's like any other.
class error_group {
 public:
  /// With a context of its own.
  error_group() : error_group(background()) {}
  /// With a context derived from parent.
  explicit error_group(const gofer::context& parent) : error_group(with_cancel_cause(parent)) {}
  error_group(const error_group&) = delete;
  error_group& operator=(const error_group&) = delete;

  /// Cancelled by the first error, with that as its cause, and when wait() returns. For the functions to see that they
  /// may stop.
  gofer::context context() const { return ctx_; }

  /// At most n functions at a time (negative: any number); for go() and try_go() from now on. Panics while some are
  /// running under another limit.
  void set_limit(int n);

  /// Starts f(args...); blocks while as many as the limit allows are running.
  template <class F, class... Args>
  requires(!std::is_same_v<std::remove_cvref_t<F>, gofer::context>) void go(F&& f, Args&&... args) {
    if (slots_ != nullptr) slots_.send();
    start(std::forward<F>(f), std::forward<Args>(args)...);
  }
  /// As go, but gives up when ctx is done while it waits for the limit: ctx.err(), and f is gone; null when it was
  /// started.
  template <class F, class... Args>
  error go(const gofer::context& ctx, F&& f, Args&&... args) {
    if (error err = slots_ != nullptr ? slots_.send(ctx) : ctx.err()) return err;
    start(std::forward<F>(f), std::forward<Args>(args)...);
    return {};
  }
  /// The same if that is possible without blocking.
  template <class F, class... Args>
  bool try_go(F&& f, Args&&... args) {
    if (slots_ != nullptr && !slots_.try_send()) return false;
    start(std::forward<F>(f), std::forward<Args>(args)...);
    return true;
  }

  /// Blocks until all have returned. The first error, or null.
  error wait();
  /// The same until ctx is done: ctx.err(), and the goroutines run on; call wait() all the same before the scope ends.
  error wait_until(const gofer::context& ctx);

 private:
  explicit error_group(std::pair<gofer::context, cancel_cause_func> made)
      : ctx_(std::move(made.first)), cancel_(std::move(made.second)) {}

  void failed(error err);
  void done();

  template <class F, class... Args>
  void start(F&& f, Args&&... args) {
    static_assert(std::is_void_v<std::invoke_result_t<std::decay_t<F>, std::decay_t<Args>...>> ||
                      std::is_convertible_v<std::invoke_result_t<std::decay_t<F>, std::decay_t<Args>...>, error>,
                  "error_group::go: the function returns a gofer::error, or nothing");
    running_.add(1);
    const auto run = [this](std::decay_t<F> fn, std::decay_t<Args>... a) {
      if constexpr (std::is_void_v<std::invoke_result_t<std::decay_t<F>, std::decay_t<Args>...>>) {
        (void)this;
        std::invoke(std::move(fn), std::move(a)...);
      } else {
        if (error err = std::invoke(std::move(fn), std::move(a)...)) failed(std::move(err));
      }
    };
    using call =
        detail::counted_call<error_group, std::remove_const_t<decltype(run)>, std::decay_t<F>, std::decay_t<Args>...>;
    ::gofer::go(call(this, run, std::forward<F>(f), std::forward<Args>(args)...));
  }

  template <class, class, class...>
  friend class detail::counted_call;

  gofer::context ctx_;
  cancel_cause_func cancel_;
  wait_group running_;
  chan<> slots_;  // one value per running function; nil without a limit
  mutex mu_;
  error first_;  // guarded by mu_
};

}  // namespace gofer
