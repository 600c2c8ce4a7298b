// Plain threads: those that the runtime did not make. See m.hpp.
#pragma once

#include "sched/m.hpp"

namespace gofer::sched {

/// This thread's m, made at its first call into gofer and freed when the thread ends.
m* attach_thread();

/// Makes mp end with this thread, as a plain thread's does.
void adopt_thread(m* mp);

}  // namespace gofer::sched
