// Waiting for a number of goroutines to end.
#pragma once

#include <atomic>
#include <cstdint>
#include <gofer/detail/counted_call.hpp>
#include <gofer/detail/sync.hpp>
#include <gofer/runtime.hpp>
#include <type_traits>
#include <utility>

namespace gofer {

class context;
class error;

/// A counter that one can wait for to come to zero (Go's sync.WaitGroup). It may be used again once all waits have
/// returned.
class wait_group {
 public:
  constexpr wait_group() noexcept = default;
  wait_group(const wait_group&) = delete;
  wait_group& operator=(const wait_group&) = delete;

  /// Adds delta, which may be negative; at zero everybody who waits is woken. Never blocks. An add that starts from
  /// zero must come before the wait. Panics when the counter becomes negative, or when it is found that add and wait
  /// were mixed up.
  void add(int delta) {
    const auto change = static_cast<std::uint64_t>(static_cast<std::int64_t>(delta)) << 32;
    // release; pairs with the acquire in wait. acquire: the last one passes the others' work on to those whom it wakes
    const std::uint64_t now = state_.fetch_add(change, std::memory_order_acq_rel) + change;
    if ((now & detail::wait_group_waiting) != 0 || static_cast<std::int64_t>(now) < 0) [[unlikely]]
      detail::wait_group_done_slow(&state_, now, delta);
  }
  /// add(-1).
  void done() { add(-1); }
  /// Blocks until the counter is zero. What happened before the done()s has happened when it returns.
  void wait() {
    if (state_.load(std::memory_order_acquire) >> 32 != 0) detail::wait_group_wait_slow(&state_, {});
  }
  /// The same until ctx is done: null when the counter came to zero, else ctx.err(), and the group is still in use.
  error wait_until(const context& ctx);

  /// add(1), and a goroutine that runs f(args...) and is done() when that has returned, or left by goexit, and what it
  /// held has been destroyed.
  template <class F, class... Args>
  void go(F&& f, Args&&... args) {
    add(1);
    using call = detail::counted_call<wait_group, std::decay_t<F>, std::decay_t<Args>...>;
    ::gofer::go(call(this, std::forward<F>(f), std::forward<Args>(args)...));
  }

 private:
  std::atomic<std::uint64_t> state_{0};
};

}  // namespace gofer
