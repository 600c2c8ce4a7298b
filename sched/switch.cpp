#include "sched/switch.hpp"

#include <cstddef>

#if !GOFER_SWITCH_ASM
#include <boost/context/detail/fcontext.hpp>
#endif

#if GOFER_SWITCH_ASM
extern "C" void gofer_stack_base();
#endif

// Reads a stack that may come to life meanwhile (parked_callers says what that means): the sanitizers must not watch.
#define FOREIGN_STACK __attribute__((no_sanitize("address", "thread")))

namespace gofer::sched {

void switch_forget([[maybe_unused]] g* gp) {
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

namespace {
constexpr std::ptrdiff_t slot_rbx = 4;
constexpr std::ptrdiff_t slot_rbp = 5;
constexpr std::ptrdiff_t slot_rip = 6;
constexpr std::ptrdiff_t slots = 7;
}  // namespace

void switch_prepare(g* gp, char* top, void (*entry)()) {
#if GOFER_TSAN
  gp->tsan_fiber = __tsan_create_fiber(0);
#endif
  // gofer_stack_base is jumped to with sp 16-byte aligned, so that its call leaves the callee aligned as the ABI wants.
  auto** sp = reinterpret_cast<void**>(reinterpret_cast<std::uintptr_t>(top) & ~std::uintptr_t{15}) - slots;
  for (std::ptrdiff_t i = 0; i < slots; i++) sp[i] = nullptr;
  sp[slot_rbx] = reinterpret_cast<void*>(entry);
  sp[slot_rip] = reinterpret_cast<void*>(&gofer_stack_base);
  gp->sp = sp;
}

FOREIGN_STACK parked_frame switch_parked_frame(void* saved_sp) {
  auto** sp = static_cast<void**>(saved_sp);
  return {sp[slot_rip], static_cast<void**>(sp[slot_rbp])};
}

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

FOREIGN_STACK parked_frame switch_parked_frame(void* saved_sp) {
  // Layout of Boost.Context's saved frame: jump_x86_64_sysv_elf_gas.S and jump_arm64_aapcs_elf_gas.S.
  auto** sp = static_cast<void**>(saved_sp);
#if defined(__x86_64__)
  return {sp[7], static_cast<void**>(sp[6])};
#elif defined(__aarch64__)
  return {sp[0xa0 / 8], static_cast<void**>(sp[0x90 / 8])};
#endif
}

#endif

}  // namespace gofer::sched
