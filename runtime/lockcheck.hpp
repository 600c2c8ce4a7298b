// GOFER_DEBUG=lockcheck=1: what may go wrong with locks one day is said the first time that it could have.
//
//   - Two locks that are taken in this order here and in that order there, by whomever and whenever, are a
//     deadlock that waits for its moment. Every order in which a goroutine (or thread) has held one lock and asked
//     for another is an edge of a graph; one that closes a cycle is reported, with all of the cycle's stacks.
//   - A std::mutex that is held while its goroutine parks blocks threads, and is unlocked by another thread than
//     locked it. Those are seen by the interposed functions of lockcheck/pthread.cpp, where that is linked.
//
// A lock is known by a number that it carries itself, not by its address: another may be born in the same place, and
// would inherit its orders. (So a std::mutex, which has no room for one, is not in the graph. ThreadSanitizer looks
// after those.) Locks taken by try_lock, or for a limited time, close no cycle, as nobody waits for them for ever;
// what is taken while one is held counts.
//
// Costs a stack walk and a common lock for every lock and unlock. Off: nothing (see lock_word_free in
// gofer/detail/mutex.hpp), and a load for a park.
#pragma once

#include <atomic>
#include <cstdint>
#include <gofer/detail/mutex.hpp>

namespace gofer::runtime {

/// Turns it on, for good.
void check_locks();
inline bool lockcheck_on() { return detail::lock_word_free.load(std::memory_order_relaxed) != 0; }

struct checked_lock {
  std::uint32_t id;
  const void* address;
  const char* kind;
};

/// The number in `word`, from bit `shift` on; gives it one if it has none.
std::uint32_t lock_id_in(std::atomic<std::uint32_t>* word, int shift);

/// The caller is about to wait for it. Looks for cycles.
void lock_wanted(const checked_lock& l);
void lock_taken(const checked_lock& l);
/// Perhaps by another goroutine than took it.
void lock_given_up(const checked_lock& l);

/// Of a lock that blocks the thread, taken on a goroutine.
void thread_lock_taken(const void* address, const char* kind);
void thread_lock_given_up(const void* address);

}  // namespace gofer::runtime
