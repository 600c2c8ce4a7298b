// What this build is: processor, sanitizers, and the few numbers that the scheduler is tuned by.
#pragma once

#include <cstddef>
#include <cstdint>

#if defined(__SANITIZE_ADDRESS__)
#define GOFER_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define GOFER_ASAN 1
#endif
#endif
#ifndef GOFER_ASAN
#define GOFER_ASAN 0
#endif

#if defined(__SANITIZE_THREAD__)
#define GOFER_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define GOFER_TSAN 1
#endif
#endif
#ifndef GOFER_TSAN
#define GOFER_TSAN 0
#endif

// The own register switch exists for x86-64; every other processor, and -DGOFER_SWITCH=boost, uses Boost.Context.
#if !defined(GOFER_SWITCH_ASM)
#if defined(__x86_64__)
#define GOFER_SWITCH_ASM 1
#else
#define GOFER_SWITCH_ASM 0
#endif
#endif

namespace gofer::sched {

inline constexpr std::size_t cache_line = 64;
inline constexpr std::size_t page_size = 4096;  // checked against sysconf at start-up

/// Go's ring size: a power of two so that indices wrap by masking.
inline constexpr std::uint32_t runq_size = 256;

/// Every 61st schedule looks at the global queue first, as Go does: two goroutines that respawn each other could
/// otherwise hold the local queue for ever.
inline constexpr std::uint32_t globq_tick = 61;

/// Default address space of a stack. Only touched pages cost memory (a parked goroutine holds one).
inline constexpr std::size_t default_stack_size = 256 * 1024;
inline constexpr std::size_t min_stack_size = 16 * 1024;
inline constexpr std::size_t max_stack_size = std::size_t{1} << 30;

inline constexpr int max_procs = 1024;

/// Worker threads at most, blocked ones included (Go's SetMaxThreads default): far more than a machine bears, so that
/// reaching it means that blocking calls pile up.
inline constexpr int default_max_threads = 10'000;

/// Dead goroutines (with their stacks) that a P keeps, and how many move to or from the central list at once (Go: 64,
/// 32).
inline constexpr int gfree_local_max = 64;
inline constexpr int gfree_batch = 32;

}  // namespace gofer::sched
