#include "runtime/crashimage.hpp"

#include <sys/mman.h>

#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "runtime/unwind/row.hpp"
#include "runtime/unwind/walk.hpp"
#include "sched/config.hpp"

namespace gofer::runtime {

struct crash_image {
  registers at;  // as take_crash_image's caller would go on
  std::uintptr_t* stack;
  std::size_t words;
  std::uintptr_t bytes[1];
};

#if defined(__x86_64__)

namespace {

// Word by word: AddressSanitizer would look at each frame's poison in memcpy.
__attribute__((no_sanitize("address", "thread", "undefined"), noinline)) void copy_words(std::uintptr_t* to,
                                                                                         const std::uintptr_t* from,
                                                                                         std::size_t n) {
  for (std::size_t i = 0; i < n; i++) {
    to[i] = from[i];
    asm volatile("" ::: "memory");  // no memcpy of the compiler's either
  }
}

// Entered as if the place of the panic had called it.
[[noreturn]] void dump_core() {
  ::signal(SIGABRT, SIG_DFL);
  std::abort();
}

// On a stack of its own.
[[noreturn]] void restore(const crash_image* image) {
  copy_words(image->stack, image->bytes, image->words);
  registers at = image->at;
  at.value[registers::rsp] -= sizeof(std::uintptr_t);
  *reinterpret_cast<std::uintptr_t*>(at.value[registers::rsp]) = at.ip;
  gofer_unwind_install(&at, nullptr, 0, reinterpret_cast<const void*>(&dump_core));
}

}  // namespace

crash_image* take_crash_image(const sched::g* gp) {
  if (gp->stk.hi == nullptr) return nullptr;
  registers at;
  gofer_registers_here(&at);
  auto* const low = reinterpret_cast<std::uintptr_t*>(at.value[registers::rsp]);
  const auto words = static_cast<std::size_t>(reinterpret_cast<std::uintptr_t*>(gp->stk.hi) - low);
  auto* image = static_cast<crash_image*>(std::malloc(offsetof(crash_image, bytes) + words * sizeof(std::uintptr_t)));
  if (image == nullptr) return nullptr;
  image->at = at;
  image->stack = low;
  image->words = words;
  copy_words(image->bytes, low, words);
  return image;
}

void abort_on(const crash_image* image) {
  constexpr std::size_t size = 64 * 1024;
  void* const stack = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
  if (stack == MAP_FAILED) dump_core();
  registers there{};
  // As behind a call: the ABI wants the stack pointer 8 off 16 there.
  there.value[registers::rsp] = reinterpret_cast<std::uintptr_t>(stack) + size - 8;
  gofer_unwind_install(&there, reinterpret_cast<_Unwind_Exception*>(const_cast<crash_image*>(image)), 0,
                       reinterpret_cast<const void*>(&restore));
}

#else

crash_image* take_crash_image(const sched::g*) { return nullptr; }
void abort_on(const crash_image*) { std::abort(); }

#endif

void drop_crash_image(crash_image* image) noexcept { std::free(image); }

}  // namespace gofer::runtime
