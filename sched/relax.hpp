// What a spin loop says to the processor. A file of its own so that the explorer (tests/explore) can let another thread
// run there.
#pragma once

namespace gofer::sched {

/// Hint to the processor inside a spin loop.
inline void cpu_relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

}  // namespace gofer::sched
