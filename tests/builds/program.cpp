// One small program that touches everything which a way of building could break: stacks and switches, unwinding through
// all kinds of frames, signals, thread-locals, symbols in reports. Exits with 0 when everything is as it should be.
// With an argument it ends as its parent wants to see it end.
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <gofer/gofer.hpp>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace std::chrono_literals;

std::atomic<int> failures{0};

void check(bool good, const char* what, int line) {
  if (good) return;
  std::fprintf(stderr, "program.cpp:%d: %s\n", line, what);
  failures++;
}
#define CHECK(condition) check((condition), #condition, __LINE__)

// What the compiler must not see through.
template <class T>
[[gnu::noinline]] T opaque(T v) {
  asm volatile("" : "+r"(v));
  return v;
}

void channels_and_locks() {
  const gofer::chan<int> numbers{4};
  gofer::mutex mu;
  gofer::wait_group all;
  long guarded = 0;
  for (int i = 0; i < 100; i++) {
    all.go([&, numbers]() mutable {
      for (int n = 0; n < 20; n++) {
        numbers.send(n);
        gofer::gosched();
        const std::lock_guard hold(mu);
        guarded++;
      }
    });
  }
  gofer::go([&, numbers]() mutable {
    all.wait();
    numbers.close();
  });
  long sum = 0;
  for (const int n : gofer::chan<int>(numbers)) sum += n;
  CHECK(sum == 100 * 190);
  CHECK(guarded == 2000);
  gofer::chan<int> never{0};
  CHECK(gofer::select(gofer::recv(never, [](std::optional<int>) {}), gofer::after(1ms, [] {})) == 1);
}

struct counts {
  explicit counts(int& where) : n(where) {}
  counts(const counts&) = delete;
  counts& operator=(const counts&) = delete;
  ~counts() { n++; }
  int& n;
};

// A buffer on the stack for the stack protector, a variable amount of it for -fstack-clash-protection.
[[gnu::noinline]] void panics_deep(int depth, int& destroyed, void (*how)()) {
  const counts c(destroyed);
  std::array<char, 200> text{};
  std::snprintf(text.data(), text.size(), "%d", opaque(depth));
  auto* scratch = static_cast<char*>(__builtin_alloca(opaque(std::size_t{6000})));
  scratch[0] = text[0];
  opaque(scratch);
  if (opaque(depth) == 0) {
    how();
  } else {
    panics_deep(depth - 1, destroyed, how);
  }
  opaque(scratch);
}

std::string recovered_from(void (*how)()) {
  int destroyed = 0;
  std::string text = gofer::func([&](std::string& result) {
    gofer::defer d{[&] { result = gofer::recover().what(); }};
    panics_deep(20, destroyed, how);
  });
  CHECK(destroyed == 21);
  return text;
}

#if defined(__x86_64__) && !defined(__clang__)
[[gnu::noinline]] int divided(int a, int b) { return a / b; }
[[gnu::noinline]] int read_from(const int* p) { return *p; }

// Faults become panics, through GCC's frames. What Clang's can do is in docs/building.md.
void faults() {
  const auto text_of = [](auto f) {
    return gofer::func([&](std::string& result) {
      gofer::defer d{[&] { result = gofer::recover().what(); }};
      opaque(f());
    });
  };
  CHECK(recovered_from([] { opaque(divided(opaque(1), opaque(0))); }) == "runtime error: integer divide by zero");
  CHECK(text_of([] { return divided(opaque(1), opaque(0)); }) == "runtime error: integer divide by zero");
  CHECK(text_of([] { return read_from(opaque(static_cast<const int*>(nullptr))); }) ==
        "runtime error: invalid memory address or nil pointer dereference");
}
#else
void faults() {}
#endif

void panics() {
  CHECK(recovered_from([] { gofer::panic("text"); }) == "text");
  CHECK(recovered_from([] { throw std::runtime_error("thrown"); }) == "thrown");
  try {
    int destroyed = 0;
    panics_deep(3, destroyed, [] { throw std::logic_error("caught"); });
  } catch (const std::logic_error& e) {
    CHECK(e.what() == std::string("caught"));
  }
  // Many at a time, on many threads.
  gofer::wait_group all;
  for (int i = 0; i < 50; i++) {
    all.go([] {
      for (int n = 0; n < 20; n++) {
        CHECK(recovered_from([] {
                gofer::gosched();
                gofer::panic("again");
              }) == "again");
        gofer::gosched();
      }
    });
  }
  all.wait();
}

void ends_of_goroutines() {
  static std::atomic<int> locals{0};
  struct says {
    ~says() { locals++; }
  };
  static gofer::local<says> value;
  int deferred = 0;
  int destroyed = 0;
  gofer::wait_group all;
  all.go([&] {
    gofer::defer d{[&] { deferred++; }};
    const counts c(destroyed);
    value.get();
    gofer::goexit();
  });
  all.wait();
  while (gofer::num_goroutine() > 1) gofer::gosched();
  CHECK(deferred == 1);
  CHECK(destroyed == 1);
  CHECK(locals == 1);
}

[[gnu::noinline]] void set_errno(int v) { errno = v; }
[[gnu::noinline]] int get_errno() { return errno; }

void threads() {
  std::atomic<bool> stop{false};
  gofer::wait_group all;
  for (int i = 1; i <= 8; i++) {
    all.go([&, i] {
      for (int n = 0; n < 20; n++) {
        set_errno(i);
        n % 2 == 0 ? gofer::gosched() : gofer::blocking([] { ::usleep(50); });
        CHECK(get_errno() == i);
      }
    });
  }
  all.wait();
  // Three hogs and one who ends them, on two workers.
  for (int i = 0; i < 3; i++) {
    all.go([&] {
      while (!stop) {
      }
    });
  }
  all.go([&] { stop = true; });
  all.wait();
  gofer::chan<int> c{0};
  std::thread outside([&] { c.send(7); });
  CHECK(*c.recv() == 7);
  outside.join();
}

[[gnu::noinline]] int recurses(int n) {
  std::array<char, 500> frame{};
  frame[static_cast<std::size_t>(n) % frame.size()] = 1;
  opaque(frame.data());
  return opaque(n) < 0 ? 0 : recurses(n + 1) + frame[0];
}

// How another run of this program ends: its exit status and what it said.
int ended(const std::string& argument, std::string& said) {
  std::array<char, 4096> self{};
  if (::readlink("/proc/self/exe", self.data(), self.size() - 1) < 0) return -1;
  FILE* pipe = ::popen((std::string(self.data()) + " " + argument + " 2>&1").c_str(), "r");
  if (pipe == nullptr) return -1;
  std::array<char, 4096> buffer{};
  while (const std::size_t n = std::fread(buffer.data(), 1, buffer.size(), pipe)) said.append(buffer.data(), n);
  const int status = ::pclose(pipe);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

void report(const std::string& argument, const std::vector<std::string>& parts) {
  std::string said;
  CHECK(ended(argument, said) == 2);
  for (const std::string& part : parts) {
    if (said.find(part) != said.npos) continue;
    failures++;
    std::fprintf(stderr, "%s: no \"%s\" in:\n%s\n", argument.c_str(), part.c_str(), said.c_str());
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::string end = argc > 1 ? argv[1] : "";
  const bool alone = end == "alone";  // no other runs and no faults: for emulators and checkers
  if (end.empty()) {
    report("panic", {"panic: nobody recovers\n", "\ngoroutine 2 ", "panics_deep"});
    report("deadlock", {"fatal error: all goroutines are asleep - deadlock!", "goroutine 1 [chan receive]:"});
#if defined(__x86_64__)
    report("overflow", {"fatal error: stack overflow", "recurses"});
#endif
  }
  const int result = gofer::run({.maxprocs = 2}, [&] {
    if (end == "panic") {
      gofer::go([] {
        int destroyed = 0;
        panics_deep(3, destroyed, [] { gofer::panic("nobody recovers"); });
      });
      gofer::sleep(1h);
    }
    if (end == "deadlock") gofer::chan<int>{0}.recv();
    if (end == "overflow") return recurses(0);
    channels_and_locks();
    panics();
    if (!alone) faults();
    ends_of_goroutines();
    threads();
    return failures == 0 ? 0 : 1;
  });
  if (result == 0) std::puts("ok");
  return result;
}
