#pragma once

#include <cstdint>

#include "sched/schedt.hpp"

namespace gofer::sched {

/// sysmon, after every retake.
void watchdog(schedt* s, std::int64_t now);

}  // namespace gofer::sched
