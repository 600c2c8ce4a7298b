// Waiting for a condition that a lock guards.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <gofer/detail/sync.hpp>
#include <gofer/detail/timeout.hpp>
#include <gofer/detail/unless_done.hpp>
#include <memory>
#include <stop_token>

namespace gofer {

/// A condition variable for any lock with lock() and unlock(): std::unique_lock<gofer::mutex>, std::shared_lock,
/// gofer::mutex itself. Waiters are woken first come, first served, and never without reason (Go's sync.Cond); the
/// condition may still be gone by the time a waiter has its lock back.
class condition_variable {
 public:
  constexpr condition_variable() noexcept = default;
  condition_variable(const condition_variable&) = delete;
  condition_variable& operator=(const condition_variable&) = delete;

  /// Wakes who has waited longest, if anybody does. Never blocks; the lock need not be held.
  void notify_one() noexcept {
    // acquire: orders this after the changes of the lock's last holder, who may have begun to wait
    if (waiters_.load(std::memory_order_acquire) != 0) detail::cond_notify(&waiters_, false);
  }
  /// Wakes everybody who waits now.
  void notify_all() noexcept {
    if (waiters_.load(std::memory_order_acquire) != 0) detail::cond_notify(&waiters_, true);
  }

  /// Unlocks the lock, blocks until notified, locks it again.
  template <class Lock>
  void wait(Lock& lock) {
    wait_within(lock, {});
  }
  /// Until ready() is true, which is asked with the lock held.
  template <class Lock, class Predicate>
  void wait(Lock& lock, Predicate ready) {
    while (!ready()) wait(lock);
  }

  /// As wait, but at most as long as d, or until t.
  template <class Lock, class Rep, class Period>
  std::cv_status wait_for(Lock& lock, const std::chrono::duration<Rep, Period>& d) {
    return wait_within(lock, {detail::timeout_ns(d)}) ? std::cv_status::no_timeout : std::cv_status::timeout;
  }
  template <class Lock, class Clock, class Duration>
  std::cv_status wait_until(Lock& lock, const std::chrono::time_point<Clock, Duration>& t) {
    return detail::wait_until(t, [&](std::int64_t ns) { return wait_within(lock, {ns}); }) ? std::cv_status::no_timeout
                                                                                           : std::cv_status::timeout;
  }
  /// The answer is ready()'s last.
  template <class Lock, class Rep, class Period, class Predicate>
  bool wait_for(Lock& lock, const std::chrono::duration<Rep, Period>& d, Predicate ready) {
    const auto ns = std::chrono::nanoseconds(detail::timeout_ns(d));
    const auto now = std::chrono::steady_clock::now();
    using time = std::chrono::steady_clock::time_point;
    return wait_until(lock, ns > time::max() - now ? time::max() : now + ns, std::move(ready));
  }
  template <class Lock, class Clock, class Duration, class Predicate>
  bool wait_until(Lock& lock, const std::chrono::time_point<Clock, Duration>& t, Predicate ready) {
    while (!ready()) {
      if (wait_until(lock, t) == std::cv_status::timeout) return ready();
    }
    return true;
  }

  /// As wait(lock, ready), but gives up when stop is requested. The answer is ready()'s last.
  template <class Lock, class Predicate>
  bool wait(Lock& lock, std::stop_token stop, Predicate ready) {
    const std::stop_callback wake(stop, [this] { notify_all(); });
    while (!stop.stop_requested()) {
      if (ready()) return true;
      stoppable<Lock> both{std::addressof(lock), &stop};
      detail::cond_wait(&waiters_, &stoppable<Lock>::unlock, &both, {});
      lock.lock();
    }
    return ready();
  }

  /// As wait, but gives up when ctx is done: null when notified, or when ready() is true, else ctx.err(). The lock is
  /// held in any case.
  template <class Lock>
  error wait(Lock& lock, const context& ctx) {
    return detail::unless_done(ctx, [&](detail::wait_limit limit) { return wait_within(lock, limit); });
  }
  template <class Lock, class Predicate>
  error wait(Lock& lock, const context& ctx, Predicate ready) {
    while (!ready()) {
      if (error err = wait(lock, ctx)) return ready() ? error() : err;
    }
    return {};
  }

 private:
  template <class Lock>
  struct stoppable {
    Lock* lock;
    const std::stop_token* stop;
    static bool unlock(void* self) {
      auto* both = static_cast<stoppable*>(self);
      both->lock->unlock();
      // The callback's notification may have come before this waiter was there to hear it.
      return !both->stop->stop_requested();
    }
  };

  template <class Lock>
  bool wait_within(Lock& lock, detail::wait_limit limit) {
    const auto unlock = [](void* l) {
      static_cast<Lock*>(l)->unlock();
      return true;
    };
    const bool notified = detail::cond_wait(&waiters_, unlock, std::addressof(lock), limit);
    lock.lock();
    return notified;
  }

  std::atomic<std::uint32_t> waiters_{0};  // not zero: there may be some
};

}  // namespace gofer
