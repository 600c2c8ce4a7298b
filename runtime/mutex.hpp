// The lock behind gofer::mutex, for use inside the runtime as well. See mutex.cpp.
#pragma once

#include <atomic>
#include <cstdint>
#include <gofer/detail/mutex.hpp>

#include "sched/waitreason.hpp"

namespace gofer::runtime {

/// False: the limit was reached first.
bool mutex_lock_slow(std::atomic<std::uint32_t>* state, sched::wait_reason reason, detail::wait_limit limit = {});
/// Never parks nor yields.
void mutex_unlock_slow(std::atomic<std::uint32_t>* state);

inline void mutex_lock(std::atomic<std::uint32_t>* state, sched::wait_reason reason) {
  if (!detail::mutex_try_fast(state)) mutex_lock_slow(state, reason);
}

inline void mutex_unlock(std::atomic<std::uint32_t>* state) {
  if (!detail::mutex_unlock_fast(state)) mutex_unlock_slow(state);
}

/// Whether to spin for a lock once more, `tries` having been in vain.
bool can_spin(int tries);
/// Some tens of nanoseconds.
void do_spin();

}  // namespace gofer::runtime
