// The context switch: the only file that knows how a stack is left and entered.
//
// Two backends. Boost.Context's jump_fcontext (portable; 5.5 ns a switch on the reference machine) and, on x86-64, our
// own: inline assembly that stores three registers and declares all others lost, so that the compiler saves what it
// still needs and nothing else (1.04 ns there, 2.45 for a function that saves the six callee-saved ones). What decides
// is the processor's return predictor: a function that is called on one stack and left on another leaves its stack of
// return addresses one entry deep, and every return up to the goroutine's own code is mispredicted, three of them in a
// yield, 60 cycles. Inlined there is no call, and two goroutines in the same code return to the same addresses.
// Neither saves the x87 and SSE control words per goroutine (10.9 ns with them): the rounding mode belongs to the
// thread, as docs/thread-locals.md says. The sanitizers are told of every switch here and nowhere else.
#pragma once

#include <cstddef>

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

namespace gofer::sched {

/// Prepares gp's stack, from `top` downwards, so that the first switch to it calls entry() on it. entry never returns.
void switch_prepare(g* gp, char* top, void (*entry)());

#if GOFER_SWITCH_ASM

/// Goes on after the swap in which `to` was left. What is stored lies in the g's, not on the stacks: no push below a
/// red zone, and one cache line less to touch.
__attribute__((always_inline)) inline void asm_swap(g* from, g* to) {
  static_assert(offsetof(g, sp) == 0 && offsetof(g, fp) == 8 && offsetof(g, pc) == 16);
  asm volatile(
      "leaq 1f(%%rip), %%rax\n\t"
      "movq %%rsp, 0(%[from])\n\t"
      "movq %%rbp, 8(%[from])\n\t"
      "movq %%rax, 16(%[from])\n\t"
      "movq 0(%[to]), %%rsp\n\t"
      "movq 8(%[to]), %%rbp\n\t"
      "jmpq *16(%[to])\n"
      "1:"
      : [from] "+D"(from), [to] "+S"(to)
      :
      : "rax", "rbx", "rcx", "rdx", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "xmm0", "xmm1", "xmm2",
        "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15",
#if defined(__AVX512F__)
        "xmm16", "xmm17", "xmm18", "xmm19", "xmm20", "xmm21", "xmm22", "xmm23", "xmm24", "xmm25", "xmm26", "xmm27",
        "xmm28", "xmm29", "xmm30", "xmm31", "k1", "k2", "k3", "k4", "k5", "k6", "k7",
#endif
        "memory", "cc");
}

#else

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
  asm_swap(from, to);
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

/// Program counter and frame pointer at which a parked goroutine left; for tracebacks. {nullptr, nullptr} when what its
/// g says is not on its stack: it is being made anew, or runs.
struct parked_frame {
  void* pc;
  void** fp;
};
parked_frame switch_parked_frame(const g* gp);

}  // namespace gofer::sched
