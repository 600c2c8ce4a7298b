// The context switch: the only file that knows how a stack is left and entered.
//
// Two backends. Boost.Context's jump_fcontext (portable; 5.5 ns a switch on the reference machine) and, on x86-64, our
// own six callee-saved registers leaving by `jmp` (2.45 ns: leaving by `ret` defeats the return predictor, 7.3 ns).
// Neither saves the x87 and SSE control words per goroutine (10.9 ns with them): the rounding mode belongs to the
// thread, as docs/thread-locals.md says. The sanitizers are told of every switch here and nowhere else.
#pragma once

#include "sched/config.hpp"
#include "sched/g.hpp"
#include "sched/m.hpp"
#include "sched/tls.hpp"

#if GOFER_TSAN
#include <sanitizer/tsan_interface.h>
#endif
#if GOFER_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

#if GOFER_SWITCH_ASM
extern "C" void gofer_swap(void** save_sp, void* to_sp);
#endif

namespace gofer::sched {

/// Prepares gp's stack, from `top` downwards, so that the first switch to it calls entry() on it. entry never returns.
void switch_prepare(g* gp, char* top, void (*entry)());

#if !GOFER_SWITCH_ASM
void boost_swap(g* from, g* to);
#endif

/// Leaves `from` and enters `to`: exception state, errno and the raise counter go along. Returns when somebody switches
/// back, maybe on another thread; whoever returns from it, or begins in entry(), first runs the pending commit
/// (finish_switch in schedule.hpp). `from_dies`: nobody will switch back.
inline void switch_to(m* mp, g* from, g* to, [[maybe_unused]] bool from_dies = false) {
  from->saved_errno = *mp->errno_addr;
  *mp->errno_addr = to->saved_errno;
  from->eh = *mp->eh;
  *mp->eh = to->eh;
  tls_block* block = tls();
  from->raises = block->raises;
  block->raises = to->raises;
  to->mp = mp;
  mp->curg = to;
#if GOFER_ASAN
  __sanitizer_start_switch_fiber(from_dies ? nullptr : &from->asan_fake_stack, to->stk.lo,
                                 static_cast<std::size_t>(to->stk.hi - to->stk.lo));
#endif
#if GOFER_TSAN
  // Flags 0: what ran before on this thread happens before what runs next. Coarser than Go's race detector, but the
  // scheduler itself stays under test, commits included.
  __tsan_switch_to_fiber(to->tsan_fiber, 0);
#endif
#if GOFER_SWITCH_ASM
  gofer_swap(&from->sp, to->sp);
#else
  boost_swap(from, to);
#endif
#if GOFER_ASAN
  __sanitizer_finish_switch_fiber(from->asan_fake_stack, nullptr, nullptr);
#endif
}

/// For the sanitizers: first thing on a new stack.
inline void switch_entered() {
#if GOFER_ASAN
  __sanitizer_finish_switch_fiber(nullptr, nullptr, nullptr);
#endif
}

/// For the sanitizers: before a dead goroutine's g is reused; on another stack.
void switch_forget(g* gp);

/// Program counter and frame pointer at which a parked goroutine left, from its g's sp; for tracebacks.
struct parked_frame {
  void* pc;
  void** fp;
};
parked_frame switch_parked_frame(void* saved_sp);

}  // namespace gofer::sched
