// Waits in sync that end early: with a context, or with time. What gives up leaves nothing behind, and takes nothing
// from those who go on waiting.
#include <condition_variable>
#include <functional>
#include <gofer/context.hpp>
#include <gofer/sync.hpp>
#include <mutex>
#include <random>
#include <shared_mutex>
#include <string>
#include <thread>
#include <vector>

#include "chan_helpers.hpp"

namespace {

using namespace chan_test;
using gofer::background;
using gofer::context;
using gofer::error;
using gofer::with_cancel;

const char* readers_of(const gofer::shared_mutex& rw) { return reinterpret_cast<const char*>(&rw) + 1; }

/// `wait` cannot get what it waits for. It must not wait under a context that is done, and must end when one is
/// cancelled; `asleep` says that it waits.
void gives_up(const std::function<error(const context&)>& wait, const std::function<bool()>& asleep) {
  const auto check = [&](auto start) {
    auto [ctx, cancel] = with_cancel(background());
    gofer::chan<error> result{1};
    start([&, ctx = ctx] { result.send(wait(ctx)); });
    eventually(asleep);
    cancel();
    EXPECT_EQ(result.recv(), context::canceled);
    EXPECT_FALSE(asleep());
    EXPECT_EQ(wait(ctx), context::canceled);
  };
  sweep([&] {
    check([](auto f) { gofer::go(std::move(f)); });
    // By a deadline as well.
    auto [ctx, cancel] = gofer::with_timeout(background(), 1ms);
    EXPECT_EQ(wait(ctx), context::deadline_exceeded);
    EXPECT_FALSE(asleep());
    cancel();
  });
  std::thread waiter;
  check([&](auto f) { waiter = std::thread(std::move(f)); });
  waiter.join();
}

TEST(SyncContext, Mutex) {
  gofer::mutex mu;
  mu.lock();
  gives_up([&](const context& ctx) { return mu.lock_until(ctx); }, [&] { return sleepers(&mu) > 0; });
  mu.unlock();
  EXPECT_EQ(mu.lock_until(background()), nullptr);
  EXPECT_FALSE(mu.try_lock());
  mu.unlock();
  auto [ctx, cancel] = with_cancel(background());
  EXPECT_EQ(mu.lock_until(ctx), nullptr);
  mu.unlock();
  cancel();
  EXPECT_EQ(mu.lock_until(ctx), context::canceled);
  EXPECT_TRUE(mu.try_lock());
  mu.unlock();
}

TEST(SyncContext, SharedMutex) {
  gofer::shared_mutex rw;
  rw.lock();
  gives_up([&](const context& ctx) { return rw.lock_until(ctx); }, [&] { return sleepers(&rw) > 0; });
  gives_up([&](const context& ctx) { return rw.lock_shared_until(ctx); }, [&] { return sleepers(readers_of(rw)) > 0; });
  rw.unlock();
  rw.lock_shared();
  gives_up([&](const context& ctx) { return rw.lock_until(ctx); }, [&] { return sleepers(&rw) > 0; });
  EXPECT_EQ(rw.lock_shared_until(background()), nullptr);
  rw.unlock_shared();
  rw.unlock_shared();
  EXPECT_EQ(rw.lock_until(background()), nullptr);
  rw.unlock();
}

TEST(SyncContext, Semaphore) {
  gofer::counting_semaphore<> sem{0};
  gives_up([&](const context& ctx) { return sem.acquire_until(ctx); }, [&] { return sleepers(&sem) > 0; });
  EXPECT_FALSE(sem.try_acquire());
  sem.release();
  EXPECT_EQ(sem.acquire_until(background()), nullptr);
  EXPECT_FALSE(sem.try_acquire());
}

TEST(SyncContext, WaitGroup) {
  gofer::wait_group wg;
  wg.add(1);
  gives_up([&](const context& ctx) { return wg.wait_until(ctx); }, [&] { return sleepers(&wg) > 0; });
  wg.add(1);  // somebody has waited, but does not any more: no misuse
  wg.add(-2);
  EXPECT_EQ(wg.wait_until(background()), nullptr);
  wg.wait();
}

TEST(SyncContext, ConditionVariable) {
  gofer::mutex mu;
  gofer::condition_variable cv;
  gives_up(
      [&](const context& ctx) {
        std::unique_lock lock(mu);
        const error err = cv.wait(lock, ctx);
        EXPECT_TRUE(lock.owns_lock() && !mu.try_lock());
        return err;
      },
      [&] { return sleepers(&cv) > 0; });
  gives_up(
      [&](const context& ctx) {
        std::unique_lock lock(mu);
        return cv.wait(lock, ctx, [] { return false; });
      },
      [&] { return sleepers(&cv) > 0; });
  sweep([&] {
    auto [ctx, cancel] = with_cancel(background());
    bool ready = false;
    gofer::go([&] {
      const std::lock_guard hold(mu);
      ready = true;
      cv.notify_one();
    });
    std::unique_lock lock(mu);
    EXPECT_EQ(cv.wait(lock, ctx, [&] { return ready; }), nullptr);
    cancel();
    EXPECT_EQ(cv.wait(lock, ctx, [&] { return ready; }), nullptr);
  });
}

TEST(SyncContext, Once) {
  sweep([] {
    gofer::once o;
    const gofer::chan<> begun{0};
    const gofer::chan<> end{0};
    gofer::wait_group wg;
    wg.go([&] {
      EXPECT_EQ(call_once(background(), o,
                          [&] {
                            begun.close();
                            end.recv();
                          }),
                nullptr);
    });
    begun.recv();
    auto [ctx, cancel] = with_cancel(background());
    int calls = 0;
    gofer::wait_group waiter;
    waiter.go([&, ctx = ctx] { EXPECT_EQ(call_once(ctx, o, [&] { calls++; }), context::canceled); });
    cancel();
    EXPECT_EQ(call_once(ctx, o, [&] { calls++; }), context::canceled);
    waiter.wait();
    end.close();
    EXPECT_EQ(call_once(background(), o, [&] { calls++; }), nullptr);
    EXPECT_EQ(call_once(ctx, o, [&] { calls++; }), nullptr);  // done is done
    wg.wait();
    EXPECT_EQ(calls, 0);
  });
}

TEST(SyncContext, ErrorGroup) {
  sweep([] {
    gofer::error_group group;
    group.set_limit(1);
    const gofer::chan<> end{0};
    auto [ctx, cancel] = with_cancel(background());
    EXPECT_EQ(group.go(ctx, [&] { end.recv(); }), nullptr);
    gofer::go([cancel = cancel] { cancel(); });
    EXPECT_EQ(group.go(ctx, [] { ADD_FAILURE() << "started"; }), context::canceled);
    EXPECT_EQ(group.wait_until(ctx), context::canceled);
    EXPECT_EQ(group.context().err(), nullptr);  // it goes on
    end.close();
    EXPECT_EQ(group.go(
                  background(), [](error e) { return e; }, gofer::make_error("no")),
              nullptr);
    EXPECT_EQ(group.wait_until(background()).what(), "no");
    EXPECT_EQ(group.wait().what(), "no");
  });
}

TEST(SyncContext, Singleflight) {
  sweep([] {
    gofer::singleflight<int> group;
    const gofer::chan<> begun{0};
    const gofer::chan<> end{0};
    gofer::wait_group wg;
    wg.go([&] {
      const auto got = group.run("key", [&] {
        begun.close();
        end.recv();
        return 7;
      });
      EXPECT_EQ(got.value, 7);
    });
    begun.recv();
    auto [ctx, cancel] = with_cancel(background());
    gofer::go([cancel = cancel] { cancel(); });
    EXPECT_EQ(group.run(ctx, "key", [] { return 8; }).err, context::canceled);
    end.close();
    wg.wait();
    EXPECT_EQ(group.run(ctx, "key", [] { return 9; }).value, 9);  // its own call is not limited
  });
}

// A writer that gives up must not leave readers behind, whom it held back while others are inside.
TEST(SyncContext, AWriterThatGivesUpLetsReadersIn) {
  sweep([] {
    gofer::shared_mutex rw;
    rw.lock_shared();
    auto [ctx, cancel] = with_cancel(background());
    auto [ctx2, cancel2] = with_cancel(background());
    gofer::wait_group writers, readers;
    writers.go([&, ctx = ctx] { EXPECT_EQ(rw.lock_until(ctx), context::canceled); });
    eventually([&] { return sleepers(&rw) == 1; });
    writers.go([&, ctx = ctx2] { EXPECT_EQ(rw.lock_until(ctx), context::canceled); });
    eventually([&] { return sleepers(&rw) == 2; });
    for (int i = 0; i < 3; i++) {
      readers.go([&] {
        rw.lock_shared();
        rw.unlock_shared();
      });
    }
    eventually([&] { return sleepers(readers_of(rw)) == 3; });
    cancel();
    eventually([&] { return sleepers(&rw) == 1; });
    EXPECT_EQ(sleepers(readers_of(rw)), 3u);  // behind the other writer
    cancel2();
    readers.wait();
    writers.wait();
    EXPECT_TRUE(rw.try_lock_shared());
    rw.unlock_shared();
    rw.unlock_shared();
    EXPECT_TRUE(rw.try_lock());
    rw.unlock();
  });
}

// The last reader leaves while the writer that it saw waiting gives up, which lets other readers in, and another writer
// comes: three that meet at one lock of the runtime's, which is held for a moment so that they do. In one of about
// seventy rounds they pass it in the order in which that writer would be let in beside the readers.
TEST(SyncContext, TheLastReaderLeavesWhileAWriterGivesUp) {
  for (int round = 0; round < 50; round++) {
    gofer::shared_mutex rw;
    std::atomic<int> inside{1};
    auto [ctx, cancel] = with_cancel(background());
    const auto write = [&] {
      EXPECT_EQ(inside.fetch_add(1'000), 0);
      inside -= 1'000;
      rw.unlock();
    };
    rw.lock_shared();
    std::thread gives_up_or_writes([&, c = ctx] {
      if (!rw.lock_until(c)) write();
    });
    eventually([&] { return sleepers(&rw) == 1; });
    std::atomic<bool> stay{true};
    std::thread reader([&] {
      rw.lock_shared();
      EXPECT_LT(inside.fetch_add(1), 1'000);
      while (stay) std::this_thread::yield();
      inside--;
      rw.unlock_shared();
    });
    eventually([&] { return sleepers(readers_of(rw)) == 1; });

    auto& root = gofer::runtime::semroot_of(&rw);
    root.lock.lock();
    std::atomic<int> begun{0};
    std::thread last_reader([&] {
      begun++;
      inside--;
      rw.unlock_shared();
    });
    std::thread canceller([&, cancel = cancel] {
      begun++;
      cancel();
    });
    std::thread writer([&] {
      begun++;
      rw.lock();
      write();
    });
    while (begun != 3) std::this_thread::yield();
    std::this_thread::sleep_for(100us);  // likely enough for all of them to have come
    root.lock.unlock();
    std::this_thread::sleep_for(200us);
    stay = false;
    for (std::thread* t : {&gives_up_or_writes, &reader, &last_reader, &canceller, &writer}) t->join();
    EXPECT_TRUE(rw.try_lock());
    rw.unlock();
  }
}

// Every way of waiting at once, most of them with little patience: nobody gets in beside a writer, and at the end
// nothing is held and nobody asleep.
template <class Lock, class Unlock>
void impatient(unsigned modes, Lock lock, Unlock unlock, const std::function<bool()>& free_again) {
  sweep([&] {
    std::atomic<int> inside{0};
    std::atomic<int> locked{0};
    gofer::wait_group wg;
    for (int g = 0; g < 12; g++) {
      wg.go([&, g] {
        std::minstd_rand random(static_cast<unsigned>(g) + 1);
        for (int i = 0; i < 150; i++) {
          auto [ctx, cancel] = gofer::with_timeout(background(), std::chrono::microseconds(random() % 200));
          const bool cancels = random() % 4 == 0;
          if (cancels) gofer::go([cancel = cancel] { cancel(); });
          const int mode = static_cast<int>(random() % modes);
          if (lock(mode, ctx, std::chrono::microseconds(random() % 100))) {
            locked++;
            const int weight = mode < 3 ? 1'000 : 1;  // writers, readers
            const int before = inside.fetch_add(weight);
            EXPECT_TRUE(weight == 1 ? before < 1'000 : before == 0) << before;
            if (random() % 8 == 0) gofer::sleep(20us);
            inside -= weight;
            unlock(mode);
          }
          cancel();
        }
      });
    }
    wg.wait();
    EXPECT_GT(locked, 0);
    EXPECT_TRUE(free_again());
  });
}

TEST(SyncContext, MutexUnderLoad) {
  gofer::mutex mu;
  impatient(
      3,
      [&](int mode, const context& ctx, auto time) {
        if (mode == 0) return mu.lock(), true;
        return mode == 1 ? !mu.lock_until(ctx) : mu.try_lock_for(time);
      },
      [&](int) { mu.unlock(); }, [&] { return sleepers(&mu) == 0 && mu.try_lock() && (mu.unlock(), true); });
}

TEST(SyncContext, SharedMutexUnderLoad) {
  gofer::shared_mutex rw;
  impatient(
      6,
      [&](int mode, const context& ctx, auto time) {
        switch (mode) {
          case 0:
            return rw.lock(), true;
          case 1:
            return !rw.lock_until(ctx);
          case 2:
            return rw.try_lock_for(time);
          case 3:
            return rw.lock_shared(), true;
          case 4:
            return !rw.lock_shared_until(ctx);
          default:
            return rw.try_lock_shared_for(time);
        }
      },
      [&](int mode) { mode < 3 ? rw.unlock() : rw.unlock_shared(); },
      [&] { return sleepers(&rw) + sleepers(readers_of(rw)) == 0 && rw.try_lock() && (rw.unlock(), true); });
}

TEST(SyncTimed, LocksInStdsShapes) {
  sweep([] {
    gofer::mutex mu;
    std::unique_lock lock(mu, 1ms);
    EXPECT_TRUE(lock.owns_lock());
    EXPECT_FALSE(std::unique_lock(mu, 1ms).owns_lock());
    EXPECT_FALSE(mu.try_lock_for(-1s));
    EXPECT_FALSE(mu.try_lock_until(std::chrono::system_clock::now() + 1ms));
    const auto begun = std::chrono::steady_clock::now();
    EXPECT_FALSE(mu.try_lock_for(3ms));
    EXPECT_GE(std::chrono::steady_clock::now() - begun, 3ms);
    EXPECT_EQ(sleepers(&mu), 0u);
    lock.unlock();
    EXPECT_TRUE(lock.try_lock_for(0ms));

    gofer::shared_mutex rw;
    std::shared_lock shared(rw, 1ms);
    EXPECT_TRUE(shared.owns_lock());
    EXPECT_TRUE(std::shared_lock(rw, std::chrono::steady_clock::now()).owns_lock());
    EXPECT_FALSE(std::unique_lock(rw, 1ms).owns_lock());
    EXPECT_FALSE(rw.try_lock_until(std::chrono::steady_clock::now() + 1ms));
    EXPECT_TRUE(rw.try_lock_shared());  // the writers that gave up hold nobody back
    rw.unlock_shared();
    shared.unlock();
    const std::unique_lock writer(rw, 1ms);
    EXPECT_TRUE(writer.owns_lock());
    EXPECT_FALSE(rw.try_lock_shared_for(1ms));
    EXPECT_FALSE(rw.try_lock_shared_until(std::chrono::system_clock::now() + 1ms));
  });
}

TEST(SyncTimed, OnPlainThreads) {
  gofer::mutex mu;
  gofer::shared_mutex rw;
  const std::lock_guard hold(mu);
  const std::lock_guard hold_rw(rw);
  std::thread([&] {
    EXPECT_FALSE(mu.try_lock_for(2ms));
    EXPECT_FALSE(rw.try_lock_for(2ms));
    EXPECT_FALSE(rw.try_lock_shared_for(2ms));
  }).join();
}

}  // namespace
