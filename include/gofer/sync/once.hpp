// Exactly one call.
#pragma once

#include <atomic>
#include <functional>
#include <gofer/context.hpp>
#include <gofer/sync/mutex.hpp>
#include <mutex>
#include <utility>

namespace gofer {

/// Whether call_once has been done.
class once {
 public:
  constexpr once() noexcept = default;
  once(const once&) = delete;
  once& operator=(const once&) = delete;

 private:
  template <class F, class... Args>
  friend void call_once(once& o, F&& f, Args&&... args);
  template <class F, class... Args>
  friend error call_once(const context& ctx, once& o, F&& f, Args&&... args);

  /// Done is done, however the call ended.
  struct finish {
    once& o;
    ~finish() { o.done_.store(true, std::memory_order_release); }  // release; pairs with the acquire in call_once
  };

  std::atomic<bool> done_{false};
  mutex mu_;
};

/// Calls f(args...) if no call has been made for `o` before; returns when that call, whoever makes it, is over. A call
/// that ends by a panic, an exception or goexit counts as made (Go's rule, unlike std's). f must not come back here
/// with the same `o`: it would wait for itself.
template <class F, class... Args>
void call_once(once& o, F&& f, Args&&... args) {
  if (o.done_.load(std::memory_order_acquire)) [[likely]]
    return;
  const std::lock_guard hold(o.mu_);
  if (o.done_.load(std::memory_order_relaxed)) return;
  const once::finish at_end{o};
  std::invoke(std::forward<F>(f), std::forward<Args>(args)...);
}

/// As call_once, but does not wait for another's call longer than until ctx is done: ctx.err() then, null when the one
/// call is over. A call that this one makes is not limited.
template <class F, class... Args>
error call_once(const context& ctx, once& o, F&& f, Args&&... args) {
  if (o.done_.load(std::memory_order_acquire)) return {};
  if (error err = o.mu_.lock_until(ctx)) return err;
  const std::lock_guard hold(o.mu_, std::adopt_lock);
  if (o.done_.load(std::memory_order_relaxed)) return {};
  const once::finish at_end{o};
  std::invoke(std::forward<F>(f), std::forward<Args>(args)...);
  return {};
}

}  // namespace gofer
