// What the shadows of sched/'s headers call: the places at which the explorer may let another thread run.
//
// Memory is sequentially consistent, or with `--memory tso` what x86-64 makes of it: a store that is not seq_cst may
// stay in its thread's buffer, unseen by others, while the thread is held up; it gets out, in order, before the
// thread's next read-modify-write, seq_cst store or system call, at somebody's membarrier, and when nobody else can
// run. What weaker machines do besides is left to ThreadSanitizer and to the arguments that stand beside the orders.
#pragma once

#include <cstddef>
#include <cstdint>

namespace gofer::explore {

enum class op : std::uint8_t { load, store, update, call, wait, relax, wake, begin, end };

/// The line that an access stands in.
struct where {
  const char* file;
  const char* function;
  unsigned line;
  static constexpr where here(const char* file = __builtin_FILE(), const char* function = __builtin_FUNCTION(),
                              unsigned line = __builtin_LINE()) {
    return {file, function, line};
  }
};

/// Another thread may run here. Nothing outside of a schedule.
void before(op what, const void* at, const where& w);

/// The running thread waits for somebody by spinning: others run first.
void spin(const where& w);

/// Puts a store off. False: not in this memory model, or nobody could tell.
bool store_later(void* at, std::size_t size, std::uint64_t value);
/// What the running thread has in its buffer for `at`.
bool own_store(const void* at, std::uint64_t* value);
/// Empties the running thread's buffer.
void store_fence();

std::int64_t now();
std::uint64_t ticks();

}  // namespace gofer::explore
