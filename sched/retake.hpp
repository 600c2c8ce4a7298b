#pragma once

#include <cstdint>

#include "sched/atomic.hpp"
#include "sched/schedt.hpp"

namespace gofer::sched {

/// Once per process, before the first worker.
void retake_init();

/// How long a goroutine may keep its P while others wait: 10 ms, Go's time slice. Tests make it shorter.
extern atomic<std::int64_t> force_preempt_ns;

/// sysmon: takes Ps from threads that have been in a blocking call for a whole look, and from goroutines that have run
/// for 10 ms while others wait, and hands them to other threads. Returns how many.
int retake(schedt* s, std::int64_t now);

/// Whether a blocking call has begun on any P since the last retake.
bool new_syscall(schedt* s);

}  // namespace gofer::sched
