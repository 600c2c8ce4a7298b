// Where a goroutine is: the program counters of a stack, the running one's or a parked one's.
//
// Only collecting happens here: no allocation, no lock, no symbol. What the numbers mean is found out later, and
// elsewhere (runtime/symbolize.hpp), so that a panic that is recovered pays for a walk and no more.
//
// A pc is a return address, as the walk finds it: the instruction behind the call. Whoever looks one up looks up pc
// - 1. For a frame that a signal interrupted the pc is exact, and is given as pc + 1, so that the same rule holds
// everywhere.
#pragma once

#include "sched/g.hpp"

namespace gofer::sched {

/// Longest traceback worth keeping: Go prints a hundred frames; some of ours are the runtime's own and not shown.
inline constexpr int max_traceback = 128;

/// The calls that lead here, innermost first: pcs[0] lies in the function that called callers(). `skip` leaves out that
/// many of them (frames of the machine: inlined calls do not count). At most max; returns how many. On a goroutine, a
/// g0 or a plain thread. Not async-signal-safe; may be called where a signal handler has returned to code that it
/// injected. Needs some 2 KiB of stack.
int callers(void** pcs, int max, int skip);

/// The calls in which a goroutine waits that does not run now, innermost first; pcs[0] lies in the runtime, where it
/// was left. 0 for one that never ran. Should it begin to run meanwhile, the answer is worthless but harmless.
int parked_callers(const g* gp, void** pcs, int max);

/// What parked_callers does from a known pc and frame pointer on: follows frame pointers from frame to frame as long as
/// they go up within the stack. Where a stack begins the frame pointer is none (0, or something of Boost.Context's): no
/// call.
int walk_frames(const stack& bounds, void* pc, void** fp, void** pcs, int max);

}  // namespace gofer::sched
