// The scheduler from above: run, go, gosched, blocking, GOMAXPROCS, plain threads, state per goroutine.
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <gofer/gofer.hpp>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "sched/config.hpp"
#include "sched/stack.hpp"
#include "sometimes.hpp"

namespace gofer::test {
namespace {

using namespace std::chrono_literals;

constexpr int all_procs[] = {1, 2, 4, 8, 64};

// ThreadSanitizer knows 8,128 threads and goroutines at once.
constexpr int many = GOFER_TSAN != 0 ? 2'000 : 10'000;

void wait_alone() {
  while (num_goroutine() > 1) gosched();
}

TEST(Run, ReturnsMainsResultAgainAndAgain) {
  for (int i = 0; i < 20; i++) EXPECT_EQ(run([i] { return i; }), i);
  EXPECT_EQ(run([] {}), 0);
}

TEST(Run, MainIsGoroutineOne) {
  EXPECT_EQ(goid(), 0u);
  run([] { EXPECT_EQ(goid(), 1u); });
  run([] { EXPECT_EQ(goid(), 1u); });
}

TEST(Run, DoesNotWaitForOthers) {
  std::atomic<bool> after{false};
  run([&] {
    go([&] {
      chan<int> never{0};
      never.recv();
      after = true;
    });
    gosched();
  });
  run([] { gosched(); });
  EXPECT_FALSE(after);
}

TEST(Run, ReturnsThoughAGoroutineBlocksItsThread) {
  // Shared: the thread that is left behind may look at it once more after the test has ended.
  const auto release = std::make_shared<std::atomic<bool>>(false);
  const auto begin = std::chrono::steady_clock::now();
  run(options{.maxprocs = 2}, [&] {
    go([release] {
      blocking([release] {
        while (!*release) std::this_thread::sleep_for(1ms);
      });
    });
    sleep(5ms);
  });
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 20s);
  *release = true;
  run([] {});
}

TEST(Go, RunsEverything) {
  for (const int procs : all_procs) {
    run(options{.maxprocs = procs}, [&] {
      std::atomic<int> n{0};
      for (int i = 0; i < many; i++) go([&n] { n.fetch_add(1, std::memory_order_relaxed); });
      wait_alone();
      EXPECT_EQ(n, many) << procs;
    });
  }
}

TEST(Go, NewestRunsFirstOnOneWorker) {
  run(options{.maxprocs = 1}, [] {
    EXPECT_TRUE(sometimes([] {
      std::string order;
      for (const char c : {'a', 'b', 'c'}) go([&order, c] { order += c; });
      wait_alone();
      return order == "cab";
    }));
  });
}

TEST(Go, ArgumentsAreCopiedNowAndDestroyedAtTheEnd) {
  struct counted {
    std::shared_ptr<int> p;
  };
  auto p = std::make_shared<int>(1);
  run([&] {
    const chan<> looked{0};
    const auto body = [looked](const counted& c, std::unique_ptr<int> u) {
      EXPECT_EQ(*c.p + *u, 3);
      looked.recv();
    };
    go(body, counted{p}, std::make_unique<int>(2));
    EXPECT_EQ(p.use_count(), 2);
    looked.close();
    wait_alone();
  });
  EXPECT_EQ(p.use_count(), 1);
}

TEST(Go, LargeClosuresAndOddAlignment) {
  struct alignas(256) wide {
    char c[256];
  };
  std::atomic<int> ok{0};
  run([&] {
    go([&ok, big = std::array<char, 10'000>{}] { ok += static_cast<int>(big.size()) / 10'000; });
    go([&ok, w = wide{}] { ok += reinterpret_cast<std::uintptr_t>(&w) % 256 == 0 ? 1 : 0; });
    wait_alone();
  });
  EXPECT_EQ(ok, 2);
}

TEST(Go, ACopyThatThrowsStartsNothing) {
  struct throws_on_copy {
    throws_on_copy() = default;
    throws_on_copy(const throws_on_copy&) { throw std::runtime_error("copy"); }
    void operator()() const { ADD_FAILURE(); }
  };
  run([] {
    const throws_on_copy f;
    for (int i = 0; i < 1000; i++) EXPECT_THROW(go(f), std::runtime_error);
    EXPECT_EQ(num_goroutine(), 1);
  });
}

TEST(Go, StackSizePerGoroutine) {
  std::atomic<int> done{0};
  run([&] {
    for (const std::size_t size : {std::size_t{64} << 10, std::size_t{1} << 20, std::size_t{8} << 20}) {
      go(spawn_options{.stack_size = size, .name = "sized"}, [&done, size] {
        const std::size_t use = size - 24 * 1024;
        auto* block = static_cast<volatile char*>(__builtin_alloca(use));
        for (std::size_t i = 0; i < use; i += 4096) block[i] = 1;
        done++;
      });
      wait_alone();
    }
  });
  EXPECT_EQ(done, 3);
}

TEST(Go, FromAPlainThreadBeforeAndDuringRun) {
  std::atomic<int> n{0};
  go([&] { n++; });
  while (n != 1) std::this_thread::yield();
  run([&] {
    std::thread t([&] {
      for (int i = 0; i < 100; i++) go([&] { n++; });
    });
    while (n != 101) gosched();
    blocking([&] { t.join(); });
  });
}

TEST(Blocking, DoesNotHoldUpOthersOnOneWorker) {
  run(options{.maxprocs = 1}, [] {
    std::atomic<bool> blocked{true};
    std::atomic<int> turns{0};
    go([&] {
      while (blocked) {
        turns++;
        gosched();
      }
    });
    blocking([] { std::this_thread::sleep_for(50ms); });
    blocked = false;
    EXPECT_GT(turns, 100);
    wait_alone();
  });
}

TEST(Blocking, PassesResultsAndExceptions) {
  run([] {
    EXPECT_EQ(blocking([] { return 7; }), 7);
    EXPECT_THROW(blocking([] { throw std::runtime_error("x"); }), std::runtime_error);
    gosched();
  });
  EXPECT_EQ(blocking([] { return 8; }), 8);
}

TEST(Blocking, ManyAtOnce) {
  run(options{.maxprocs = 2}, [] {
    std::atomic<int> n{0};
    for (int i = 0; i < 50; i++) {
      go([&] {
        for (int k = 0; k < 5; k++) blocking([] { std::this_thread::sleep_for(1ms); });
        n++;
      });
    }
    wait_alone();
    EXPECT_EQ(n, 50);
  });
}

TEST(Gomaxprocs, ReportsAndChangesWhileRunning) {
  run(options{.maxprocs = 2}, [] {
    EXPECT_EQ(gomaxprocs(0), 2);
    std::atomic<int> n{0};
    for (int round = 0; round < 30; round++) {
      for (int i = 0; i < 200; i++) {
        go([&] {
          gosched();
          n++;
        });
      }
      gomaxprocs(1 + round % 5);
      gosched();
    }
    wait_alone();
    EXPECT_EQ(n, 30 * 200);
    EXPECT_EQ(gomaxprocs(3), 1 + 29 % 5);
    EXPECT_EQ(gomaxprocs(0), 3);
  });
}

TEST(PerGoroutine, ErrnoStaysWithTheGoroutine) {
  for (const int procs : {1, 4}) {
    run(options{.maxprocs = procs}, [] {
      std::atomic<int> wrong{0};
      for (int i = 1; i <= 50; i++) {
        go([&wrong, i] {
          // Written and read out of line: a compiler may keep the address of errno across gosched.
          const auto set = [](int v) __attribute__((noinline)) { errno = v; };
          const auto get = []() __attribute__((noinline)) { return errno; };
          set(i);
          for (int k = 0; k < 20; k++) {
            gosched();
            if (get() != i) wrong++;
          }
        });
      }
      wait_alone();
      EXPECT_EQ(wrong, 0);
    });
  }
}

TEST(PerGoroutine, ErrnoMovesAlongToOtherThreads) {
  run(options{.maxprocs = 4}, [] {
    std::atomic<int> moves{0};
    std::atomic<int> wrong{0};
    while (moves < 20) {
      wait_group all;
      for (int i = 1; i <= 8; i++) {
        all.go([&moves, &wrong, i] {
          const auto set = [](int v) __attribute__((noinline)) { errno = v; };
          const auto get = []() __attribute__((noinline)) { return errno; };
          for (int k = 0; k < 20; k++) {
            const pid_t before = ::gettid();
            set(i);
            k % 2 == 0 ? gosched() : blocking([] { ::usleep(1); });
            if (get() != i) wrong++;
            if (::gettid() != before) moves++;
          }
        });
      }
      all.wait();
    }
    EXPECT_EQ(wrong, 0);
  });
}

TEST(PerGoroutine, ExceptionsInFlightStayWithTheGoroutine) {
  for (const int procs : {1, 4}) {
    run(options{.maxprocs = procs}, [] {
      std::atomic<int> right{0};
      for (int i = 0; i < 50; i++) {
        go([&right, i] {
          struct yields {
            ~yields() {
              for (int k = 0; k < 5; k++) gosched();
            }
          };
          try {
            const yields in_cleanup;
            throw i;
          } catch (const int v) {
            for (int k = 0; k < 5; k++) gosched();
            try {
              throw;
            } catch (const int again) {
              if (v == i && again == i && std::uncaught_exceptions() == 0) right++;
            }
          }
        });
      }
      wait_alone();
      EXPECT_EQ(right, 50);
    });
  }
}

TEST(Migration, PanicsAndRecoversWhileGoroutinesMove) {
  run(options{.maxprocs = 8}, [] {
    constexpr int goroutines = 64;
    constexpr int rounds = GOFER_TSAN != 0 || GOFER_ASAN != 0 ? 20 : 500;
    std::atomic<int> recovered{0};
    for (int i = 0; i < goroutines; i++) {
      go([&] {
        for (int k = 0; k < rounds; k++) {
          func([&] {
            defer d{[&] {
              gosched();
              if (recover()) recovered.fetch_add(1, std::memory_order_relaxed);
            }};
            defer e{[] { gosched(); }};
            gosched();
            if (k % 2 == 0) panic(k);
            throw k;
          });
        }
      });
    }
    wait_alone();
    EXPECT_EQ(recovered, goroutines * rounds);
  });
}

long resident_pages() {
  long total = 0;
  long resident = 0;
  std::FILE* f = std::fopen("/proc/self/statm", "r");
  if (f == nullptr || std::fscanf(f, "%ld %ld", &total, &resident) != 2) ADD_FAILURE();
  if (f != nullptr) std::fclose(f);
  return resident;
}

// Ten million, a thousand at once, in the memory of the first hundred thousand.
TEST(Memory, OfMillionsThatFollowOneAnotherStaysWhatItIs) {
  constexpr int part = GOFER_TSAN != 0 || GOFER_ASAN != 0 ? 2'000 : 100'000;
  constexpr int parts = GOFER_TSAN != 0 || GOFER_ASAN != 0 ? 3 : 100;
  for (const int procs : {1, 2}) {
    run({.maxprocs = procs}, [] {
      const auto spawn = [](int n) {
        for (int i = 0; i < n; i += 1000) {
          wait_group wg;
          for (int k = 0; k < 1000; k++) wg.go([] {});
          wg.wait();
        }
      };
      spawn(part);
      const long before = resident_pages();
      const std::int64_t stacks = sched::read_stack_stats().mapped;
      for (int i = 1; i < parts; i++) spawn(part);
      if (GOFER_TSAN == 0 && GOFER_ASAN == 0) {  // whose own books grow
        EXPECT_LT(resident_pages() - before, 1024);
      }
      // Who is done may not have given its stack back yet when the next thousand begins.
      EXPECT_LE(sched::read_stack_stats().mapped - stacks, 10'000);
    });
  }
}

TEST(Memory, OfManyGoroutinesComesBack) {
  constexpr int n = GOFER_TSAN != 0 ? 1000 : 20'000;
  run([&] {
    const long before = resident_pages();
    chan<int> gate{0};
    for (int i = 0; i < n; i++) go([gate]() mutable { gate.recv(); });
    while (num_goroutine() < n + 1) gosched();
    gosched();
    gate.close();
    wait_alone();
    // sysmon gives back what was not needed for a second, half of it a time; the allocator and the sanitizers may keep
    // some.
    for (int i = 0; i < 200 && resident_pages() - before > n / 2; i++) sleep(100ms);
    if (GOFER_TSAN == 0 && GOFER_ASAN == 0) {
      EXPECT_LT(resident_pages() - before, n / 2);
    }
  });
}

TEST(Idle, UsesNoProcessor) {
  const auto cpu_us = [] {
    rusage u{};
    getrusage(RUSAGE_SELF, &u);
    return (u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1'000'000 + u.ru_utime.tv_usec + u.ru_stime.tv_usec;
  };
  run(options{.maxprocs = 4}, [&] {
    for (int i = 0; i < 100; i++) go([] { gosched(); });
    wait_alone();
    sleep(200ms);
    const auto before = cpu_us();
    sleep(1s);
    EXPECT_LT(cpu_us() - before, 100'000) << "a second of idleness took more than a tenth of a processor";
  });
}

}  // namespace
}  // namespace gofer::test
