// In place of sched/relax.hpp: who spins waits for somebody, who is let run.
#pragma once

#include "point.hpp"

namespace gofer::sched {

inline void cpu_relax(explore::where w = explore::where::here()) { explore::spin(w); }

}  // namespace gofer::sched
