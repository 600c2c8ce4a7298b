#include "sched/switch.hpp"

#include <cstddef>

#include "sched/valgrind.hpp"

#if !GOFER_SWITCH_ASM
#include <boost/context/detail/fcontext.hpp>
#endif

#if GOFER_SWITCH_ASM
extern "C" void gofer_stack_base();
#endif

// Reads a stack that may come to life meanwhile (parked_callers says what that means): the sanitizers must not watch.
#define FOREIGN_STACK __attribute__((no_sanitize("address", "thread")))

namespace gofer::sched {

void switch_forget(g* gp) {
  valgrind_forget(gp->stk.lo, gp->stk.hi);
#if GOFER_TSAN
  if (gp->tsan_fiber != nullptr) __tsan_destroy_fiber(gp->tsan_fiber);
  gp->tsan_fiber = nullptr;
#endif
#if GOFER_ASAN
  // Frames that were left without returning are still poisoned.
  __asan_unpoison_memory_region(gp->stk.lo, static_cast<std::size_t>(gp->stk.hi - gp->stk.lo));
#endif
}

#if GOFER_SWITCH_ASM

void switch_prepare(g* gp, char* top, void (*entry)()) {
#if GOFER_TSAN
  gp->tsan_fiber = __tsan_create_fiber(0);
#endif
  auto** sp = reinterpret_cast<void**>((reinterpret_cast<std::uintptr_t>(top) - sizeof(void*)) & ~std::uintptr_t{15});
  *sp = reinterpret_cast<void*>(entry);
  gp->sp = sp;
  gp->fp = nullptr;
  gp->pc = reinterpret_cast<void*>(&gofer_stack_base);
}

FOREIGN_STACK parked_frame switch_parked_frame(const g* gp) { return {gp->pc, static_cast<void**>(gp->fp)}; }

#else

namespace fctx = boost::context::detail;

namespace {

// Boost hands the left context to the side that is entered: it is stored from there.
void store_left(const fctx::transfer_t& t) { static_cast<g*>(t.data)->sp = t.fctx; }

// Boost.Context's own code below has no unwind information: unwinders are told that the stack begins here.
void boost_entry(fctx::transfer_t t) {
#if defined(__x86_64__)
  asm volatile(".cfi_undefined rip");
#elif defined(__aarch64__)
  asm volatile(".cfi_undefined x30");
#endif
  store_left(t);
  getm()->curg->switch_entry();
}

}  // namespace

void boost_swap(g* from, g* to) { store_left(fctx::jump_fcontext(to->sp, from)); }

void switch_prepare(g* gp, char* top, void (*entry)()) {
#if GOFER_TSAN
  gp->tsan_fiber = __tsan_create_fiber(0);
#endif
  gp->switch_entry = entry;
  gp->sp = fctx::make_fcontext(top, static_cast<std::size_t>(top - gp->stk.lo), boost_entry);
}

FOREIGN_STACK parked_frame switch_parked_frame(const g* gp) {
  // Layout of Boost.Context's saved frame: jump_x86_64_sysv_elf_gas.S and jump_arm64_aapcs_elf_gas.S.
#if defined(__x86_64__)
  constexpr std::ptrdiff_t size = 8;
  constexpr std::ptrdiff_t pc = 7;
  constexpr std::ptrdiff_t fp = 6;
#elif defined(__aarch64__)
  constexpr std::ptrdiff_t size = 0xb0 / 8;
  constexpr std::ptrdiff_t pc = 0xa0 / 8;
  constexpr std::ptrdiff_t fp = 0x90 / 8;
#endif
  const auto at = reinterpret_cast<std::uintptr_t>(gp->sp);
  const auto lo = reinterpret_cast<std::uintptr_t>(gp->stk.lo);
  const auto hi = reinterpret_cast<std::uintptr_t>(gp->stk.hi);
  if (at < lo || at + size * sizeof(void*) > hi) return {nullptr, nullptr};
  auto** sp = reinterpret_cast<void**>(at);
  return {sp[pc], static_cast<void**>(sp[fp])};
}

#endif

}  // namespace gofer::sched
