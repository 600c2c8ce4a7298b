// What GOFER_DEBUG switches on (docs/knobs.md). Set by runtime/ when a run begins, before its scheduler starts.
#pragma once

#include <cstdint>

#include "sched/atomic.hpp"

namespace gofer::sched {

struct debug_settings {
  atomic<std::int64_t> schedtrace_ms{0};  // a line about the scheduler every so often
  atomic<bool> scheddetail{false};        // and one for every P, M and G
  atomic<std::int64_t> watchdog_ms{0};    // report who holds a P for longer
  atomic<bool> stackhigh{false};          // note how deep stacks get
};
extern debug_settings debug;

}  // namespace gofer::sched
