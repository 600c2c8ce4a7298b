// The engines behind <gofer/sync.hpp> that are not locks: see runtime/sync_*.cpp.
#pragma once

#include <atomic>
#include <cstdint>

namespace gofer::detail {

/// Waits on cond until notified: true; or until ns nanoseconds (negative: for ever) have gone by: false. `unlock(lock)`
/// runs once a notification cannot be missed any more; when it answers false the wait is over at once.
bool cond_wait(std::atomic<std::uint32_t>* cond, bool (*unlock)(void*), void* lock, std::int64_t ns);
void cond_notify(std::atomic<std::uint32_t>* cond, bool all);

// A wait group's word: the counter in the high half, and whether somebody waits.
inline constexpr std::uint64_t wait_group_one = std::uint64_t{1} << 32;
inline constexpr std::uint64_t wait_group_waiting = 1;

/// After `delta` was added, with the word `now`: somebody waits, or the counter is negative.
void wait_group_done_slow(std::atomic<std::uint64_t>* state, std::uint64_t now, int delta);
void wait_group_wait_slow(std::atomic<std::uint64_t>* state);

// A semaphore's word: whether somebody waits, and above it the permits.
inline constexpr std::int64_t semaphore_waiting = 1;
inline constexpr std::int64_t semaphore_permit = 2;

bool semaphore_acquire_slow(std::atomic<std::int64_t>* state, std::int64_t ns);
void semaphore_release_slow(std::atomic<std::int64_t>* state, std::int64_t permits);

}  // namespace gofer::detail
