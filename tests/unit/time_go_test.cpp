// What Go's own tests of timers (time/sleep_test.go, time/tick_test.go) show, and time_test.cpp does not yet.
#include <algorithm>
#include <gofer/select.hpp>
#include <gofer/sync.hpp>
#include <gofer/time.hpp>
#include <random>
#include <vector>

#include "chan_helpers.hpp"

namespace {

using namespace chan_test;
using gofer::after_func;
using gofer::chan;
using gofer::go;
using gofer::time_point;
using clk = time_point::clock;

// TestAfterFunc: each arms the next one.
TEST(TimeGo, AfterFuncsInARow) {
  sweep([] {
    int left = 10;
    const chan<bool> done{0};
    std::function<void()> next = [&] {
      if (--left >= 0) {
        after_func(0s, next);
        after_func(1us, [] {});
      } else {
        done.send(true);
      }
    };
    after_func(0s, next);
    done.recv();
    EXPECT_EQ(left, -1);
  });
}

// TestAfterFuncStarvation: two goroutines of which one can always run do not keep a timer from firing, nor what it
// started from running.
TEST(TimeGo, ABusyPairDoesNotStarveATimer) {
  sweep([] {
    std::atomic<bool> stop{false};
    const chan<bool> c{1};
    gofer::wait_group wg;
    wg.go([&] {
      while (!stop) c.send(true);
      c.close();
    });
    wg.go([&] {
      for ([[maybe_unused]] const bool b : c) {
      }
    });
    after_func(1us, [&] { stop = true; });
    wg.wait();
  });
}

// TestAfterQueuing: each of many at its own time, in whatever order they were armed.
TEST(TimeGo, ManyAftersAtOnce) {
  sweep([] {
    constexpr auto delta = 1ms;
    gofer::wait_group wg;
    for (const int slot : {5, 3, 6, 6, 6, 1, 1, 2, 7, 9, 4}) {
      const time_point before = clk::now();
      const auto c = gofer::after(slot * delta);
      const time_point armed = clk::now();
      wg.go([=] {
        const time_point at = *c.recv();
        EXPECT_GE(at, before + slot * delta);
        EXPECT_LE(at, armed + slot * delta);
        EXPECT_GE(clk::now(), at);
      });
    }
    wg.wait();
  });
}

// TestSleepZeroDeadlock: sleeps that are over at once, beside a timer that wakes nobody.
TEST(TimeGo, SleepsOfNothingDoNotHang) {
  sweep([] {
    gofer::wait_group wg;
    wg.go([] {
      for (int i = 0; i < 100; i++) gofer::sleep(1ns);
    });
    for (int i = 0; i < 100; i++) {
      gofer::sleep(0ns);
      std::vector<int> garbage(1 << 10);
      garbage[static_cast<std::size_t>(i)] = i;
    }
    wg.wait();
  });
}

// TestZeroTimer: a timer of nothing fires every time.
TEST(TimeGo, ATimerOfNothingFiresEveryTime) {
  sweep([] {
    for (int i = 0; i < 300; i++) {
      const gofer::timer t(0s);
      t.c().recv();
      for (int k = 0; k < 3; k++) {
        EXPECT_FALSE(t.reset(0s));
        t.c().recv();
      }
    }
  });
}

// TestTimerModifiedEarlier: a timer that was put off to a far away time, and then brought forward, is waited for.
TEST(TimeGo, ATimerThatIsBroughtForwardComesThen) {
  sweep([] {
    for (int i = 0; i < 10; i++) {
      const gofer::timer t(1h);
      t.reset(100h);
      t.reset(1ms);
      EXPECT_TRUE(t.c().recv());
    }
  });
}

// Timers that are put off keep their place in the heap (runtime/time_timer.hpp): none may come early, late or twice.
TEST(TimeGo, PutOffAgainAndAgain) {
  sweep([] {
    gofer::wait_group wg;
    for (int g = 0; g < 8; g++) {
      wg.go([g] {
        std::minstd_rand random(static_cast<unsigned>(g) + 1);
        const gofer::timer t(1h);
        for (int i = 0; i < 20; i++) {
          time_point due;
          for (int k = 0; k < 5; k++) {
            const auto d = std::chrono::microseconds(random() % 300);
            due = clk::now() + d;
            t.reset(d);
            if (random() % 3 == 0) gofer::sleep(std::chrono::microseconds(random() % 100));
            if (random() % 8 == 0) t.stop();
          }
          const auto d = std::chrono::microseconds(random() % 300);
          due = clk::now() + d;
          t.reset(d);
          EXPECT_GE(*t.c().recv(), due);
          EXPECT_FALSE(t.stop());
          time_point stale;
          EXPECT_EQ(t.c().try_recv(stale), gofer::recv_status::empty);
        }
      });
    }
    wg.wait();
  });
}

// TestAdjustTimers: many tickers in all states, moved about at random until each has done its share.
TEST(TimeGo, TickersMovedAboutAtRandom) {
  sweep([] {
    std::minstd_rand random(7);
    std::vector<std::pair<int, gofer::ticker>> tickers;
    for (int i = 0; i < 30; i++) tickers.emplace_back(0, gofer::ticker());
    while (!tickers.empty()) {
      const auto i = static_cast<std::size_t>(random()) % tickers.size();
      auto& [state, t] = tickers[i];
      switch (state++ % 4) {
        case 0:
          t = gofer::ticker(std::chrono::microseconds(100 + random() % 100));
          break;
        case 1:
          t.c().recv();
          break;
        case 2:
          t.reset(std::chrono::microseconds(50 + random() % 1000));
          break;
        default:
          t.c().recv();
          if (state > 8) {
            t.stop();
            tickers.erase(tickers.begin() + static_cast<std::ptrdiff_t>(i));
          } else if (random() % 2 == 0) {
            t.stop();
            t.reset(30us);
          }
      }
    }
  });
}

// TestMultiWakeupTicker, TestMultiWakeupTimer: many goroutines, each with many of its own.
TEST(TimeGo, ManyWakeUps) {
  sweep([] {
    gofer::wait_group wg;
    for (int g = 0; g < 16; g++) {
      wg.go([] {
        for (int i = 0; i < 10; i++) {
          const gofer::ticker t{20us};
          t.c().recv();
          t.c().recv();
          t.stop();
          const gofer::timer once(20us);
          once.c().recv();
          once.reset(10us);
          once.c().recv();
        }
      });
    }
    wg.wait();
  });
}

// TestTickerConcurrentStress: one ticker, several receivers, each tick to one of them.
TEST(TimeGo, OneTickerForMany) {
  sweep([] {
    const gofer::ticker t{20us};
    const gofer::recv_chan<time_point> ticks = t.c();
    gofer::mutex mu;
    std::vector<time_point> all;
    gofer::wait_group wg;
    for (int g = 0; g < 10; g++) {
      wg.go([&] {
        for (int i = 0; i < 10; i++) {
          const time_point at = *ticks.recv();
          const std::lock_guard hold(mu);
          all.push_back(at);
        }
      });
    }
    wg.wait();
    t.stop();
    std::sort(all.begin(), all.end());
    EXPECT_TRUE(std::adjacent_find(all.begin(), all.end()) == all.end());
  });
}

// TestTeardown: tickers and timers that come and go, most of them in the middle of something.
TEST(TimeGo, ComeAndGo) {
  sweep([] {
    for (int i = 0; i < 30; i++) {
      const gofer::ticker t{10us};
      t.c().recv();
      t.stop();
      after_func(5us, [] {});
      gofer::after(5us);
      const gofer::timer dropped(5us);
    }
  });
}

// TestAfterTimes, TestTickTimes: what is received is the time at which it was due, not that at which somebody came.
TEST(TimeGo, TheTimeIsTheOneAtWhichItWasDue) {
  sweep([] {
    for (int i = 0; i < 3; i++) {
      const time_point before = clk::now();
      const auto once = gofer::after(1ms);
      const gofer::ticker t{1ms};
      const time_point armed = clk::now();
      gofer::sleep(20ms);
      for (const auto& c : {once, t.c()}) {
        const time_point at = *c.recv();
        EXPECT_GE(at, before + 1ms);
        EXPECT_LE(at, armed + 1ms);
      }
    }
  });
}

// The same for who never lets the scheduler look at its timers.
TEST(TimeGo, TheTimeIsTheOneAtWhichItWasDueAlsoForWhoPolls) {
  gofer::run(gofer::options{.maxprocs = 1}, [] {
    const time_point before = clk::now();
    const auto once = gofer::after(1ms);
    const time_point armed = clk::now();
    while (clk::now() < armed + 5ms) {
    }
    time_point at;
    ASSERT_EQ(once.try_recv(at), gofer::recv_status::ok);
    EXPECT_GE(at, before + 1ms);
    EXPECT_LE(at, armed + 1ms);
  });
}

}  // namespace
