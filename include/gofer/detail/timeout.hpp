// Durations and points in time of any std::chrono kind, as the nanoseconds that the engines wait; and what else may end
// a wait.
#pragma once

#include <chrono>
#include <cstdint>
#include <limits>

namespace gofer::detail {

struct hchan;

/// How long a wait may last at most: for ever, ns nanoseconds when that is not negative, or until `done`, a context's
/// channel, is closed.
struct wait_limit {
  std::int64_t ns = -1;
  hchan* done = nullptr;
};

/// Rounded up, so that nobody wakes early; saturated: 292 years are for ever. Negative: 0.
template <class Rep, class Period>
constexpr std::int64_t timeout_ns(const std::chrono::duration<Rep, Period>& d) {
  using wide = std::chrono::duration<long double, std::nano>;
  constexpr std::int64_t max = std::numeric_limits<std::int64_t>::max() / 2;
  if (!(d > d.zero())) return 0;
  if (wide(d).count() >= static_cast<long double>(max)) return max;
  return std::chrono::ceil<std::chrono::duration<std::int64_t, std::nano>>(d).count();
}

/// Calls wait(nanoseconds), which answers whether it is over, until it is or `until` has come: a clock that is set back
/// or runs slower than the monotonic one must not end the wait early.
template <class Clock, class Duration, class Wait>
bool wait_until(const std::chrono::time_point<Clock, Duration>& until, Wait wait) {
  for (;;) {
    const auto now = Clock::now();
    if (wait(timeout_ns(until - now))) return true;
    if (now >= until || Clock::now() >= until) return false;
  }
}

}  // namespace gofer::detail
