// The word of a gofer::shared_mutex, and its fast paths. The rest is in runtime/shared_mutex.cpp.
#pragma once

#include <atomic>
#include <cstdint>
#include <gofer/detail/mutex.hpp>
#include <gofer/detail/timeout.hpp>

namespace gofer::detail {

inline constexpr std::uint32_t rw_writer = 1;    // a writer is inside
inline constexpr std::uint32_t rw_waiting = 2;   // somebody is in a queue; changes under the root's lock only
inline constexpr std::uint32_t rw_woken = 4;     // a writer from the queue is awake and will try
inline constexpr std::uint32_t rw_starving = 8;  // writers get it by hand-over only
inline constexpr std::uint32_t rw_reader = 16;   // one reader inside; the rest of the word counts them

struct rw_state {
  std::atomic<std::uint32_t> word{0};
  std::atomic<std::uint32_t> id{0};  // while locks are checked: its number (lock_word_free)
};

// False: the limit was reached first.
bool rw_lock_slow(rw_state* state, wait_limit limit);
bool rw_try_lock(rw_state* state);
void rw_unlock_slow(rw_state* state);
bool rw_lock_shared_slow(rw_state* state, wait_limit limit);
bool rw_try_lock_shared(rw_state* state);
void rw_unlock_shared_slow(rw_state* state);

inline bool rw_lock_fast(rw_state* state) {
  std::uint32_t free_state = lock_word_free.load(std::memory_order_relaxed);
  // acquire; pairs with the releases of whoever was inside
  return state->word.compare_exchange_strong(free_state, rw_writer, std::memory_order_acquire,
                                             std::memory_order_relaxed);
}

inline bool rw_unlock_fast(rw_state* state) {
  std::uint32_t mine = rw_writer | lock_word_free.load(std::memory_order_relaxed);
  return state->word.compare_exchange_strong(mine, 0, std::memory_order_release, std::memory_order_relaxed);
}

inline bool rw_lock_shared_fast(rw_state* state) {
  std::uint32_t old = state->word.load(std::memory_order_relaxed);
  return (old & (rw_writer | rw_waiting | rw_starving)) == lock_word_free.load(std::memory_order_relaxed) &&
         state->word.compare_exchange_strong(old, old + rw_reader, std::memory_order_acquire,
                                             std::memory_order_relaxed);
}

inline bool rw_unlock_shared_fast(rw_state* state) {
  std::uint32_t old = state->word.load(std::memory_order_relaxed);
  return old >= rw_reader && (old & rw_waiting) == lock_word_free.load(std::memory_order_relaxed) &&
         state->word.compare_exchange_strong(old, old - rw_reader, std::memory_order_release,
                                             std::memory_order_relaxed);
}

}  // namespace gofer::detail
