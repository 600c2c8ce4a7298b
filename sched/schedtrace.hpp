#pragma once

#include <string>

#include "sched/schedt.hpp"

namespace gofer::sched {

/// One line about the scheduler, and with `detailed` one for every P, M and goroutine, in the format of Go's schedtrace
/// and scheddetail, so that what reads those reads these. Any thread; a snapshot of moving parts. since: nanotime() of
/// the start.
std::string schedtrace(schedt* s, std::int64_t since, bool detailed);

/// sysmon, now and then: writes it when it is due (GOFER_DEBUG=schedtrace=MS).
void schedtrace_if_due(schedt* s, std::int64_t now);

}  // namespace gofer::sched
