// In place of sched/clock.hpp: the explorer's clock, which moves when everybody sleeps or spins, or when a sleeper is
// chosen to wake up.
#pragma once

#include <cstdint>

#include "point.hpp"

namespace gofer::sched {

inline std::int64_t nanotime() { return explore::now(); }

/// Three a nanosecond.
inline std::uint64_t cputicks() { return explore::ticks(); }

}  // namespace gofer::sched
