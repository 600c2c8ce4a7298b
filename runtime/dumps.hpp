#pragma once

#include <cstdint>
#include <string>

#include "sched/g.hpp"

namespace gofer::runtime {

/// hooks.report_hog.
void report_hog(const sched::g* gp, std::int64_t ns, void* const* pcs, int n);

/// hooks.report_quit.
[[noreturn]] void report_quit();

/// A table of how deep stacks were used, by creation site; meaningful with GOFER_DEBUG=stackhigh=1.
std::string stack_depths();

}  // namespace gofer::runtime
