// Between the signal handler and the panic: see sigpanic.cpp.
#pragma once

#include <cstdint>

namespace gofer::runtime {

/// Lies on the faulting goroutine's stack while the panic begins. The offsets of the first two are known to
/// sigpanic_*.S.
struct fault_frame {
  std::uintptr_t pc;  // of the faulting instruction
  std::uintptr_t sp;  // at that instruction
  std::uintptr_t fp;
  int sig;
  int code;
  const void* addr;
  bool recoverable;
};

}  // namespace gofer::runtime

extern "C" {
/// Never called: entered by the signal handler's return, with the stack pointer at a fault_frame and that as argument.
void gofer_sigpanic_trampoline();
[[noreturn]] void gofer_sigpanic(gofer::runtime::fault_frame* frame);
}
