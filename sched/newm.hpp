// Worker threads.
#pragma once

#include "sched/schedt.hpp"

namespace gofer::sched {

/// Starts a worker that begins with pp. False when the system refuses a thread.
bool newm(schedt* s, p* pp, bool spinning);

}  // namespace gofer::sched
