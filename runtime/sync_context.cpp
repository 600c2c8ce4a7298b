// The forms of the locks and the like that take a context.
#include <gofer/detail/unless_done.hpp>
#include <gofer/sync.hpp>

namespace gofer {

using detail::unless_done;
using detail::wait_limit;

error mutex::lock_until(const context& ctx) {
  return unless_done(ctx, [this](wait_limit limit) {
    return detail::mutex_try_fast(&state_) || detail::mutex_lock_slow(&state_, limit);
  });
}

error shared_mutex::lock_until(const context& ctx) {
  return unless_done(
      ctx, [this](wait_limit limit) { return detail::rw_lock_fast(&state_) || detail::rw_lock_slow(&state_, limit); });
}

error shared_mutex::lock_shared_until(const context& ctx) {
  return unless_done(ctx, [this](wait_limit limit) {
    return detail::rw_lock_shared_fast(&state_) || detail::rw_lock_shared_slow(&state_, limit);
  });
}

error detail::semaphore_acquire(std::atomic<std::int64_t>* state, const context& ctx) {
  return unless_done(ctx, [state](wait_limit limit) { return semaphore_acquire_slow(state, limit); });
}

error wait_group::wait_until(const context& ctx) {
  return unless_done(ctx, [this](wait_limit limit) { return detail::wait_group_wait_slow(&state_, limit); });
}

error error_group::wait_until(const gofer::context& ctx) {
  if (error err = running_.wait_until(ctx)) return err;
  return wait();
}

}  // namespace gofer
