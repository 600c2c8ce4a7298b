// The engines behind <gofer/sync.hpp> that are not locks: see runtime/sync_*.cpp.
#pragma once

#include <atomic>
#include <cstdint>
#include <gofer/detail/timeout.hpp>

namespace gofer::detail {

/// Waits on cond until notified: true; or until the limit: false. `unlock(lock)` runs once a notification cannot be
/// missed any more; when it answers false the wait is over at once.
bool cond_wait(std::atomic<std::uint32_t>* cond, bool (*unlock)(void*), void* lock, wait_limit limit);
void cond_notify(std::atomic<std::uint32_t>* cond, bool all);

// A wait group's word: the counter in the high half, and whether somebody waits.
inline constexpr std::uint64_t wait_group_one = std::uint64_t{1} << 32;
inline constexpr std::uint64_t wait_group_waiting = 1;

/// After `delta` was added, with the word `now`: somebody waits, or the counter is negative.
void wait_group_done_slow(std::atomic<std::uint64_t>* state, std::uint64_t now, int delta);
/// False: the limit was reached first.
bool wait_group_wait_slow(std::atomic<std::uint64_t>* state, wait_limit limit);

// A semaphore's word: whether somebody waits, and above it the permits.
inline constexpr std::int64_t semaphore_waiting = 1;
inline constexpr std::int64_t semaphore_permit = 2;

/// False: the limit was reached first.
bool semaphore_acquire_slow(std::atomic<std::int64_t>* state, wait_limit limit);
void semaphore_release_slow(std::atomic<std::int64_t>* state, std::int64_t permits);

}  // namespace gofer::detail
