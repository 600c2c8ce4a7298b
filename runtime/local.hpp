// The ends of goroutines and threads, as gofer::local sees them.
#pragma once

#include "sched/g.hpp"

namespace gofer::runtime {

/// Destroys gp's values of gofer::local, the youngest first, on gp itself.
void destroy_locals(sched::g* gp) noexcept;

}  // namespace gofer::runtime
