// The atomic type of the scheduler: std::atomic, under a name of its own, so that the explorer (tests/explore) can
// build the same sources with one that stops before every access.
#pragma once

#include <atomic>

namespace gofer::sched {

template <class T>
using atomic = std::atomic<T>;

}  // namespace gofer::sched
