// Mutual exclusion between goroutines.
#pragma once

#include <atomic>
#include <cstdint>
#include <gofer/detail/mutex.hpp>

namespace gofer {

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
      detail::mutex_lock_slow(&state_);
  }
  /// Locks it if that is possible without blocking.
  bool try_lock() { return detail::mutex_try_fast(&state_) || detail::mutex_try_slow(&state_); }
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
