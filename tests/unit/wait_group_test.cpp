// wait_group, error_group, singleflight.
#include <gofer/sync.hpp>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "chan_helpers.hpp"

namespace {

using namespace chan_test;
using gofer::chan;
using gofer::error;
using gofer::go;

TEST(WaitGroup, CountsAndCanBeUsedAgain) {
  sweep([] {
    gofer::wait_group wg;
    wg.wait();
    for (int round = 0; round < 5; round++) {
      std::atomic<int> n{0};
      wg.add(10);
      for (int i = 0; i < 10; i++) {
        go([&] {
          gofer::gosched();
          n++;
          wg.done();
        });
      }
      wg.wait();
      EXPECT_EQ(n, 10);
    }
    wg.add(5);
    wg.add(-3);
    wg.done();
    wg.done();
    wg.wait();
  });
}

TEST(WaitGroup, WakesAllWaiters) {
  sweep([] {
    gofer::wait_group wg;
    wg.add(2);
    chan<int> out{3};
    for (int i = 0; i < 3; i++) {
      go([&] {
        wg.wait();
        out.send(1);
      });
    }
    eventually([&] { return sleepers(&wg) == 3; });
    wg.done();
    gofer::sleep(200us);
    EXPECT_EQ(out.len(), 0u);
    wg.done();
    for (int i = 0; i < 3; i++) EXPECT_EQ(out.recv(), 1);
  });
}

TEST(WaitGroup, MisusePanics) {
  const auto check = [] {
    gofer::wait_group wg;
    wg.add(1);
    wg.done();
    EXPECT_EQ(runtime_error_of([&] { wg.done(); }), "sync: negative WaitGroup counter");
    gofer::wait_group other;
    EXPECT_EQ(runtime_error_of([&] { other.add(-1); }), "sync: negative WaitGroup counter");
    other.add(1);  // the counter is what it is: zero again
    other.wait();
  };
  sweep(check);
  check();
}

// Used again while a waiter of the last time has not come back yet.
TEST(WaitGroup, ReuseBeforeTheWaitersReturnIsFound) {
  gofer::run(gofer::options{.maxprocs = 1}, [] {
    gofer::wait_group wg;
    wg.add(1);
    chan<std::string> outcome{1};
    go([&] { outcome.send(runtime_error_of([&] { wg.wait(); })); });
    eventually([&] { return sleepers(&wg) == 1; });
    wg.done();
    wg.add(1);  // with one processor the waiter has not run yet
    EXPECT_EQ(outcome.recv(), "sync: WaitGroup is reused before previous Wait has returned");
    wg.done();
  });
}

TEST(WaitGroup, GoRunsAndCounts) {
  sweep([] {
    gofer::wait_group wg;
    std::atomic<int> sum{0};
    wg.go([&] { sum += 1; });
    wg.go([&](int a, const std::string& b) { sum += a + static_cast<int>(b.size()); }, 10, "four");
    auto move_only = std::make_unique<int>(100);
    wg.go([&](std::unique_ptr<int> p) { sum += *p; }, std::move(move_only));
    wg.wait();
    EXPECT_EQ(sum, 115);
    // It ends by goexit, or by a panic that its own deferred call recovers: done all the same.
    wg.go([] { gofer::goexit(); });
    wg.go([] {
      gofer::defer d{[] { gofer::recover(); }};
      gofer::panic("recovered");
    });
    wg.wait();
  });
}

// What the function held is gone when wait() returns: it may refer to what the waiter destroys next.
TEST(WaitGroup, GoDestroysTheFunctionBeforeItIsDone) {
  sweep([] {
    for (int round = 0; round < 100; round++) {
      std::atomic<bool> captured_gone{false}, argument_gone{false};
      const auto tell = [](std::atomic<bool>& gone) {
        return std::shared_ptr<int>(new int(1), [&gone](const int* p) {
          delete p;
          gofer::gosched();
          gone = true;
        });
      };
      gofer::wait_group wg;
      wg.go([p = tell(captured_gone)](const std::shared_ptr<int>&) {}, tell(argument_gone));
      wg.wait();
      EXPECT_TRUE(captured_gone && argument_gone);
      gofer::error_group g;
      captured_gone = argument_gone = false;
      g.go([p = tell(captured_gone)](const std::shared_ptr<int>&) {}, tell(argument_gone));
      EXPECT_FALSE(g.wait());
      EXPECT_TRUE(captured_gone && argument_gone);
    }
  });
}

TEST(WaitGroup, APanicIsReportedBeforeAnybodyGoesOn) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(gofer::run([] {
                gofer::wait_group wg;
                wg.go([] { gofer::panic("nobody recovers this"); });
                wg.wait();
                std::_Exit(0);
              }),
              testing::ExitedWithCode(2), "panic: nobody recovers this");
}

// On the stack of who waits, gone as soon as wait() returns.
TEST(WaitGroup, MayBeDestroyedWhenWaitReturns) {
  sweep([] {
    for (int round = 0; round < 500; round++) {
      auto wg = std::make_unique<gofer::wait_group>();
      wg->add(2);
      go([&w = *wg] { w.done(); });
      go([&w = *wg] { w.done(); });
      if (round % 3 == 0) gofer::gosched();
      wg->wait();
    }
  });
}

TEST(WaitGroup, BetweenThreadsAndGoroutines) {
  for (int round = 0; round < 50; round++) {
    gofer::wait_group wg;
    wg.add(2);
    std::thread t([&] { wg.done(); });
    gofer::run(gofer::options{.maxprocs = 2}, [&] {
      go([&] { wg.done(); });
      wg.wait();
    });
    wg.wait();
    t.join();
  }
}

TEST(ErrorGroup, FirstErrorWinsAndCancels) {
  sweep([] {
    gofer::error_group g;
    const auto ctx = g.context();
    const error first = gofer::make_error("first");
    g.go([] { return error(); });
    g.go([] {});
    g.go([&]() -> error { return first; });
    g.go([ctx]() -> error {
      ctx.done().recv();
      return gofer::make_error("second");
    });
    EXPECT_EQ(g.wait(), first);
    EXPECT_EQ(ctx.err(), gofer::context::canceled);
    EXPECT_EQ(ctx.cause(), first);
  });
}

TEST(ErrorGroup, WithoutErrors) {
  sweep([] {
    auto [parent, cancel] = gofer::with_cancel(gofer::background());
    gofer::error_group g(parent);
    EXPECT_FALSE(g.context().err());
    std::atomic<int> n{0};
    for (int i = 0; i < 20; i++) g.go([&](int by) { n += by; }, 2);
    EXPECT_FALSE(g.wait());
    EXPECT_EQ(n, 40);
    EXPECT_TRUE(g.context().err());
    EXPECT_FALSE(parent.err());
    cancel();
  });
}

TEST(ErrorGroup, Limit) {
  sweep([] {
    gofer::error_group g;
    g.set_limit(3);
    std::atomic<int> inside{0}, most{0};
    for (int i = 0; i < 30; i++) {
      g.go([&] {
        const int n = ++inside;
        for (int m = most; n > m && !most.compare_exchange_weak(m, n);) {
        }
        gofer::sleep(50us);
        inside--;
      });
    }
    EXPECT_FALSE(g.wait());
    EXPECT_LE(most, 3);
    g.set_limit(1);
    chan<> gate{0};
    EXPECT_TRUE(g.try_go([=] { gate.recv(); }));
    EXPECT_FALSE(g.try_go([] {}));
    const auto text = gofer::func([&](std::string& what) {
      gofer::defer d{[&] { what = gofer::recover().what(); }};
      g.set_limit(2);
    });
    EXPECT_EQ(text, "errgroup: modify limit while 1 goroutines in the group are still active");
    gate.send();
    g.wait();
    g.set_limit(-1);
    EXPECT_TRUE(g.try_go([] { gofer::goexit(); }));
    g.wait();
  });
}

TEST(Singleflight, OneCallPerKeyAtATime) {
  sweep([] {
    gofer::singleflight<int> g;
    std::atomic<int> calls{0}, shared{0};
    chan<> gate{0};
    gofer::wait_group wg;
    for (int i = 0; i < 5; i++) {
      wg.go([&] {
        auto [v, err, others] = g.run("key", [&] {
          calls++;
          gate.recv();
          return 42;
        });
        EXPECT_EQ(v, 42);
        EXPECT_FALSE(err);
        shared += others;
      });
    }
    eventually([&] { return calls == 1; });
    gofer::sleep(1ms);
    gate.send();
    wg.go([&] {
      // Whoever came too late for the first call makes another.
      while (!gate.try_send() && calls < 0) {
      }
    });
    eventually([&] {
      gate.try_send();
      return gofer::num_goroutine() == 1;
    });
    wg.wait();
    EXPECT_GE(calls, 1);
    EXPECT_LE(calls, 5);
    auto [v, err, others] = g.run("key", []() -> gofer::result<int> { return {0, gofer::make_error("no")}; });
    EXPECT_EQ(err.what(), "no");
    EXPECT_FALSE(others);
  });
}

TEST(Singleflight, PanicAndGoexitReachEverybody) {
  sweep([] {
    gofer::singleflight<int> g;
    for (const bool panics : {true, false}) {
      chan<> gate{0};
      std::atomic<int> panicked{0}, went_on{0};
      std::atomic<int> calls{0};
      gofer::wait_group wg;
      for (int i = 0; i < 3; i++) {
        wg.go([&] {
          gofer::func([&] {
            gofer::defer d{[&] {
              if (auto p = gofer::recover()) panicked += p.what() == "inside";
            }};
            g.run("k", [&]() -> int {
              calls++;
              gate.recv();
              if (panics) gofer::panic("inside");
              gofer::goexit();
            });
            went_on++;
          });
        });
      }
      eventually([&] { return calls > 0; });
      gofer::sleep(1ms);
      gate.close();
      wg.wait();
      EXPECT_EQ(went_on, 0);
      EXPECT_EQ(panicked, panics ? 3 : 0);
    }
    EXPECT_EQ(g.run("k", [] { return 1; }).value, 1);
  });
}

}  // namespace
