#include "runtime/unwind/walk.hpp"

#include <dlfcn.h>

#include <atomic>

#if defined(__x86_64__)
#include "sched/fatal.hpp"

// The walk replaces its own stack frame's callers: instrumentation that keeps a book of calls would lose count, and
// saved registers lie where AddressSanitizer has its poison.
#if defined(__clang__)
#define GOFER_NO_INSTRUMENTATION __attribute__((disable_sanitizer_instrumentation))
#else
#define GOFER_NO_INSTRUMENTATION __attribute__((no_sanitize("thread", "address", "undefined")))
#endif

extern "C" {

/// The system's _Unwind_Resume; null before it was first wanted. (walk_x86_64.S)
[[gnu::visibility("hidden")]] void* gofer_system_unwind_resume = nullptr;

[[gnu::visibility("hidden")]] void* gofer_find_system_unwind_resume();

[[gnu::visibility("hidden"), noreturn]] void gofer_unwind_walk(_Unwind_Exception* exception,
                                                               gofer::runtime::registers* r);

void* gofer_find_system_unwind_resume() {
  // In a statically linked program the only one there is.
  void* found = reinterpret_cast<void*>(&_Unwind_Resume);
  auto* ours = reinterpret_cast<void*>(&gofer_unwind_resume);
  asm("" : "+r"(ours));  // Clang is sure that two functions have two addresses; these may be one
  if (found == ours) found = ::dlsym(RTLD_NEXT, "_Unwind_Resume");
  if (found == nullptr)
    gofer::sched::fatal("panic: no _Unwind_Resume in the program (libgcc_s or libunwind is missing)");
  __atomic_store_n(&gofer_system_unwind_resume, found, __ATOMIC_RELAXED);
  return found;
}

GOFER_NO_INSTRUMENTATION void gofer_unwind_walk(_Unwind_Exception* exception, gofer::runtime::registers* r) {
  using gofer::runtime::registers;
  using gofer::runtime::unwind_row;
  const auto memory = [](std::uintptr_t at)
                          GOFER_NO_INSTRUMENTATION { return *reinterpret_cast<const std::uintptr_t*>(at); };
  unwind_row scratch;
  for (;;) {
    const unwind_row& row = gofer::runtime::row_of(r->ip, scratch);
    if (row.what == unwind_row::todo::land) {
      r->value[registers::rsp] += row.args_size;
      gofer_unwind_install(r, exception, row.selector, reinterpret_cast<const void*>(row.landing_pad));
    }
    const std::uintptr_t cfa = r->value[row.cfa_register] + static_cast<std::uintptr_t>(std::intptr_t{row.cfa_offset});
    if (row.what == unwind_row::todo::give_up || cfa <= r->value[registers::rsp]) break;
    for (unsigned slot = 0; slot < registers::rsp; slot++) {
      const std::int32_t offset = row.saved[slot];
      if (offset != unwind_row::not_saved) {
        r->value[slot] = memory(cfa + static_cast<std::uintptr_t>(std::intptr_t{offset}));
      }
    }
    r->ip = memory(cfa - 8);
    r->value[registers::rsp] = cfa;
  }
  // As if this frame called the system's _Unwind_Resume: its return address lies there already, unless the frames below
  // have used the place since.
  r->value[registers::rsp] -= 8;
  *reinterpret_cast<std::uintptr_t*>(r->value[registers::rsp]) = r->ip;
  void* next = __atomic_load_n(&gofer_system_unwind_resume, __ATOMIC_RELAXED);
  if (next == nullptr) next = gofer_find_system_unwind_resume();
  gofer_unwind_install(r, exception, 0, next);
}
}

namespace gofer::runtime {

const void* enclosing_function(void* return_address) {
  unwind_row scratch;
  const std::uintptr_t function = row_of(reinterpret_cast<std::uintptr_t>(return_address), scratch).function;
  if (function != 0) return reinterpret_cast<const void*>(function);
  return _Unwind_FindEnclosingFunction(return_address);
}

}  // namespace gofer::runtime
#else

namespace gofer::runtime {

const void* enclosing_function(void* return_address) { return _Unwind_FindEnclosingFunction(return_address); }

}  // namespace gofer::runtime
#endif

namespace gofer::runtime {

namespace {

std::atomic<bool> system_unwinder{false};

// Another address than gofer_unwind_stop's: _Unwind_Resume then takes it for somebody else's unwinding.
_Unwind_Reason_Code stop_of_system(int version, _Unwind_Action actions, _Unwind_Exception_Class exception_class,
                                   _Unwind_Exception* exception, _Unwind_Context* context, void* argument) {
  return gofer_unwind_stop(version, actions, exception_class, exception, context, argument);
}

}  // namespace

void wake_second_unwinder() {
  using backtrace = decltype(_Unwind_Backtrace);
  auto* theirs = reinterpret_cast<backtrace*>(::dlsym(RTLD_DEFAULT, "_Unwind_Backtrace"));
  if (theirs == nullptr || theirs == &_Unwind_Backtrace) return;
  theirs([](_Unwind_Context*, void*) { return _URC_END_OF_STACK; }, nullptr);
}

void use_system_unwinder(bool yes) { system_unwinder.store(yes, std::memory_order_relaxed); }

void forced_unwind(_Unwind_Exception* exception, void* argument) {
#if defined(__x86_64__)
  if (!system_unwinder.load(std::memory_order_relaxed)) {
    exception->private_1 = reinterpret_cast<_Unwind_Ptr>(&gofer_unwind_stop);
    exception->private_2 = reinterpret_cast<_Unwind_Ptr>(argument);
    gofer_unwind_resume(exception);
  }
#endif
  _Unwind_ForcedUnwind(exception, stop_of_system, argument);
}

}  // namespace gofer::runtime
