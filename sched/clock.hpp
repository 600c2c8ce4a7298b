// The monotonic clock, and a cheaper one to decide how often to read it.
#pragma once

#include <time.h>

#include <cstdint>

namespace gofer::sched {

/// Nanoseconds on CLOCK_MONOTONIC (25 ns to read through the vDSO).
inline std::int64_t nanotime() {
  timespec ts;
  ::clock_gettime(CLOCK_MONOTONIC, &ts);
  return std::int64_t{ts.tv_sec} * 1'000'000'000 + ts.tv_nsec;
}

/// A counter of unspecified but steady frequency (7 ns to read): only for "has some time gone by since".
inline std::uint64_t cputicks() {
#if defined(__x86_64__)
  return __builtin_ia32_rdtsc();
#elif defined(__aarch64__)
  std::uint64_t ticks;
  asm volatile("mrs %0, cntvct_el0" : "=r"(ticks));
  return ticks;
#endif
}

}  // namespace gofer::sched
