// Our own walk for unwinding by force: what _Unwind_ForcedUnwind and _Unwind_Resume do, for panics and goexit.
//
// Why: libgcc's unwinder interprets each frame's tables anew, and begins anew behind every landing pad (0.7 us a frame
// with a destructor). A forced unwinding asks nobody and takes the same way through a given return address every time,
// so that what the tables say about one is worth keeping (row_of). Measured: docs/defer.md.
//
// How it stays compatible: the exception object carries the stop function and its argument where _Unwind_ForcedUnwind
// puts them (private_1, private_2, common to libgcc and LLVM's libunwind), and between two frames the state of an
// unwinding is just that and the registers. So the system's unwinder can take over anywhere ("as if this frame had
// called _Unwind_Resume"), and does for each frame that read_frame_rules does not understand; at the next landing pad
// that is left by our _Unwind_Resume, the walk is ours again.
//
// _Unwind_Resume is defined here, weakly, for the whole program; what is no panic passes through to the system's. Where
// the system's own definition wins (static linking), panics go on with that.
#pragma once

#include <unwind.h>

#include "runtime/unwind/row.hpp"

namespace gofer::runtime {

/// With -static-libgcc and a shared libstdc++ there are two unwinders in the process: ours walks, and libstdc++'s
/// personality function, which it calls, uses libgcc_s's to say where to land. That one aborts unless it has walked
/// itself before; C++ exceptions begin in it, panics do not. Makes it walk. To be called before the first panic.
void wake_second_unwinder();

/// Unwinds by force from the caller's frame, as _Unwind_ForcedUnwind(exception, gofer_unwind_stop, argument), but that
/// the stop function is asked only about frames that the system's unwinder walks, and at the stack's end. Comes back
/// only when the system's unwinder finds the tables broken.
void forced_unwind(_Unwind_Exception* exception, void* argument);

/// From the next forced_unwind on the system's unwinder does it all: for comparison, and for debuggers, which know
/// where that one lands (GOFER_DEBUG=sysunwind=1).
void use_system_unwinder(bool yes);

/// The function that a return address is in, by its first instruction, as _Unwind_FindEnclosingFunction.
const void* enclosing_function(void* return_address);

}  // namespace gofer::runtime

extern "C" {

/// The stop function of every unwinding by gofer, and the mark by which one is known.
[[gnu::visibility("hidden")]] _Unwind_Reason_Code gofer_unwind_stop(int version, _Unwind_Action actions,
                                                                    _Unwind_Exception_Class exception_class,
                                                                    _Unwind_Exception* exception,
                                                                    _Unwind_Context* context, void* argument);

#if defined(__x86_64__)
/// _Unwind_Resume, under a name that is certainly ours.
[[gnu::visibility("hidden"), noreturn]] void gofer_unwind_resume(_Unwind_Exception* exception);

/// Continues the goroutine with those registers, rax and rdi the exception, rdx the selector. (walk_x86_64.S)
[[gnu::visibility("hidden"), noreturn]] void gofer_unwind_install(const gofer::runtime::registers* r,
                                                                  _Unwind_Exception* exception, std::int64_t selector,
                                                                  const void* target);

/// What the caller gets back when this returns.
[[gnu::visibility("hidden")]] void gofer_registers_here(gofer::runtime::registers* r);
#endif
}
