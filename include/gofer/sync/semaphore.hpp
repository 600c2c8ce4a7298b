// Counting semaphores.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <gofer/detail/sync.hpp>
#include <gofer/detail/timeout.hpp>
#include <gofer/error.hpp>
#include <limits>

namespace gofer {

class context;

namespace detail {
error semaphore_acquire(std::atomic<std::int64_t>* state, const context& ctx);
}

/// std::counting_semaphore's shape. Permits go to those who wait in the order in which they came.
template <std::ptrdiff_t LeastMaxValue = std::numeric_limits<std::ptrdiff_t>::max() / 4>
class counting_semaphore {
  static_assert(LeastMaxValue >= 0 && LeastMaxValue <= std::numeric_limits<std::ptrdiff_t>::max() / 4);

 public:
  /// With `desired` permits (not negative).
  constexpr explicit counting_semaphore(std::ptrdiff_t desired) noexcept : state_(desired * detail::semaphore_permit) {}
  counting_semaphore(const counting_semaphore&) = delete;
  counting_semaphore& operator=(const counting_semaphore&) = delete;

  static constexpr std::ptrdiff_t max() noexcept { return LeastMaxValue; }

  /// Adds permits; wakes as many as they suffice for. Never blocks.
  void release(std::ptrdiff_t permits = 1) {
    std::int64_t old = state_.load(std::memory_order_relaxed);
    while ((old & detail::semaphore_waiting) == 0) {
      // release; pairs with the acquires in acquire
      if (state_.compare_exchange_weak(old, old + permits * detail::semaphore_permit, std::memory_order_release,
                                       std::memory_order_relaxed)) {
        return;
      }
    }
    detail::semaphore_release_slow(&state_, permits);
  }

  /// Takes a permit; blocks until there is one.
  void acquire() {
    if (!try_fast()) detail::semaphore_acquire_slow(&state_, {});
  }
  /// The same until ctx is done: null when a permit was taken, else ctx.err().
  error acquire_until(const context& ctx) { return detail::semaphore_acquire(&state_, ctx); }
  /// Takes a permit if there is one.
  bool try_acquire() noexcept { return try_fast(); }
  /// Takes a permit; false when there was none for as long as d, or until t.
  template <class Rep, class Period>
  bool try_acquire_for(const std::chrono::duration<Rep, Period>& d) {
    return try_fast() || detail::semaphore_acquire_slow(&state_, {detail::timeout_ns(d)});
  }
  template <class Clock, class Duration>
  bool try_acquire_until(const std::chrono::time_point<Clock, Duration>& t) {
    return try_fast() ||
           detail::wait_until(t, [this](std::int64_t ns) { return detail::semaphore_acquire_slow(&state_, {ns}); });
  }

 private:
  bool try_fast() noexcept {
    std::int64_t old = state_.load(std::memory_order_relaxed);
    while (old >= detail::semaphore_permit) {
      // acquire; pairs with the releases of permits
      if (state_.compare_exchange_weak(old, old - detail::semaphore_permit, std::memory_order_acquire,
                                       std::memory_order_relaxed)) {
        return true;
      }
    }
    return false;
  }

  std::atomic<std::int64_t> state_;
};

using binary_semaphore = counting_semaphore<1>;

}  // namespace gofer
