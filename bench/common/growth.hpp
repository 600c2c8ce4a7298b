// Cost as work grows: the same thing with n of a kind at once, from one to a million. Each prints nanoseconds per
// goroutine, timer or waiter. What is over before the clock can tell is repeated for a tenth of a second.
#pragma once

#include <chrono>
#include <cstdint>
#include <vector>

#include "common/measure.hpp"

namespace bench {

template <class R>
struct growth {
  /// n goroutines that all live at once, to their ends: each waits until the last one runs.
  static void goroutines(std::int64_t n) {
    repeat("goroutines", n, [n] {
      const typename R::channel gate(0);
      typename R::wait_group started;
      typename R::wait_group ended;
      started.add(static_cast<int>(n));
      ended.add(static_cast<int>(n));
      const stopwatch time;
      for (std::int64_t i = 0; i < n; i++) {
        R::spawn([&] {
          started.done();
          gate.recv();
          ended.done();
        });
      }
      started.wait();
      gate.close();
      ended.wait();
      return time.ns();
    });
  }

  /// n timers, armed and stopped, with all n armed in between.
  static void timers(std::int64_t n) {
    repeat("timers", n, [n] {
      std::vector<typename R::timer> armed;
      armed.reserve(static_cast<std::size_t>(n));
      const stopwatch time;
      for (std::int64_t i = 0; i < n; i++)
        armed.emplace_back(std::chrono::hours(1) + std::chrono::microseconds(i % 1000));
      for (auto& t : armed) t.stop();
      return time.ns();
    });
  }

  /// n goroutines that wait for one channel, woken at once by its close; only the waking is timed.
  static void waiters(std::int64_t n) {
    repeat("waiters", n, [n] {
      const typename R::channel gate(0);
      typename R::wait_group started;
      typename R::wait_group ended;
      started.add(static_cast<int>(n));
      ended.add(static_cast<int>(n));
      for (std::int64_t i = 0; i < n; i++) {
        R::spawn([&] {
          started.done();
          gate.recv();
          ended.done();
        });
      }
      started.wait();
      const stopwatch time;
      gate.close();
      ended.wait();
      return time.ns();
    });
  }

 private:
  template <class F>
  static void repeat(const char* name, std::int64_t n, F once) {
    const stopwatch all;
    double ns = 0;
    std::int64_t rounds = 0;
    do {
      ns += once();
      rounds++;
    } while (all.ms() < 100);
    print(name, ns / static_cast<double>(rounds) / static_cast<double>(n), "ns/each");
  }
};

}  // namespace bench
