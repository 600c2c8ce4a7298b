#include "sched/waitreason.hpp"

#include <array>
#include <cstddef>

namespace gofer::sched {

namespace {

constexpr std::array<const char*, static_cast<std::size_t>(wait_reason::count_)> texts = {
    "",
    "chan receive",
    "chan send",
    "chan receive (nil chan)",
    "chan send (nil chan)",
    "select",
    "select (no cases)",
    "sleep",
    "IO wait",
    "sync.Mutex.Lock",
    "sync.RWMutex.RLock",
    "sync.RWMutex.Lock",
    "sync.Cond.Wait",
    "sync.WaitGroup.Wait",
    "semacquire",
    "sync.Once.Do",
    "finalizer wait",
    "panicwait",
    "syscall",
};

}  // namespace

const char* wait_reason_text(wait_reason r) {
  const auto i = static_cast<std::size_t>(r);
  return i < texts.size() ? texts[i] : "unknown wait reason";
}

}  // namespace gofer::sched
