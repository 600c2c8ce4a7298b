// What Valgrind is told: which memory is stacks. It takes a large change of the stack pointer for a large frame, and
// marks what lies between as unusable, unless it knows that another stack begins there. Only where its headers are
// installed when gofer is compiled (Debian's valgrind package has them); without Valgrind the cost is a load where a
// goroutine ends.
#pragma once

#include <cstddef>

#if defined(__has_include)
#if __has_include(<valgrind/memcheck.h>)
#define GOFER_VALGRIND 1
#include <valgrind/memcheck.h>
#endif
#endif

namespace gofer::sched {

#if GOFER_VALGRIND
inline const bool on_valgrind = [] { return RUNNING_ON_VALGRIND != 0; }();
#endif

/// [lo, hi) is a stack from now on, for ever.
inline void valgrind_stack([[maybe_unused]] const void* lo, [[maybe_unused]] const void* hi) {
#if GOFER_VALGRIND
  if (on_valgrind) (void)VALGRIND_STACK_REGISTER(lo, hi);
#endif
}

/// Nothing on the stack [lo, hi) is in use any more: what its frames have left may be written again.
inline void valgrind_forget([[maybe_unused]] const void* lo, [[maybe_unused]] const void* hi) {
#if GOFER_VALGRIND
  if (on_valgrind) {
    (void)VALGRIND_MAKE_MEM_UNDEFINED(
        lo, static_cast<std::size_t>(static_cast<const char*>(hi) - static_cast<const char*>(lo)));
  }
#endif
}

}  // namespace gofer::sched
