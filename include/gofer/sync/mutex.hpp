// Mutual exclusion between goroutines.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <gofer/detail/mutex.hpp>
#include <gofer/detail/timeout.hpp>

namespace gofer {

class context;
class error;

/// A mutex of four bytes: one compare-and-swap each way when nobody waits. Not recursive. Whoever arrives while it is
/// free gets it, even before those who wait, until one of them has waited for a millisecond: from then on it goes round
/// in order.
class mutex {
 public:
  constexpr mutex() noexcept = default;
  mutex(const mutex&) = delete;
  mutex& operator=(const mutex&) = delete;

  /// Locks it; blocks while somebody else has it.
  void lock() {
    if (!detail::mutex_try_fast(&state_)) [[unlikely]]
      detail::mutex_lock_slow(&state_, {});
  }
  /// The same until ctx is done: null when it is locked, else ctx.err().
  error lock_until(const context& ctx);
  /// Locks it if that is possible without blocking.
  bool try_lock() { return detail::mutex_try_fast(&state_) || detail::mutex_try_slow(&state_); }
  /// As lock; false when it could not be locked for as long as d, or until t.
  template <class Rep, class Period>
  bool try_lock_for(const std::chrono::duration<Rep, Period>& d) {
    return detail::mutex_try_fast(&state_) || detail::mutex_lock_slow(&state_, {detail::timeout_ns(d)});
  }
  template <class Clock, class Duration>
  bool try_lock_until(const std::chrono::time_point<Clock, Duration>& t) {
    return detail::wait_until(t, [this](std::int64_t ns) {
      return detail::mutex_try_fast(&state_) || detail::mutex_lock_slow(&state_, {ns});
    });
  }
  /// Unlocks it; it need not be the goroutine that locked it. Never blocks. Of an unlocked mutex: "fatal error: sync:
  /// unlock of unlocked mutex".
  void unlock() {
    if (!detail::mutex_unlock_fast(&state_)) [[unlikely]]
      detail::mutex_unlock_slow(&state_);
  }

 private:
  std::atomic<std::uint32_t> state_{0};
};

}  // namespace gofer
