// The allocator under Boost.Lockfree's containers. Their pointers carry a tag in the upper bits, so that LeakSanitizer
// does not see what they point to: it is told not to ask. In all other builds this is std::allocator.
#pragma once

#include <cstddef>
#include <memory>

#include "sched/config.hpp"

#if GOFER_ASAN
#include <sanitizer/lsan_interface.h>
#endif

namespace gofer::sched {

/// For what only a tagged pointer leads to.
inline void not_leaked([[maybe_unused]] const void* p) {
#if GOFER_ASAN
  __lsan_ignore_object(p);
#endif
}

template <class T>
struct lockfree_allocator {
  using value_type = T;
  lockfree_allocator() = default;
  template <class U>
  explicit(false) lockfree_allocator(const lockfree_allocator<U>&) {}
  T* allocate(std::size_t n) {
    T* p = std::allocator<T>().allocate(n);
    not_leaked(p);
    return p;
  }
  void deallocate(T* p, std::size_t n) { std::allocator<T>().deallocate(p, n); }
  friend bool operator==(const lockfree_allocator&, const lockfree_allocator&) { return true; }
};

}  // namespace gofer::sched
