// A worker that survives its jobs: one divides by zero, one throws, one panics, and the lock is free after each of
// them.
#include <cstdio>
#include <functional>
#include <gofer/gofer.hpp>
#include <mutex>
#include <stdexcept>
#include <string>

namespace {

gofer::mutex results_lock;
std::string results;

/// What the job returned, or what went wrong in it.
std::string attempt(const std::function<int()>& job) {
  return gofer::func([&](std::string& outcome) {
    gofer::defer d{[&] {
      if (auto p = gofer::recover()) outcome = "recovered: " + p.what();
    }};
    // The lock is released before the deferred call above runs: destructors and deferred calls share one order.
    const std::lock_guard lock(results_lock);
    const int value = job();
    results += std::to_string(value) + " ";
    outcome = "done: " + std::to_string(value);
  });
}

int divide(int a, int b) { return a / b; }

}  // namespace

int main() {
  return gofer::run([] {
    volatile int zero = 0;
    const std::function<int()> jobs[] = {
        [] { return divide(84, 2); },
        [&] { return divide(1, zero); },
        []() -> int { throw std::runtime_error("a C++ exception"); },
        []() -> int { gofer::panic("enough"); },
        [] { return divide(21, 3); },
    };
    for (const auto& job : jobs) std::puts(attempt(job).c_str());
    std::printf("results: %s\n", results.c_str());
    return results == "42 7 " ? 0 : 1;
  });
}
