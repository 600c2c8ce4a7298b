// The only thread-local variable in gofer, and the only way to read it.
//
// A goroutine that parks may go on in another thread. A compiler does not know that: it computes the address of a
// thread_local once and keeps it across an opaque call (seen with GCC and Clang at -O2), so an ordinary access after a
// switch may reach the variable of a thread left behind. Rejected: a noinline accessor (2 ns a call on paths of 5 ns),
// and `volatile` (it keeps the load, not the address). Every access is therefore one volatile asm that loads through
// the thread pointer anew. The variable is initial-exec: gofer is linked into the program or loaded at its start.
#pragma once

#include <cstdint>

namespace gofer::sched {

struct m;

/// mp: this thread's m, nullptr on a thread that gofer has not met. raises: how many unwindings have begun on the
/// running goroutine (see runtime/panic.cpp); switched with the goroutine. Offsets are known to tls.cpp and
/// gofer/detail/tls.hpp.
struct tls_block {
  m* mp;
  std::uint64_t raises;
};

}  // namespace gofer::sched

extern "C" {
extern __attribute__((tls_model("initial-exec"))) constinit thread_local gofer::sched::tls_block gofer_tls;
}

namespace gofer::sched {

/// Address of this thread's block, computed anew at every call.
inline tls_block* tls() {
  tls_block* block;
#if defined(__x86_64__)
  asm volatile("movq gofer_tls@gottpoff(%%rip), %0\n\taddq %%fs:0, %0" : "=r"(block)::"cc");
#elif defined(__aarch64__)
  std::uintptr_t base;
  asm volatile(
      "adrp %0, :gottprel:gofer_tls\n\tldr %0, [%0, #:gottprel_lo12:gofer_tls]\n\tmrs %1, tpidr_el0\n\tadd %0, %0, %1"
      : "=&r"(block), "=&r"(base));
#else
#error "gofer: no thread-local accessor for this processor"
#endif
  return block;
}

/// This thread's m, or nullptr on a thread that has not called gofer yet.
inline m* getm_or_null() {
#if defined(__x86_64__)
  m* mp;
  asm volatile("movq gofer_tls@gottpoff(%%rip), %0\n\tmovq %%fs:(%0), %0" : "=r"(mp));
  return mp;
#else
  return tls()->mp;
#endif
}

m* attach_thread();

/// This thread's m; a plain thread gets one at its first call (see plain.cpp).
inline m* getm() {
  m* mp = getm_or_null();
  return __builtin_expect(mp != nullptr, 1) ? mp : attach_thread();
}

}  // namespace gofer::sched
