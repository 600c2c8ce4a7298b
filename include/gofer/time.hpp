// Sleeping, and timers that send on a channel or start a goroutine, with Go's rules (those of Go 1.23).
//
//   gofer::sleep(10ms);
//   gofer::select(gofer::recv(c, …), gofer::recv(gofer::after(1s), …));
//   gofer::ticker every{100ms};
//   for (gofer::time_point now : every.c()) …
//   gofer::timer t = gofer::after_func(5s, [] { … });  t.stop();
//
// All clocks here are monotonic; durations are rounded up, and 146 years are for ever. A timer's channel looks
// unbuffered (len and cap are 0) and never holds a stale value: after stop() or reset() nothing of an earlier arming is
// received. A timer or ticker that nobody can see any more (no handle, no copy of its channel) stops by itself.
#pragma once

#include <chrono>
#include <concepts>
#include <cstdint>
#include <gofer/chan.hpp>
#include <gofer/detail/timeout.hpp>
#include <memory>
#include <type_traits>
#include <utility>

namespace gofer {

/// What timers send: when they were due (Go 1.23), however late that was noticed.
using time_point = std::chrono::steady_clock::time_point;

namespace detail {

/// What after_func runs; may run several times, and at the same time, when its timer is reset.
struct timer_func {
  timer_func() = default;
  timer_func(const timer_func&) = delete;
  timer_func& operator=(const timer_func&) = delete;
  virtual ~timer_func() = default;
  virtual void run() = 0;
};

template <class F>
struct timer_func_of final : timer_func {
  template <class G>
  explicit timer_func_of(G&& g) : f(std::forward<G>(g)) {}
  void run() override { f(); }
  F f;
};

struct timer_state;  // runtime/time_timer.hpp
void timer_retain(timer_state* s) noexcept;
void timer_release(timer_state* s) noexcept;

/// A counted reference to a timer, or null.
class timer_ref {
 public:
  timer_ref() noexcept = default;
  explicit timer_ref(timer_state* adopted) noexcept : s_(adopted) {}
  timer_ref(const timer_ref& other) noexcept : s_(other.s_) {
    if (s_ != nullptr) timer_retain(s_);
  }
  timer_ref(timer_ref&& other) noexcept : s_(std::exchange(other.s_, nullptr)) {}
  timer_ref& operator=(timer_ref other) noexcept {
    std::swap(s_, other.s_);
    return *this;
  }
  ~timer_ref() {
    if (s_ != nullptr) timer_release(s_);
  }
  // Not noexcept: on a null timer* this load is the nil dereference, which has to be able to unwind.
  timer_state* get() const { return s_; }

 private:
  timer_state* s_ = nullptr;
};

void sleep_ns(std::int64_t ns);
/// A timer (period 0) or ticker and the channel that it sends on.
struct timer_and_chan {
  timer_ref ref;
  recv_chan<time_point> c;
};
timer_and_chan new_timer(std::int64_t ns, std::int64_t period);
timer_ref new_func_timer(std::int64_t ns, std::unique_ptr<timer_func> f);
timer_and_chan new_ticker(std::int64_t ns);
bool timer_stop(timer_state* s);
bool timer_reset(timer_state* s, std::int64_t ns);
void ticker_stop(timer_state* s);
void ticker_reset(timer_state* s, std::int64_t ns);

}  // namespace detail

/// Blocks the calling goroutine for at least d; returns at once when d is not positive. On a plain thread blocks the
/// thread.
template <class Rep, class Period>
void sleep(const std::chrono::duration<Rep, Period>& d) {
  detail::sleep_ns(detail::timeout_ns(d));
}

/// Blocks the calling goroutine until its clock shows t; for a clock that can be set, looks again when the time should
/// have come.
template <class Clock, class Duration>
void sleep_until(const std::chrono::time_point<Clock, Duration>& t) {
  detail::wait_until(t, [](std::int64_t ns) {
    detail::sleep_ns(ns);
    return false;
  });
}

/// A channel that receives the time once, after d. Costs nothing more once the channel is dropped.
template <class Rep, class Period>
recv_chan<time_point> after(const std::chrono::duration<Rep, Period>& d) {
  return detail::new_timer(detail::timeout_ns(d), 0).c;
}

/// One event in the future: a value on c(), or (from after_func) a call. A handle: copies are the same timer. All
/// operations may be called from any goroutine or thread, and never block.
class timer {
 public:
  /// Go's zero Timer: stop() and reset() panic.
  timer() noexcept = default;
  /// Sends the time on c() after d.
  template <class Rep, class Period>
  explicit timer(const std::chrono::duration<Rep, Period>& d) : self_(detail::new_timer(detail::timeout_ns(d), 0)) {}

  /// The channel; nil for after_func's.
  recv_chan<time_point> c() const noexcept { return self_.c; }

  /// Prevents the timer from firing. True: it was armed, and neither has the value been received nor the call been
  /// started; false: it has, or it was stopped already. Does not wait for a call that runs, does not close the channel.
  bool stop() const { return detail::timer_stop(self_.ref.get()); }

  /// Arms the timer for d from now, whatever it was before; returns what stop() would have.
  template <class Rep, class Period>
  bool reset(const std::chrono::duration<Rep, Period>& d) const {
    return detail::timer_reset(self_.ref.get(), detail::timeout_ns(d));
  }

 private:
  template <class Rep, class Period, std::invocable F>
  friend timer after_func(const std::chrono::duration<Rep, Period>& d, F&& f);
  explicit timer(detail::timer_ref ref) noexcept : self_{std::move(ref), {}} {}

  detail::timer_and_chan self_;
};

/// Calls f() in a goroutine of its own after d, unless the timer is stopped before. The timer need not be kept; a reset
/// of it makes f be called again.
template <class Rep, class Period, std::invocable F>
timer after_func(const std::chrono::duration<Rep, Period>& d, F&& f) {
  auto call = std::make_unique<detail::timer_func_of<std::decay_t<F>>>(std::forward<F>(f));
  return timer(detail::new_func_timer(detail::timeout_ns(d), std::move(call)));
}

/// Sends the time on c() again and again. Ticks that nobody received in time are dropped, and the rest keep their
/// phase. A handle, as timer is.
class ticker {
 public:
  /// Go's zero Ticker: stop() does nothing, reset() panics.
  ticker() noexcept = default;
  /// The first tick comes after d, the next ones every d. Panics with a text when d is not positive.
  template <class Rep, class Period>
  explicit ticker(const std::chrono::duration<Rep, Period>& d) : self_(detail::new_ticker(detail::timeout_ns(d))) {}

  recv_chan<time_point> c() const noexcept { return self_.c; }

  /// No more ticks, not even one that was due. Does not close the channel.
  void stop() const { detail::ticker_stop(self_.ref.get()); }

  /// Ticks every d from now on, also after a stop(). Panics with a text when d is not positive.
  template <class Rep, class Period>
  void reset(const std::chrono::duration<Rep, Period>& d) const {
    detail::ticker_reset(self_.ref.get(), detail::timeout_ns(d));
  }

 private:
  detail::timer_and_chan self_;
};

}  // namespace gofer
