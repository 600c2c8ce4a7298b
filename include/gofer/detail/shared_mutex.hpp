// The word of a gofer::shared_mutex, and its fast paths. The rest is in runtime/shared_mutex.cpp.
#pragma once

#include <atomic>
#include <cstdint>
#include <gofer/detail/timeout.hpp>

namespace gofer::detail {

inline constexpr std::uint32_t rw_writer = 1;    // a writer is inside
inline constexpr std::uint32_t rw_waiting = 2;   // somebody is in a queue; changes under the root's lock only
inline constexpr std::uint32_t rw_woken = 4;     // a writer from the queue is awake and will try
inline constexpr std::uint32_t rw_starving = 8;  // writers get it by hand-over only
inline constexpr std::uint32_t rw_reader = 16;   // one reader inside; the rest of the word counts them

// False: the limit was reached first.
bool rw_lock_slow(std::atomic<std::uint32_t>* state, wait_limit limit);
bool rw_try_lock(std::atomic<std::uint32_t>* state);
void rw_unlock_slow(std::atomic<std::uint32_t>* state);
bool rw_lock_shared_slow(std::atomic<std::uint32_t>* state, wait_limit limit);
bool rw_try_lock_shared(std::atomic<std::uint32_t>* state);
void rw_unlock_shared_slow(std::atomic<std::uint32_t>* state);

inline bool rw_lock_fast(std::atomic<std::uint32_t>* state) {
  std::uint32_t free_state = 0;
  // acquire; pairs with the releases of whoever was inside
  return state->compare_exchange_strong(free_state, rw_writer, std::memory_order_acquire, std::memory_order_relaxed);
}

inline bool rw_unlock_fast(std::atomic<std::uint32_t>* state) {
  std::uint32_t mine = rw_writer;
  return state->compare_exchange_strong(mine, 0, std::memory_order_release, std::memory_order_relaxed);
}

inline bool rw_lock_shared_fast(std::atomic<std::uint32_t>* state) {
  std::uint32_t old = state->load(std::memory_order_relaxed);
  return (old & (rw_writer | rw_waiting | rw_starving)) == 0 &&
         state->compare_exchange_strong(old, old + rw_reader, std::memory_order_acquire, std::memory_order_relaxed);
}

inline bool rw_unlock_shared_fast(std::atomic<std::uint32_t>* state) {
  std::uint32_t old = state->load(std::memory_order_relaxed);
  return old >= rw_reader && (old & rw_waiting) == 0 &&
         state->compare_exchange_strong(old, old - rw_reader, std::memory_order_release, std::memory_order_relaxed);
}

}  // namespace gofer::detail
