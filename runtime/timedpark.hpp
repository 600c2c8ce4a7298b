// Parking for a limited time, or until a context is done.
#pragma once

#include <cstdint>
#include <gofer/detail/timeout.hpp>

#include "runtime/sema.hpp"
#include "sched/waitreason.hpp"

namespace gofer::runtime {

/// How a waiter leaves what it waits in. Both are called with `arg`. expire may come while commit runs on another
/// thread: one of the two, or what the waiter does when park_for has returned, must wait for commit's last look at *arg
/// (a lock that commit gives back does that).
struct timed_wait {
  void (*commit)(void* arg);  // makes the waiter findable: gopark's
  bool (*expire)(void* arg);  // time is up: takes the waiter out; false: somebody else is about to wake it
  void* arg;
};

/// gopark, but ns nanoseconds later (never when negative) expire is called, on any thread, and when it says so the
/// waiter goes on.
void park_for(const timed_wait& how, std::int64_t ns, sched::wait_reason reason);

/// Parks the running goroutine, whose `w` is queued at `root` (locked; unlocked on return). When the limit is reached,
/// w is taken out and goes on with timed_out set.
void park_at(semroot& root, semwaiter& w, detail::wait_limit limit, sched::wait_reason reason);

}  // namespace gofer::runtime
