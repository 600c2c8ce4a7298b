// Contexts: cancellation, deadlines and values that go down a tree of calls and goroutines, as in Go.
//
//   auto [ctx, cancel] = gofer::with_timeout(parent, 2s);
//   gofer::defer d{cancel};                                  // always: until then, or the deadline, the parent knows
//   the child gofer::select(gofer::recv(c, …), gofer::recv(ctx.done(), [&](auto) { err = ctx.err(); }));
//
// A context is a shared handle, and immutable but for the one step from live to done. Pass it as the first parameter.
#pragma once

#include <chrono>
#include <concepts>
#include <csignal>
#include <cstdint>
#include <gofer/chan.hpp>
#include <gofer/detail/context_node.hpp>
#include <gofer/detail/hchan.hpp>
#include <gofer/detail/timeout.hpp>
#include <gofer/error.hpp>
#include <gofer/time.hpp>
#include <initializer_list>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <type_traits>
#include <typeinfo>
#include <utility>

namespace gofer {

/// A deadline, a cancellation signal and values, shared by everything that works on one thing. All operations may be
/// called from any goroutine or thread, and none blocks. Default-constructed: background().
class context {
 public:
  /// err() of a context that was cancelled ("context canceled") and of one whose deadline has passed ("context deadline
  /// exceeded").
  static const error canceled;
  static const error deadline_exceeded;

  context() noexcept = default;

  /// Closed when the context is done; nil when it can never be. The same channel at every call.
  recv_chan<> done() const { return detail::ctx_done(node_.get()); }
  /// Null as long as the context is not done, then canceled or deadline_exceeded.
  error err() const { return detail::ctx_err(node_.get()); }
  /// Why it is done: what was given to with_cancel_cause's function, else err(). Null as long as it is not done.
  error cause() const { return detail::ctx_cause(node_.get()); }
  /// When it will be done at the latest; nothing when there is no deadline.
  std::optional<time_point> deadline() const { return detail::ctx_deadline(node_.get()); }

  /// The nearest value of type T that with_value(parent, T) put in, nullptr when there is none. Lives as long as the
  /// context.
  template <class T>
  const T* value() const {
    return static_cast<const T*>(detail::ctx_value(node_.get(), {typeid(T), nullptr}, typeid(T)));
  }
  /// The nearest value under this key, if it is a T. Keys of different types are different.
  template <class T, class Key>
  const T* value(const Key& key) const {
    const detail::ctx_held_t<Key> held(key);
    return static_cast<const T*>(detail::ctx_value(node_.get(), {typeid(held), &held}, typeid(T)));
  }

  /// For code that takes a std::stop_token: stop is requested when this context is done (its callbacks run in the
  /// goroutine that cancels). Without possible stop when it can never be.
  std::stop_token stop_token() const { return detail::ctx_stop_token(node_.get()); }

  /// The same context.
  friend bool operator==(const context& a, const context& b) noexcept { return a.node_.get() == b.node_.get(); }

  /// For the library.
  explicit context(detail::ctx_ref node) noexcept : node_(std::move(node)) {}
  const detail::ctx_ref& node() const noexcept { return node_; }

 private:
  detail::ctx_ref node_;
};

/// Never done, no deadline, no values: the root of all contexts.
inline context background() noexcept { return {}; }

/// Makes its context, and all that derive from it, done; later calls do nothing. Does not wait for what was told to
/// stop. Any goroutine or thread.
class cancel_func {
 public:
  void operator()() const { detail::ctx_cancel(node_.get(), {}); }
  explicit cancel_func(detail::ctx_ref node) noexcept : node_(std::move(node)) {}

 private:
  detail::ctx_ref node_;
};

/// The same, and sets what cause() says; null stands for context::canceled.
class cancel_cause_func {
 public:
  void operator()(error cause) const { detail::ctx_cancel(node_.get(), std::move(cause)); }
  explicit cancel_cause_func(detail::ctx_ref node) noexcept : node_(std::move(node)) {}

 private:
  detail::ctx_ref node_;
};

/// A child that is done when the function is called or the parent is done. Call it in any case: until then the parent
/// holds the child.
[[nodiscard]] inline std::pair<context, cancel_func> with_cancel(const context& parent) {
  detail::ctx_ref node = detail::new_cancel_ctx(parent.node());
  return {context(node), cancel_func(node)};
}

[[nodiscard]] inline std::pair<context, cancel_cause_func> with_cancel_cause(const context& parent) {
  detail::ctx_ref node = detail::new_cancel_ctx(parent.node());
  return {context(node), cancel_cause_func(node)};
}

/// A child that is done at `deadline` at the latest. `cause` is what cause() says then (null: deadline_exceeded).
[[nodiscard]] inline std::pair<context, cancel_func> with_deadline(const context& parent, time_point deadline,
                                                                   error cause = {}) {
  detail::ctx_ref node = detail::new_deadline_ctx(parent.node(), deadline, std::move(cause));
  return {context(node), cancel_func(node)};
}
/// The same for other clocks, as they run now.
template <class Clock, class Duration>
[[nodiscard]] std::pair<context, cancel_func> with_deadline(const context& parent,
                                                            const std::chrono::time_point<Clock, Duration>& deadline,
                                                            error cause = {}) {
  const auto left = std::chrono::nanoseconds(detail::timeout_ns(deadline - Clock::now()));
  return with_deadline(parent, time_point::clock::now() + left, std::move(cause));
}

/// A child that is done after d at the latest.
template <class Rep, class Period>
[[nodiscard]] std::pair<context, cancel_func> with_timeout(const context& parent,
                                                           const std::chrono::duration<Rep, Period>& d,
                                                           error cause = {}) {
  const auto left = std::chrono::nanoseconds(detail::timeout_ns(d));
  return with_deadline(parent, time_point::clock::now() + left, std::move(cause));
}

/// A child in which value<T>() finds this value: its key is its type, so give it one of your own. Text is held as
/// std::string.
template <class T>
context with_value(const context& parent, T&& value) {
  using node = detail::ctx_value_node<detail::ctx_no_key, detail::ctx_held_t<std::decay_t<T>>>;
  return context(detail::ctx_ref(new node(parent.node(), detail::ctx_no_key(), std::forward<T>(value))));
}
/// The same under a key that can be compared: value<T>(key).
template <class Key, class T>
context with_value(const context& parent, Key&& key, T&& value) {
  using node = detail::ctx_value_node<detail::ctx_held_t<std::decay_t<Key>>, detail::ctx_held_t<std::decay_t<T>>>;
  return context(detail::ctx_ref(new node(parent.node(), std::forward<Key>(key), std::forward<T>(value))));
}

/// The parent's values, but neither its cancellation nor its deadline.
inline context without_cancel(const context& parent) { return context(detail::new_detached_ctx(parent.node())); }

/// Takes back what after_func arranged. True: f has not been started and will not be; false: it has, or this was called
/// before.
class stop_func {
 public:
  bool operator()() const { return detail::ctx_stop_after(node_.get()); }
  explicit stop_func(detail::ctx_ref node) noexcept : node_(std::move(node)) {}

 private:
  detail::ctx_ref node_;
};

/// Calls f() in a goroutine of its own once ctx is done; at once when it is already.
template <std::invocable F>
stop_func after_func(const context& ctx, F&& f) {
  auto call = std::make_unique<detail::timer_func_of<std::decay_t<F>>>(std::forward<F>(f));
  return stop_func(detail::new_after_ctx(ctx.node(), std::move(call)));
}

/// A child that is done as well when stop is requested through `token`.
[[nodiscard]] inline std::pair<context, cancel_func> with_stop_token(const context& parent, std::stop_token token) {
  detail::ctx_ref node = detail::new_token_ctx(parent.node(), std::move(token));
  return {context(node), cancel_func(node)};
}

/// A child that is done as well when one of these signals arrives (Go's NotifyContext); cause() then says which:
/// "interrupt signal received". Until the function is called the signals do nothing else; then they do again what they
/// did before.
[[nodiscard]] inline std::pair<context, cancel_func> with_signals(const context& parent,
                                                                  std::initializer_list<int> signals = {SIGINT,
                                                                                                        SIGTERM}) {
  detail::ctx_ref node = detail::new_signal_ctx(parent.node(), signals);
  return {context(node), cancel_func(node)};
}

/// sleep that ends early, with ctx.err(), when ctx is done; null when all of d went by.
template <class Rep, class Period>
error sleep(const context& ctx, const std::chrono::duration<Rep, Period>& d) {
  return detail::ctx_sleep(ctx.node().get(), detail::timeout_ns(d));
}

/// sleep_until that ends early, with ctx.err(), when ctx is done.
template <class Clock, class Duration>
error sleep_until(const context& ctx, const std::chrono::time_point<Clock, Duration>& t) {
  error err;
  detail::wait_until(t, [&](std::int64_t ns) {
    err = detail::ctx_sleep(ctx.node().get(), ns);
    return static_cast<bool>(err);
  });
  return err;
}

}  // namespace gofer
