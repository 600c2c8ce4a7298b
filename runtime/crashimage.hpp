// GOFER_TRACEBACK=crash: the core that is dumped for a panic shows the stack on which the panic was raised.
//
// By the time that it is certain that nobody recovers, that stack has been unwound (any deferred call on it might have
// recovered). So in this mode, and in no other, each panic keeps a copy of the stack above it; before the process
// aborts the copy is put back, and the abort is raised there. Rejected: a fork at each panic, whose core would have one
// thread.
#pragma once

#include "sched/g.hpp"

namespace gofer::runtime {

struct crash_image;

/// A copy of the calling goroutine's stack from here up; nullptr: on a plain thread, without memory, or not on x86-64.
crash_image* take_crash_image(const sched::g* gp);
void drop_crash_image(crash_image* image) noexcept;

/// Puts the stack back and aborts on it.
[[noreturn]] void abort_on(const crash_image* image);

}  // namespace gofer::runtime
