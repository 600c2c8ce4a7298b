// Tracebacks as text, in Go's format, so that people and tools that read Go's dumps read ours (docs/traceback.md).
//
// Everything here allocates and symbolizes: never from a signal handler (see runtime/symbolize.hpp).
#pragma once

#include <string>

#include "sched/g.hpp"

namespace gofer::runtime {

/// Two lines for every call:
///   function(...)
///   <tab>file:line +0xoffset
/// pcs are return addresses, innermost first (sched/traceback.hpp). Inlined calls have lines of their own, without
/// offset. Of more than a hundred calls the innermost and the outermost fifty; n == sched::max_traceback counts as cut
/// off. hide_runtime leaves out what is_internal calls so, unless nothing would be left, or GOFER_TRACEBACK says
/// otherwise (show_runtime).
std::string format_frames(void* const* pcs, int n, bool hide_runtime);

/// "goroutine 7 [chan receive, 5 minutes, locked to thread]:\n". status_override, when not null, stands for the status.
std::string goroutine_header(const sched::g* gp, const char* status_override);

/// "created by F in goroutine M\n\tfile:line +0xoffset\n"; nothing for goroutine 1 and where no `go` made it.
void append_created_by(std::string& out, const sched::g* gp);

/// Whether goroutines that run on other threads are interrupted to see where they are (sched/sample.hpp), or shown
/// without frames.
enum class running_ones { undisturbed, interrupted };

/// Every goroutine of the running run() but `except` and the runtime's own, by number; before each an empty line.
/// They need not hold still: one that parks or wakes while it is looked
/// at may be shown with frames of neither moment. The caller sees to it that `except` is not shown twice, no more.
std::string all_goroutines(const sched::g* except, running_ones running);

/// GOFER_TRACEBACK=system and crash: hide nothing, and list the runtime's own goroutines.
void show_runtime(bool on);

}  // namespace gofer::runtime
