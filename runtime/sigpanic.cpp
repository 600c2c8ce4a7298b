// Faults become panics (Go's sigpanic).
//
// The handler does not panic itself: unwinding out of a signal handler needs a signal frame that every unwinder
// understands, and the handler runs on the alternate stack. It writes a fault_frame onto the goroutine's stack and lets
// sigreturn go to a trampoline there, which unwinds like a call made by the faulting instruction. The frame needs a
// landing pad for that instruction: -fnon-call-exceptions (GCC).
#include "runtime/sigpanic.hpp"

#include <signal.h>
#include <ucontext.h>

#include <cstdio>
#include <gofer/panic.hpp>

#include "runtime/hooks.hpp"
#include "runtime/panic.hpp"
#include "sched/fatal.hpp"
#include "sched/park.hpp"
#include "sched/tls.hpp"
#include "sched/traceback.hpp"

namespace gofer::runtime {

namespace {

constexpr std::uintptr_t first_page = 4096;
constexpr std::uintptr_t red_zone = 128;

const char* text_of(int sig, int code) {
  if (sig != SIGFPE) return "runtime error: invalid memory address or nil pointer dereference";
  switch (code) {
    case FPE_INTDIV:
      return "runtime error: integer divide by zero";
    case FPE_INTOVF:
      return "runtime error: integer overflow";
    default:
      return "runtime error: floating point error";
  }
}

}  // namespace

bool on_fault(int sig, void* info_arg, void* context) {
#if defined(__x86_64__)
  const auto* info = static_cast<const siginfo_t*>(info_arg);
  if (info->si_code <= 0) return false;  // sent by kill or sigqueue rather than raised by an instruction
  const sched::m* mp = sched::getm_or_null();
  // Inside the scheduler: not ours to turn into a panic.
  if (mp != nullptr && !mp->plain && mp->curg == &mp->g0) return false;
  auto* uc = static_cast<ucontext_t*>(context);
  greg_t* regs = uc->uc_mcontext.gregs;
  auto pc = static_cast<std::uintptr_t>(regs[REG_RIP]);
  auto sp = static_cast<std::uintptr_t>(regs[REG_RSP]);
  const auto addr = reinterpret_cast<std::uintptr_t>(info->si_addr);
  const bool recoverable =
      sig == SIGFPE || sig == SIGBUS || (sig == SIGSEGV && info->si_code != SI_KERNEL && addr < first_page);
  // On a plain thread a wild access stays what it would be without gofer.
  if (!recoverable && (mp == nullptr || mp->plain)) return false;
  std::uintptr_t frame_at = sp;
  if (pc < first_page) {
    // A call of a null function: the return address is on the stack already, and one byte before it lies inside the
    // call.
    pc = *reinterpret_cast<const std::uintptr_t*>(sp) - 1;
    sp += sizeof(std::uintptr_t);
  }
  frame_at = (frame_at - red_zone - sizeof(fault_frame)) & ~std::uintptr_t{15};
  auto* frame = reinterpret_cast<fault_frame*>(frame_at);
  *frame = {pc, sp, static_cast<std::uintptr_t>(regs[REG_RBP]), sig, info->si_code, info->si_addr, recoverable};
  regs[REG_RSP] = static_cast<greg_t>(frame_at);
  regs[REG_RDI] = static_cast<greg_t>(frame_at);
  regs[REG_RIP] = static_cast<greg_t>(reinterpret_cast<std::uintptr_t>(&gofer_sigpanic_trampoline));
  return true;
#else
  // Not built for this processor yet: faults stay fatal there, as docs/panic.md says.
  (void)sig, (void)info_arg, (void)context;
  return false;
#endif
}

}  // namespace gofer::runtime

extern "C" void gofer_sigpanic(gofer::runtime::fault_frame* frame) {
  using namespace gofer;
  void* pcs[sched::max_traceback];
  // The unwinder, because the fault may lie before its function has a frame. Left out: this function and the
  // trampoline.
  const int n = sched::callers(pcs, sched::max_traceback, 2);
  if (!frame->recoverable) {
    char line[80];
    std::snprintf(line, sizeof line, "unexpected fault address 0x%lx\n", reinterpret_cast<unsigned long>(frame->addr));
    sched::write_err(line);
    const std::string text = "fault\n" + runtime::signal_line(frame->sig, frame->code, frame->addr,
                                                              reinterpret_cast<const void*>(frame->pc));
    sched::fatal(text.c_str());
  }
  detail::panic_data* data = detail::new_panic_data(runtime_error(runtime::text_of(frame->sig, frame->code)));
  data->sig = frame->sig;
  data->sig_code = frame->code;
  data->sig_addr = frame->addr;
  data->sig_pc = reinterpret_cast<const void*>(frame->pc);
  data->pcs.assign(pcs, pcs + n);
  detail::gopanic(data);
}
