// What a function boundary is made of: `func`, a deferred call and a goroutine's entry all catch with it.
#pragma once

#include <cstdint>

namespace gofer::detail {

/// `catch (boundary_tag&)` catches everything: C++ exceptions of any type, foreign ones, panics and goexit. Its
/// type_info is gofer's own (runtime/boundary.cpp): the unwinder asks it in the search phase whether the handler
/// matches, which is how the runtime learns, before a single destructor has run, that an exception will be nobody's
/// inside the boundary and is therefore a panic. Never made, let alone thrown.
struct boundary_tag {
  virtual ~boundary_tag();  // defined nowhere, or a compiler would put its own type_info beside it
};

/// First and only thing in such a handler: returns when what landed was recovered, else passes it on.
void landed();

/// How many unwindings have begun on this goroutine. A defer compares it with its value when it was made: equal means
/// that its scope ends normally (runtime/recovery.cpp, deferreturn). A plain load: no call, and never a stale thread's
/// variable.
inline std::uint64_t raises() {
#if defined(__x86_64__)
  std::uint64_t n;
  asm volatile("movq gofer_tls@gottpoff(%%rip), %0\n\tmovq %%fs:8(%0), %0" : "=r"(n));
  return n;
#elif defined(__aarch64__)
  std::uint64_t n;
  std::uintptr_t base;
  asm volatile(
      "adrp %0, :gottprel:gofer_tls\n\tldr %0, [%0, #:gottprel_lo12:gofer_tls]\n\tmrs %1, tpidr_el0\n\tadd %0, %0, "
      "%1\n\t"
      "ldr %0, [%0, #8]"
      : "=&r"(n), "=&r"(base));
  return n;
#endif
}

/// ~defer where `raises` says that an unwinding has begun since it was made: runs call(self) as what it then is.
void deferreturn(std::uint64_t raises_when_made, void (*call)(void* self), void* self);

}  // namespace gofer::detail

// recover() and its like are told by default arguments who called them, which must not be what their caller was inlined
// into. Clang does not inline what calls a function that returns twice, GCC not what asks for its arguments' registers
// (returns_twice there warns of clobbered variables in users' code).
#if defined(__clang__)
#define GOFER_KEEPS_CALLER __attribute__((returns_twice))
#define GOFER_NEVER_INLINED nullptr
#else
#define GOFER_KEEPS_CALLER
#define GOFER_NEVER_INLINED __builtin_apply_args()
#endif

// The thunk through which the unwinding runs a deferred call. recover() answers only to a function whose return address
// lies in it, so nothing may be inlined into it: neither the deferred function (a helper called by that would then pass
// for it) nor the layers below.
#if defined(__clang__)
#define GOFER_THUNK __attribute__((noinline, optnone))
#else
#define GOFER_THUNK __attribute__((noinline, noclone, optimize("O0")))
#endif
