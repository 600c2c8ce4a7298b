// shared_mutex, condition_variable, once, counting_semaphore: Go's sync tests, and what std's shapes add.
#include <gofer/sync.hpp>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <stop_token>
#include <thread>
#include <vector>

#include "chan_helpers.hpp"

namespace {

using namespace chan_test;
using gofer::chan;
using gofer::go;

const char* readers_of(const gofer::shared_mutex& rw) { return reinterpret_cast<const char*>(&rw) + 1; }

TEST(SharedMutex, ReadersTogetherWriterAlone) {
  gofer::shared_mutex rw;
  rw.lock_shared();
  rw.lock_shared();
  EXPECT_FALSE(rw.try_lock());
  EXPECT_TRUE(rw.try_lock_shared());
  rw.unlock_shared();
  rw.unlock_shared();
  rw.unlock_shared();
  EXPECT_TRUE(rw.try_lock());
  EXPECT_FALSE(rw.try_lock_shared());
  EXPECT_FALSE(rw.try_lock());
  rw.unlock();
  { const std::shared_lock hold(rw); }
  { const std::scoped_lock hold(rw); }
}

// A waiting writer holds back new readers; when he leaves, the readers who waited come before the next writer.
TEST(SharedMutex, WritersAndReadersTakeTurns) {
  sweep([] {
    gofer::shared_mutex rw;
    std::vector<std::string> log;
    gofer::mutex log_mu;
    const auto say = [&](const char* what) {
      const std::lock_guard hold(log_mu);
      log.emplace_back(what);
    };
    gofer::wait_group wg;
    rw.lock_shared();
    for (int w = 0; w < 2; w++) {
      wg.go([&] {
        rw.lock();
        say("writer in");
        gofer::sleep(500us);
        say("writer out");
        rw.unlock();
      });
      eventually([&] { return sleepers(&rw) == static_cast<std::size_t>(w) + 1; });
    }
    EXPECT_FALSE(rw.try_lock_shared());
    for (int r = 0; r < 3; r++) {
      wg.go([&] {
        rw.lock_shared();
        say("reader");
        gofer::sleep(500us);
        rw.unlock_shared();
      });
      eventually([&] { return sleepers(readers_of(rw)) == static_cast<std::size_t>(r) + 1; });
    }
    say("first reader leaves");
    rw.unlock_shared();
    wg.wait();
    EXPECT_EQ(log, (std::vector<std::string>{"first reader leaves", "writer in", "writer out", "reader", "reader",
                                             "reader", "writer in", "writer out"}));
    EXPECT_TRUE(rw.try_lock());
    rw.unlock();
  });
}

// Go's HammerRWMutex.
TEST(SharedMutex, ExcludesUnderLoad) {
  sweep([] {
    for (const int readers : {1, 3, 10}) {
      gofer::shared_mutex rw;
      std::atomic<int> activity{0};  // readers count 1, a writer 10,000
      gofer::wait_group wg;
      const auto writer = [&] {
        for (int i = 0; i < 200; i++) {
          rw.lock();
          EXPECT_EQ(activity.fetch_add(10'000), 0);
          if (i % 10 == 0) gofer::gosched();
          activity -= 10'000;
          rw.unlock();
        }
      };
      const auto reader = [&] {
        for (int i = 0; i < 400; i++) {
          if (i % 5 != 0) {
            rw.lock_shared();
          } else if (!rw.try_lock_shared()) {
            continue;
          }
          const int n = ++activity;
          EXPECT_TRUE(n >= 1 && n < 10'000) << n;
          if (i % 20 == 0) gofer::gosched();
          activity--;
          rw.unlock_shared();
        }
      };
      for (int w = 0; w < 3; w++) wg.go(writer);
      for (int r = 0; r < readers; r++) wg.go(reader);
      wg.wait();
      EXPECT_EQ(activity, 0);
      EXPECT_EQ(sleepers(&rw) + sleepers(readers_of(rw)), 0u);
      EXPECT_TRUE(rw.try_lock());
      rw.unlock();
    }
  });
}

TEST(SharedMutex, BetweenThreadsAndGoroutines) {
  gofer::shared_mutex rw;
  long a = 0, b = 0;
  const auto work = [&](int loops) {
    for (int i = 0; i < loops; i++) {
      if (i % 4 == 0) {
        const std::lock_guard hold(rw);
        a++, b++;
      } else {
        const std::shared_lock hold(rw);
        EXPECT_EQ(a, b);
      }
    }
  };
  std::thread t1(work, 8000), t2(work, 8000);
  gofer::run(gofer::options{.maxprocs = 2}, [&] {
    gofer::wait_group wg;
    for (int g = 0; g < 3; g++) wg.go(work, 4000);
    wg.wait();
  });
  t1.join();
  t2.join();
  EXPECT_EQ(a, 7000);
}

TEST(SharedMutex, NobodyStarves) {
  sweep([] {
    gofer::shared_mutex rw;
    std::atomic<bool> stop{false};
    gofer::wait_group wg;
    // Readers that overlap all the time.
    for (int r = 0; r < 3; r++) {
      wg.go([&] {
        while (!stop) {
          const std::shared_lock hold(rw);
          gofer::sleep(100us);
        }
      });
    }
    for (int i = 0; i < 10; i++) {
      const std::lock_guard hold(rw);
    }
    stop = true;
    wg.wait();
    // Writers that overlap all the time.
    stop = false;
    for (int w = 0; w < 3; w++) {
      wg.go([&] {
        while (!stop) {
          const std::lock_guard hold(rw);
          gofer::sleep(100us);
        }
      });
    }
    for (int i = 0; i < 10; i++) {
      const std::shared_lock hold(rw);
    }
    stop = true;
    wg.wait();
  });
}

TEST(SharedMutex, MisuseIsFatal) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(gofer::shared_mutex().unlock(), testing::ExitedWithCode(2),
              "fatal error: sync: Unlock of unlocked RWMutex");
  EXPECT_EXIT(gofer::shared_mutex().unlock_shared(), testing::ExitedWithCode(2),
              "fatal error: sync: RUnlock of unlocked RWMutex");
  EXPECT_EXIT(
      {
        gofer::shared_mutex rw;
        rw.lock_shared();
        rw.unlock();
      },
      testing::ExitedWithCode(2), "fatal error: sync: Unlock of unlocked RWMutex");
}

TEST(SharedMutex, MayBeDestroyedByItsLastUser) {
  struct shared {
    gofer::shared_mutex mu;
    std::atomic<int> users{4};
  };
  sweep([] {
    gofer::wait_group wg;
    for (int round = 0; round < 300; round++) {
      auto* s = new shared;
      for (int u = 0; u < 4; u++) {
        wg.go([s, u] {
          bool last;
          if (u % 2 == 0) {
            s->mu.lock();
            if (u == 2) gofer::gosched();
            last = --s->users == 0;
            s->mu.unlock();
          } else {
            s->mu.lock_shared();
            if (u == 3) gofer::gosched();
            last = --s->users == 0;
            s->mu.unlock_shared();
          }
          // Everybody else has at least begun to unlock for the last time; readers might still be inside, so only a
          // writer, who was alone, knows that it may go.
          if (last && u % 2 == 0) {
            delete s;
          } else if (last) {
            s->mu.lock();
            s->mu.unlock();
            delete s;
          }
        });
      }
    }
    wg.wait();
  });
}

TEST(ConditionVariable, SignalWakesTheLongestWaiter) {
  sweep([] {
    gofer::mutex mu;
    gofer::condition_variable cv;
    cv.notify_one();
    cv.notify_all();
    chan<int> awake{100};
    constexpr int n = 8;
    gofer::wait_group wg;
    for (int i = 0; i < n; i++) {
      wg.go([&, i] {
        std::unique_lock lock(mu);
        cv.wait(lock);
        awake.send(i);
      });
      eventually([&] { return sleepers(&cv) == static_cast<std::size_t>(i) + 1; });
    }
    for (int i = 0; i < 3; i++) {
      cv.notify_one();
      EXPECT_EQ(awake.recv(), i);
    }
    gofer::sleep(200us);
    EXPECT_EQ(awake.len(), 0u);
    mu.lock();
    cv.notify_all();
    gofer::sleep(200us);
    EXPECT_EQ(awake.len(), 0u) << "woken, but the lock is held";
    mu.unlock();
    wg.wait();
    EXPECT_EQ(awake.len(), static_cast<std::size_t>(n) - 3);
  });
}

TEST(ConditionVariable, QueueWithPredicates) {
  sweep([] {
    gofer::mutex mu;
    gofer::condition_variable cv;
    std::vector<int> queue;
    bool done = false;
    std::atomic<int> total{0};
    gofer::wait_group wg;
    for (int k = 0; k < 4; k++) {
      wg.go([&] {
        std::unique_lock lock(mu);
        for (;;) {
          cv.wait(lock, [&] { return !queue.empty() || done; });
          if (queue.empty()) return;
          total += queue.back();
          queue.pop_back();
        }
      });
    }
    for (int i = 1; i <= 500; i++) {
      {
        const std::lock_guard hold(mu);
        queue.push_back(i);
      }
      cv.notify_one();
    }
    {
      const std::lock_guard hold(mu);
      done = true;
    }
    cv.notify_all();
    wg.wait();
    EXPECT_EQ(total, 125'250);
  });
}

// Go's TestCondSignalStealing: a notification goes to who waited then, not to who comes in between.
TEST(ConditionVariable, SignalsAreNotStolen) {
  sweep([] {
    for (int round = 0; round < 100; round++) {
      gofer::mutex mu;
      gofer::condition_variable cv;
      chan<> in{0};
      gofer::wait_group wg;
      wg.go([&] {
        std::unique_lock lock(mu);
        in.send();
        cv.wait(lock);
      });
      in.recv();
      {
        // The waiter has announced itself when the lock can be had.
        const std::lock_guard hold(mu);
      }
      bool wakened = false;
      wg.go([&] {
        std::unique_lock lock(mu);
        cv.wait(lock, [&] { return wakened; });
      });
      cv.notify_one();
      {
        const std::lock_guard hold(mu);
        wakened = true;
      }
      // Had the second stolen the first's notification, one of the two would stay.
      eventually([&] {
        cv.notify_one();
        return gofer::num_goroutine() == 1;
      });
      wg.wait();
    }
  });
}

TEST(ConditionVariable, TimedWaits) {
  const auto check = [] {
    gofer::mutex mu;
    gofer::condition_variable cv;
    std::unique_lock lock(mu);
    const auto begun = std::chrono::steady_clock::now();
    EXPECT_EQ(cv.wait_for(lock, 2ms), std::cv_status::timeout);
    EXPECT_GE(std::chrono::steady_clock::now() - begun, 2ms);
    EXPECT_TRUE(lock.owns_lock());
    EXPECT_FALSE(mu.try_lock());
    EXPECT_EQ(cv.wait_until(lock, std::chrono::system_clock::now() + 1ms), std::cv_status::timeout);
    EXPECT_FALSE(cv.wait_for(lock, 1ms, [] { return false; }));
    EXPECT_TRUE(cv.wait_for(lock, -1ms, [] { return true; }));
    EXPECT_EQ(sleepers(&cv), 0u);
    bool ready = false;
    go([&] {
      gofer::sleep(1ms);
      const std::lock_guard hold(mu);
      ready = true;
      cv.notify_one();
    });
    EXPECT_TRUE(cv.wait_for(lock, 20s, [&] { return ready; }));
  };
  sweep(check);
}

// Notifications that come together with the end of the time: each waiter wakes exactly once.
TEST(ConditionVariable, NotifyRacingWithTime) {
  sweep([] {
    gofer::mutex mu;
    gofer::condition_variable cv;
    std::atomic<int> notified{0}, timed_out{0};
    std::atomic<bool> over{false};
    gofer::wait_group waiters, notifier;
    notifier.go([&] {
      while (!over) {
        cv.notify_one();
        gofer::sleep(20us);
      }
    });
    for (int g = 0; g < 3; g++) {
      waiters.go([&, g] {
        for (int i = 0; i < 200; i++) {
          std::unique_lock lock(mu);
          const auto d = std::chrono::microseconds(10 + 7 * g + i % 40);
          (cv.wait_for(lock, d) == std::cv_status::timeout ? timed_out : notified)++;
        }
      });
    }
    waiters.wait();
    over = true;
    notifier.wait();
    EXPECT_EQ(notified + timed_out, 600);
    EXPECT_EQ(sleepers(&cv), 0u);
  });
}

TEST(ConditionVariable, AnyLock) {
  sweep([] {
    gofer::shared_mutex rw;
    gofer::condition_variable cv;
    gofer::wait_group wg;
    for (int i = 0; i < 2; i++) {
      wg.go([&] {
        std::shared_lock lock(rw);
        cv.wait(lock);
      });
    }
    eventually([&] { return sleepers(&cv) == 2; });
    cv.notify_all();
    wg.wait();
    gofer::mutex mu;
    mu.lock();
    EXPECT_EQ(cv.wait_for(mu, 1ms), std::cv_status::timeout);
    mu.unlock();
    std::unique_lock<gofer::mutex> unowned(mu, std::defer_lock);
    EXPECT_THROW(cv.wait(unowned), std::system_error);
    EXPECT_EQ(sleepers(&cv), 0u);
  });
}

TEST(ConditionVariable, StopTokens) {
  sweep([] {
    for (int round = 0; round < 50; round++) {
      gofer::mutex mu;
      gofer::condition_variable cv;
      std::stop_source source;
      bool ready = false;
      gofer::wait_group wg;
      wg.go([&] {
        std::unique_lock lock(mu);
        EXPECT_FALSE(cv.wait(lock, source.get_token(), [&] { return ready; }));
      });
      if (round % 2 == 0) eventually([&] { return sleepers(&cv) == 1; });
      source.request_stop();
      wg.wait();
      ready = true;
      std::unique_lock lock(mu);
      EXPECT_TRUE(cv.wait(lock, source.get_token(), [&] { return ready; }));
    }
  });
}

TEST(Once, OneCallForAll) {
  sweep([] {
    gofer::once o;
    int calls = 0;
    gofer::wait_group wg;
    for (int g = 0; g < 10; g++) {
      wg.go([&] {
        gofer::call_once(
            o,
            [&](int by) {
              gofer::sleep(200us);
              calls += by;
            },
            1);
        EXPECT_EQ(calls, 1);
      });
    }
    wg.wait();
    EXPECT_EQ(calls, 1);
  });
}

TEST(Once, PanicExceptionAndGoexitCountAsDone) {
  sweep([] {
    gofer::once panicked, threw, exited;
    const auto text = gofer::func([&](std::string& what) {
      gofer::defer d{[&] { what = gofer::recover().what(); }};
      gofer::call_once(panicked, [] { gofer::panic("failed"); });
    });
    EXPECT_EQ(text, "failed");
    EXPECT_THROW(gofer::call_once(threw, [] { throw 1; }), int);
    gofer::wait_group wg;
    wg.go([&] { gofer::call_once(exited, [] { gofer::goexit(); }); });
    wg.wait();
    for (gofer::once* o : {&panicked, &threw, &exited}) {
      gofer::call_once(*o, [] { ADD_FAILURE() << "called again"; });
    }
  });
}

TEST(Semaphore, PermitsAndOrder) {
  sweep([] {
    gofer::counting_semaphore<> s{2};
    EXPECT_TRUE(s.try_acquire());
    s.acquire();
    EXPECT_FALSE(s.try_acquire());
    EXPECT_FALSE(s.try_acquire_for(1ms));
    EXPECT_FALSE(s.try_acquire_until(std::chrono::steady_clock::now() + 1ms));
    EXPECT_FALSE(s.try_acquire_for(0ms));
    std::vector<int> order;
    gofer::mutex mu;
    gofer::wait_group wg;
    for (int i = 0; i < 6; i++) {
      wg.go([&, i] {
        s.acquire();
        const std::lock_guard hold(mu);
        order.push_back(i);
      });
      eventually([&] { return sleepers(&s) == static_cast<std::size_t>(i) + 1; });
    }
    for (int i = 0; i < 3; i++) {
      s.release();
      EXPECT_FALSE(s.try_acquire()) << "that permit was for the first who waits";
      eventually([&] {
        const std::lock_guard hold(mu);
        return order.size() == static_cast<std::size_t>(i) + 1;
      });
      EXPECT_EQ(order.back(), i);
    }
    s.release(5);
    wg.wait();
    EXPECT_TRUE(s.try_acquire());
    EXPECT_TRUE(s.try_acquire());
    EXPECT_FALSE(s.try_acquire());
    EXPECT_EQ(gofer::binary_semaphore::max(), 1);
  });
}

TEST(Semaphore, AtMostSoManyAtOnce) {
  sweep([] {
    gofer::counting_semaphore<3> s{3};
    std::atomic<int> inside{0}, most{0}, timeouts{0};
    gofer::wait_group wg;
    for (int g = 0; g < 8; g++) {
      wg.go([&, g] {
        for (int i = 0; i < 200; i++) {
          if (g % 2 == 0) {
            s.acquire();
          } else if (!s.try_acquire_for(std::chrono::microseconds(i % 60))) {
            timeouts++;
            continue;
          }
          const int n = ++inside;
          for (int m = most; n > m && !most.compare_exchange_weak(m, n);) {
          }
          if (i % 5 == 0) gofer::gosched();
          inside--;
          s.release();
        }
      });
    }
    wg.wait();
    EXPECT_LE(most, 3);
    for (int i = 0; i < 3; i++) EXPECT_TRUE(s.try_acquire());
    EXPECT_FALSE(s.try_acquire());
  });
}

TEST(Semaphore, BetweenThreads) {
  gofer::binary_semaphore ping{0}, pong{0};
  std::thread t([&] {
    for (int i = 0; i < 500; i++) {
      ping.acquire();
      pong.release();
    }
  });
  for (int i = 0; i < 500; i++) {
    ping.release();
    EXPECT_TRUE(pong.try_acquire_for(20s));
  }
  t.join();
}

// What release() wakes may destroy the semaphore at once.
TEST(Semaphore, MayBeDestroyedByItsLastUser) {
  sweep([] {
    for (int round = 0; round < 300; round++) {
      auto s = std::make_unique<gofer::binary_semaphore>(0);
      go([&sem = *s] { sem.release(); });
      if (round % 2 == 0) gofer::gosched();
      s->acquire();
    }
  });
}

}  // namespace
