// What is run under callgrind, which counts its instructions: loops of the operations whose cost must not grow unseen.
// check.py runs it and compares.
//
// Rejected: to collect on this thread alone, which leaves sysmon out. A goroutine that has computed for its time slice
// goes on where it is while the others get another thread, and a time slice is soon over under callgrind on a busy
// machine: what is on that thread would not be counted. So all threads count, and what chance adds (a preemption,
// sysmon's waking up) is taken off by repeating: of several rounds the cheapest is the figure. There is one worker, and
// no loop waits for anything but its own goroutines, so nothing idles.
#include <valgrind/callgrind.h>

#include <cstdint>
#include <gofer/gofer.hpp>
#include <string>

// A function that is called, whatever the compiler could know about it.
#ifdef __clang__
#define GUARD_CALLED [[gnu::noinline]]
#else
#define GUARD_CALLED [[gnu::noipa]]
#endif

namespace {

/// body(n) does n operations. A first, shorter time fills pools and caches. A dump has what was counted since the last
/// one.
template <class F>
void counted(const char* name, std::int64_t n, F body) {
  body(n / 4);
  const std::string trigger = std::string(name) + " " + std::to_string(n);
  for (int round = 0; round < 5; round++) {
    CALLGRIND_DUMP_STATS_AT("between");
    body(n);
    CALLGRIND_DUMP_STATS_AT(trigger.c_str());
  }
}

std::int64_t counter = 0;

GUARD_CALLED void count() { counter = counter + 1; }

GUARD_CALLED void open_defer() {
  gofer::defer d([] { count(); });
}

GUARD_CALLED void pooled_defers(int n) {
  gofer::defer_list list;
  for (int i = 0; i < n; i++) list.push([] { count(); });
}

GUARD_CALLED void panics() {
  gofer::func([] {
    gofer::defer d([] { gofer::recover(); });
    gofer::panic("x");
  });
}

void yield(std::int64_t n) {
  gofer::wait_group wg;
  for (int i = 0; i < 2; i++) {
    wg.go([n] {
      for (std::int64_t k = 0; k < n / 2; k++) gofer::gosched();
    });
  }
  wg.wait();
}

void spawn_join(std::int64_t n) {
  gofer::wait_group wg;
  for (std::int64_t i = 0; i < n; i++) {
    wg.add(1);
    gofer::go([&wg] { wg.done(); });
    wg.wait();
  }
}

void ping_pong(std::int64_t n) {
  const gofer::chan<std::int64_t> there{0};
  const gofer::chan<std::int64_t> back{0};
  gofer::go([=] {
    for (std::int64_t i = 0; i < n; i++) back.send(*there.recv());
  });
  for (std::int64_t i = 0; i < n; i++) {
    there.send(i);
    back.recv();
  }
}

void buffered(std::int64_t n) {
  const gofer::chan<std::int64_t> items{128};
  gofer::go([=] {
    for (std::int64_t i = 0; i < n; i++) items.send(i);
  });
  for (std::int64_t i = 0; i < n; i++) items.recv();
}

void lock(std::int64_t n) {
  gofer::mutex mu;
  for (std::int64_t i = 0; i < n; i++) {
    mu.lock();
    count();
    mu.unlock();
  }
}

void repeat(std::int64_t n, void (*f)()) {
  for (std::int64_t i = 0; i < n; i++) f();
}

}  // namespace

int main() {
  gofer::run({.maxprocs = 1}, [] {
    counted("yield", 8'000, yield);
    counted("spawn_join", 4'000, spawn_join);
    counted("ping_pong", 4'000, ping_pong);
    counted("buffered_128", 8'000, buffered);
    counted("mutex", 8'000, lock);
    counted("defer_open", 8'000, [](std::int64_t n) { repeat(n, open_defer); });
    counted("defer_pooled", 8'000, [](std::int64_t n) {
      for (std::int64_t i = 0; i < n / 20; i++) pooled_defers(20);
    });
    counted("panic_recover", 400, [](std::int64_t n) { repeat(n, panics); });
  });
}
