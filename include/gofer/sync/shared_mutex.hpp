// Many readers, or one writer.
#pragma once

#include <chrono>
#include <cstdint>
#include <gofer/detail/shared_mutex.hpp>
#include <gofer/detail/timeout.hpp>

namespace gofer {

class context;
class error;

/// A readers-writer lock of eight bytes (Go's sync.RWMutex). A writer who waits holds back new readers; one who leaves
/// lets in all readers who wait before the next writer. So a goroutine that has it shared must not lock it shared once
/// more.
class shared_mutex {
 public:
  constexpr shared_mutex() noexcept = default;
  shared_mutex(const shared_mutex&) = delete;
  shared_mutex& operator=(const shared_mutex&) = delete;

  /// Locks it for writing; blocks while anybody is inside.
  void lock() {
    if (!detail::rw_lock_fast(&state_)) [[unlikely]]
      detail::rw_lock_slow(&state_, {});
  }
  /// The same until ctx is done: null when it is locked, else ctx.err().
  error lock_until(const context& ctx);
  /// The same if that is possible without blocking.
  bool try_lock() { return detail::rw_lock_fast(&state_) || detail::rw_try_lock(&state_); }
  /// As lock; false when it could not be locked for as long as d, or until t.
  template <class Rep, class Period>
  bool try_lock_for(const std::chrono::duration<Rep, Period>& d) {
    return lock_within(detail::timeout_ns(d));
  }
  template <class Clock, class Duration>
  bool try_lock_until(const std::chrono::time_point<Clock, Duration>& t) {
    return detail::wait_until(t, [this](std::int64_t ns) { return lock_within(ns); });
  }
  /// Any goroutine may do it. Not locked: "fatal error: sync: Unlock of unlocked RWMutex".
  void unlock() {
    if (!detail::rw_unlock_fast(&state_)) [[unlikely]]
      detail::rw_unlock_slow(&state_);
  }

  /// Locks it for reading; blocks while a writer is inside or waits.
  void lock_shared() {
    if (!detail::rw_lock_shared_fast(&state_)) [[unlikely]]
      detail::rw_lock_shared_slow(&state_, {});
  }
  /// The same until ctx is done: null when it is locked, else ctx.err().
  error lock_shared_until(const context& ctx);
  /// The same if that is possible without blocking.
  bool try_lock_shared() { return detail::rw_lock_shared_fast(&state_) || detail::rw_try_lock_shared(&state_); }
  /// As lock_shared; false when it could not be locked for as long as d, or until t.
  template <class Rep, class Period>
  bool try_lock_shared_for(const std::chrono::duration<Rep, Period>& d) {
    return lock_shared_within(detail::timeout_ns(d));
  }
  template <class Clock, class Duration>
  bool try_lock_shared_until(const std::chrono::time_point<Clock, Duration>& t) {
    return detail::wait_until(t, [this](std::int64_t ns) { return lock_shared_within(ns); });
  }
  /// Not locked for reading: "fatal error: sync: RUnlock of unlocked RWMutex".
  void unlock_shared() {
    if (!detail::rw_unlock_shared_fast(&state_)) [[unlikely]]
      detail::rw_unlock_shared_slow(&state_);
  }

 private:
  bool lock_within(std::int64_t ns) { return detail::rw_lock_fast(&state_) || detail::rw_lock_slow(&state_, {ns}); }
  bool lock_shared_within(std::int64_t ns) {
    return detail::rw_lock_shared_fast(&state_) || detail::rw_lock_shared_slow(&state_, {ns});
  }

  detail::rw_state state_;
};

}  // namespace gofer
