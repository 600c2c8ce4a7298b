// A goroutine that does not yield loses its P, and the others go on.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <gofer/chan.hpp>
#include <gofer/defer.hpp>
#include <gofer/panic.hpp>
#include <gofer/runtime.hpp>
#include <gofer/sync.hpp>
#include <gofer/time.hpp>
#include <mutex>
#include <thread>
#include <vector>

#include "sched/retake.hpp"

namespace {

using namespace std::chrono_literals;

// Main sleeps, which takes a timer and a P, while hogs hold all of them.
template <class Hog>
void starves_nobody(int procs, int hogs, Hog hog) {
  gofer::run({.maxprocs = procs}, [&] {
    std::atomic<bool> stop{false};
    gofer::wait_group wg;
    for (int i = 0; i < hogs; i++) {
      wg.go([&] { hog(stop); });
    }
    gofer::gosched();
    gofer::sleep(1ms);
    gofer::chan<int> c(0);
    gofer::go([&] { c.send(1); });
    EXPECT_EQ(c.recv(), 1);
    stop = true;
    wg.wait();
  });
}

TEST(Preempt, BusyLoop) {
  for (const int procs : {1, 2}) {
    starves_nobody(procs, 2 * procs, [](const std::atomic<bool>& stop) {
      while (!stop) {
      }
    });
  }
}

TEST(Preempt, InsideMalloc) {
  starves_nobody(1, 2, [](const std::atomic<bool>& stop) {
    while (!stop) {
      const std::vector<char> some(1000 + static_cast<std::size_t>(stop));
      ASSERT_EQ(some[999], 0);
    }
  });
}

TEST(Preempt, InsideALock) {
  std::mutex mu;
  starves_nobody(1, 2, [&](const std::atomic<bool>& stop) {
    const std::lock_guard hold(mu);
    while (!stop) {
    }
  });
}

TEST(Preempt, InsideASystemCall) {
  starves_nobody(1, 1, [](const std::atomic<bool>& stop) {
    while (!stop) std::this_thread::sleep_for(1ms);
  });
}

// Calls into gofer all the time, none of which parks.
TEST(Preempt, AmongCallsThatDoNotBlock) {
  starves_nobody(1, 2, [](const std::atomic<bool>& stop) {
    gofer::chan<int> c(1);
    gofer::mutex mu;
    while (!stop) {
      c.send(1);
      ASSERT_EQ(c.recv(), 1);
      const std::lock_guard hold(mu);
      gofer::defer_list later;
      for (int i = 0; i < 20; i++) later.push([] {});
    }
  });
}

// After it lost its P, the goroutine does everything that needs one.
TEST(Preempt, GoesOnWithoutItsP) {
  gofer::run({.maxprocs = 1}, [] {
    std::atomic<bool> others_ran{false};
    gofer::go([&] { others_ran = true; });
    while (!others_ran) {
    }
    gofer::chan<int> c(0);
    gofer::go([&] { c.send(1); });
    EXPECT_EQ(c.recv(), 1);

    others_ran = false;
    gofer::go([&] { others_ran = true; });
    while (!others_ran) {
    }
    gofer::gosched();

    others_ran = false;
    gofer::go([&] { others_ran = true; });
    while (!others_ran) {
    }
    gofer::func([] {
      gofer::defer d{[] { EXPECT_EQ(gofer::recover().what(), "lost"); }};
      gofer::panic("lost");
    });

    others_ran = false;
    gofer::go([&] { others_ran = true; });
    while (!others_ran) {
    }
    gofer::blocking([] { std::this_thread::sleep_for(1ms); });

    // And one that ends without a P.
    gofer::wait_group wg;
    wg.go([&] {
      others_ran = false;
      gofer::go([&] { others_ran = true; });
      while (!others_ran) {
      }
    });
    wg.wait();
    while (gofer::num_goroutine() != 1) gofer::gosched();
  });
}

// Two that follow one another through runnext do not keep the third waiting.
TEST(Preempt, PingPongStarvesNobody) {
  gofer::run({.maxprocs = 1}, [] {
    gofer::chan<int> there(0);
    gofer::chan<int> back(0);
    gofer::go([=] {
      for (const int v : there) back.send(v);
    });
    std::atomic<bool> third{false};
    gofer::go([&] {
      for (int i = 0; i < 10; i++) gofer::gosched();
      third = true;
    });
    while (!third) {
      there.send(1);
      back.recv();
    }
    there.close();
  });
}

// sysmon takes Ps as fast as it can, at any moment outside the scheduler.
TEST(Preempt, AtAnyMoment) {
  gofer::sched::force_preempt_ns = 0;
  for (const int procs : {1, 2, 4}) {
    gofer::run({.maxprocs = procs}, [&] {
      constexpr int workers = 8;
      constexpr std::int64_t each = 10000;
      gofer::chan<std::int64_t> c(3);
      gofer::mutex mu;
      std::int64_t guarded = 0;
      gofer::wait_group wg;
      std::atomic<std::int64_t> sum{0};
      for (int w = 0; w < workers; w++) {
        wg.go([&] {
          for (std::int64_t i = 0; i < each; i++) {
            c.send(i);
            {
              const std::lock_guard hold(mu);
              guarded++;
            }
            gofer::defer_list later;
            for (int k = 0; k < 8; k++) later.push([] {});
            if (i % 64 == 0) gofer::sleep(1us);
            if (i % 16 == 0) {
              gofer::func([] {
                gofer::defer d{[] { gofer::recover(); }};
                gofer::panic(1);
              });
            }
          }
        });
        wg.go([&] {
          for (std::int64_t i = 0; i < each; i++) {
            sum += *c.recv();
            if (i % 32 == 0) gofer::gosched();
            if (i % 128 == 0) gofer::blocking([] {});
            if (i % 8 == 0) {
              gofer::wait_group one;
              one.go([] {});
              one.wait();
            }
          }
        });
      }
      wg.wait();
      EXPECT_EQ(guarded, workers * each);
      EXPECT_EQ(sum, workers * (each * (each - 1) / 2));
    });
  }
  gofer::sched::force_preempt_ns = 10'000'000;
}

// A goroutine without its P waited for one with the timer's lock held. On the only P a worker ran that timer, and
// waited for the lock.
TEST(Preempt, AGoroutineWithoutAPDoesNotWaitForOneInATimersLock) {
  gofer::run({.maxprocs = 1}, [] {
    using clock = std::chrono::steady_clock;
    const auto compute = [](clock::duration d) {
      for (const auto end = clock::now() + d; clock::now() < end;) {
      }
    };
    std::atomic<bool> stop{false};
    gofer::wait_group wg;
    wg.go([&] {
      // The ticker is due again whenever this one lets the scheduler look.
      while (!stop) {
        compute(2ms);
        gofer::gosched();
      }
    });
    gofer::ticker ticker(1ms);
    for (int i = 0; i < 10; i++) {
      compute(25ms);
      ticker.reset(1ms);  // there is a stale tick to take back
    }
    ticker.stop();
    stop = true;
    wg.wait();
  });
}

}  // namespace
