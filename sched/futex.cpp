#include "sched/futex.hpp"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>

#include "sched/clock.hpp"

namespace gofer::sched {

namespace {

// A goroutine's errno is not to change because the runtime slept under it.
class keep_errno {
 public:
  keep_errno() : saved_(errno) {}
  ~keep_errno() { errno = saved_; }
  keep_errno(const keep_errno&) = delete;
  keep_errno& operator=(const keep_errno&) = delete;

 private:
  int saved_;
};

}  // namespace

void futex_wait(atomic<std::uint32_t>* word, std::uint32_t expected, std::int64_t ns) {
  keep_errno keep;
  timespec ts{};
  if (ns >= 0) {
    ts.tv_sec = ns / 1'000'000'000;
    ts.tv_nsec = ns % 1'000'000'000;
  }
  ::syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, expected, ns >= 0 ? &ts : nullptr, nullptr, 0);
}

void futex_wake(atomic<std::uint32_t>* word, int count) {
  keep_errno keep;
  ::syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, count, nullptr, nullptr, 0);
}

void futex_mutex::lock_slow() {
  // Go's numbers: four rounds of thirty pauses cover a section that is being left on another core; then sleep.
  for (int round = 0; round < 4; round++) {
    for (int i = 0; i < 30; i++) cpu_relax();
    if (try_lock()) return;
  }
  while (word_.exchange(2, std::memory_order_acquire) != 0) futex_wait(&word_, 2);
}

bool note::sleep_for(std::int64_t ns) {
  const std::int64_t deadline = nanotime() + ns;
  while (word_.load(std::memory_order_acquire) == 0) {
    const std::int64_t left = deadline - nanotime();
    if (left <= 0) return false;
    futex_wait(&word_, 0, left);
  }
  return true;
}

}  // namespace gofer::sched
