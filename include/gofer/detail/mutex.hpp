// The word of a gofer::mutex, and its two fast paths. The rest is in runtime/mutex.cpp.
#pragma once

#include <atomic>
#include <cstdint>
#include <gofer/detail/timeout.hpp>

namespace gofer::detail {

inline constexpr std::uint32_t mutex_locked = 1;
inline constexpr std::uint32_t mutex_waiting = 2;  // somebody is in the queue; changes under the root's lock only
inline constexpr std::uint32_t mutex_woken = 4;    // somebody is awake and will try: no need to wake another
inline constexpr std::uint32_t mutex_starving =
    8;  // the lock is handed to the queue's first; newcomers do not even try

// The rest of the word is 0, or, while locks are checked (runtime/lockcheck.hpp), the mutex's number.
inline constexpr int mutex_id_shift = 4;

/// What the word of a lock says that nobody has: 0. While locks are checked: what no word ever says, so that every fast
/// path fails and the slow ones see all there is. For one load, where a branch would be two instructions more.
extern std::atomic<std::uint32_t> lock_word_free;

inline bool mutex_try_fast(std::atomic<std::uint32_t>* state) {
  std::uint32_t free_state = lock_word_free.load(std::memory_order_relaxed);
  // acquire; pairs with the release in mutex_unlock_fast and mutex_unlock_slow
  return state->compare_exchange_strong(free_state, mutex_locked, std::memory_order_acquire, std::memory_order_relaxed);
}

inline bool mutex_unlock_fast(std::atomic<std::uint32_t>* state) {
  std::uint32_t mine = mutex_locked | lock_word_free.load(std::memory_order_relaxed);
  return state->compare_exchange_strong(mine, 0, std::memory_order_release, std::memory_order_relaxed);
}

/// False: the limit was reached first.
bool mutex_lock_slow(std::atomic<std::uint32_t>* state, wait_limit limit);
bool mutex_try_slow(std::atomic<std::uint32_t>* state);
void mutex_unlock_slow(std::atomic<std::uint32_t>* state);

}  // namespace gofer::detail
