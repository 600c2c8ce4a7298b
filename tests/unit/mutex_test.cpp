// mutex: Go's sync/mutex_test.go, its two modes, and that it may be destroyed by whoever has it.
#include <gofer/sync.hpp>
#include <gofer/sync/mutex.hpp>
#include <memory>
#include <mutex>
#include <random>
#include <thread>
#include <vector>

#include "chan_helpers.hpp"
#include "sched/park.hpp"

namespace {

using namespace chan_test;
using gofer::go;

/// Tests have no access to the word; its address is the object's, which tells who sleeps on it.
const void* key(const gofer::mutex& mu) { return &mu; }

TEST(Mutex, TryLock) {
  gofer::mutex mu;
  EXPECT_TRUE(mu.try_lock());
  EXPECT_FALSE(mu.try_lock());
  mu.unlock();
  mu.lock();
  EXPECT_FALSE(mu.try_lock());
  mu.unlock();
  EXPECT_TRUE(mu.try_lock());
  mu.unlock();
  static_assert(sizeof(gofer::mutex) == 4);
}

TEST(Mutex, StandardGuards) {
  sweep([] {
    gofer::mutex a, b;
    { const std::scoped_lock both(a, b); }
    { const std::scoped_lock both(b, a); }
    std::unique_lock lock(a, std::defer_lock);
    EXPECT_TRUE(lock.try_lock());
    EXPECT_FALSE(std::unique_lock(a, std::try_to_lock).owns_lock());
    lock.unlock();
    gofer::wait_group wg;
    for (int g = 0; g < 4; g++) {
      wg.go([&, g] {
        for (int i = 0; i < 500; i++) {
          if (g % 2 == 0) {
            const std::scoped_lock both(a, b);
          } else {
            const std::scoped_lock both(b, a);
          }
        }
      });
    }
    wg.wait();
  });
}

void hammer(gofer::mutex& mu, long& counter, int loops) {
  for (int i = 0; i < loops; i++) {
    if (i % 3 == 0) {
      if (!mu.try_lock()) continue;
    } else {
      mu.lock();
    }
    counter++;
    mu.unlock();
  }
}

TEST(Mutex, ExcludesUnderLoad) {
  sweep([] {
    gofer::mutex mu;
    long counter = 0;
    std::atomic<long> expected{0};
    gofer::wait_group wg;
    for (int g = 0; g < 10; g++) {
      wg.go([&, g] {
        for (int i = 0; i < 1000; i++) {
          const std::lock_guard hold(mu);
          counter++;
          // A holder that leaves the processor makes the others queue.
          if ((i + g) % 97 == 0) gofer::gosched();
        }
        expected += 1000;
      });
    }
    wg.wait();
    EXPECT_EQ(counter, expected);
    EXPECT_EQ(sleepers(key(mu)), 0u);
    EXPECT_TRUE(mu.try_lock());
    mu.unlock();
    hammer(mu, counter, 10);
  });
}

TEST(Mutex, BetweenThreadsAndGoroutines) {
  gofer::mutex mu;
  long counter = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; t++) {
    threads.emplace_back([&] {
      for (int i = 0; i < 20'000; i++) {
        const std::lock_guard hold(mu);
        counter++;
      }
    });
  }
  gofer::run(gofer::options{.maxprocs = 2}, [&] {
    gofer::wait_group wg;
    for (int g = 0; g < 4; g++) {
      wg.go([&] {
        for (int i = 0; i < 5'000; i++) {
          const std::lock_guard hold(mu);
          counter++;
        }
      });
    }
    wg.wait();
  });
  for (auto& t : threads) t.join();
  EXPECT_EQ(counter, 80'000);
}

TEST(Mutex, AnotherGoroutineMayUnlock) {
  sweep([] {
    gofer::mutex mu;
    mu.lock();
    go([&] { mu.unlock(); });
    mu.lock();
    mu.unlock();
  });
}

// Go's TestMutexFairness: beside somebody who holds the lock nearly all the time, everybody gets it now and then.
TEST(Mutex, NobodyStarves) {
  sweep([] {
    gofer::mutex mu;
    std::atomic<bool> stop{false};
    gofer::wait_group wg;
    wg.go([&] {
      while (!stop) {
        mu.lock();
        gofer::sleep(100us);
        mu.unlock();
      }
    });
    int got = 0;
    const auto begun = std::chrono::steady_clock::now();
    for (int i = 0; i < 10; i++) {
      gofer::sleep(100us);
      mu.lock();
      got++;
      mu.unlock();
    }
    EXPECT_EQ(got, 10);
    EXPECT_LT(std::chrono::steady_clock::now() - begun, 20s);
    stop = true;
    wg.wait();
  });
}

// Once somebody is starving the lock goes round in the order of arrival, and newcomers do not get in between.
TEST(Mutex, StarvingMutexIsHandedOverInOrder) {
  sweep([] {
    gofer::mutex mu;
    std::vector<int> order;
    gofer::wait_group wg;
    constexpr int n = 8;
    mu.lock();
    for (int i = 0; i < n; i++) {
      wg.go([&, i] {
        for (const int mark : {i, n + i}) {
          mu.lock();
          order.push_back(mark);
          // Long enough for all who wait to be starving; and then tries to get it again at once.
          gofer::sleep(2ms);
          mu.unlock();
        }
      });
      eventually([&] { return sleepers(key(mu)) == static_cast<std::size_t>(i) + 1; });
    }
    mu.unlock();
    wg.wait();
    ASSERT_EQ(order.size(), 2u * n);
    // The first one usually gets it twice: the second one, woken, finds it taken, and is starving. From then on it is
    // in turn. Had everybody his second turn right behind his first one, there would be n - 1 before the last one's
    // first.
    std::vector<int> first_turns;
    int early = 0;
    for (const int mark : order) {
      if (mark < n) {
        first_turns.push_back(mark);
      } else if (first_turns.size() < n) {
        early++;
      }
    }
    for (int i = 0; i < n; i++) EXPECT_EQ(first_turns[static_cast<std::size_t>(i)], i);
    EXPECT_LE(early, 3);
  });
}

TEST(Mutex, UnlockOfUnlockedIsFatal) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(gofer::mutex().unlock(), testing::ExitedWithCode(2), "fatal error: sync: unlock of unlocked mutex");
  EXPECT_EXIT(gofer::run([] {
                gofer::func([] {
                  gofer::defer d{[] { gofer::recover(); }};
                  gofer::mutex mu;
                  mu.lock();
                  mu.unlock();
                  mu.unlock();
                });
              }),
              testing::ExitedWithCode(2), "fatal error: sync: unlock of unlocked mutex");
}

TEST(Mutex, PanicReleasesAGuardAndNothingElse) {
  sweep([] {
    gofer::mutex mu;
    const auto panics = [&](bool guarded) {
      gofer::func([&] {
        gofer::defer d{[] { gofer::recover(); }};
        std::unique_lock lock(mu);
        if (!guarded) lock.release();
        gofer::panic("out");
      });
    };
    panics(true);
    EXPECT_TRUE(mu.try_lock());
    mu.unlock();
    panics(false);
    EXPECT_FALSE(mu.try_lock());
    mu.unlock();
  });
}

// Who has locked a mutex and knows that nobody else will may destroy it, while the previous holder is still inside
// unlock(). (A use after that is for AddressSanitizer to see.)
TEST(Mutex, MayBeDestroyedByItsHolder) {
  struct shared {
    gofer::mutex mu;
    int users = 3;
  };
  sweep([] {
    gofer::wait_group wg;
    for (int round = 0; round < 300; round++) {
      auto* s = new shared;
      for (int u = 0; u < 3; u++) {
        wg.go([s, u] {
          if (u == 1) gofer::gosched();
          s->mu.lock();
          if (u == 2) gofer::gosched();
          const bool last = --s->users == 0;
          s->mu.unlock();
          if (last) delete s;
        });
      }
    }
    wg.wait();
  });
}

TEST(Sema, TreapKeepsOrderAndShape) {
  std::mt19937 random(1);
  gofer::runtime::semroot root;
  constexpr std::size_t n = 300;
  std::vector<gofer::runtime::semwaiter> waiters(n);
  std::vector<char> addresses(40);
  // The model: per address, who waits, first to last.
  std::vector<std::vector<std::size_t>> model(addresses.size());
  for (auto& w : waiters) w.gp = gofer::sched::getg();
  const auto at_of = [&](const gofer::runtime::semwaiter& w) {
    return static_cast<std::size_t>(static_cast<const char*>(w.key) - addresses.data());
  };
  for (int step = 0; step < 20'000; step++) {
    const std::size_t i = random() % n;
    const std::size_t at = random() % addresses.size();
    switch (random() % 3) {
      case 0:
        if (!waiters[i].queued) {
          const bool lifo = random() % 4 == 0;
          root.queue(&addresses[at], &waiters[i], lifo);
          model[at].insert(lifo ? model[at].begin() : model[at].end(), i);
        }
        break;
      case 1:
        if (waiters[i].queued) std::erase(model[at_of(waiters[i])], i);
        root.remove(&waiters[i]);
        break;
      default: {
        const auto* w = root.dequeue(&addresses[at]);
        ASSERT_EQ(w == nullptr, model[at].empty());
        if (w != nullptr) {
          ASSERT_EQ(w, &waiters[model[at].front()]);
          model[at].erase(model[at].begin());
        }
      }
    }
    ASSERT_TRUE(root.well_formed());
  }
  for (std::size_t at = 0; at < addresses.size(); at++) {
    std::vector<std::size_t> found;
    for (auto* w = root.first(&addresses[at]); w != nullptr; w = w->next) {
      found.push_back(static_cast<std::size_t>(w - waiters.data()));
    }
    EXPECT_EQ(found, model[at]);
  }
  // The checker sees what is broken.
  if (auto* w = root.first(waiters[0].queued ? waiters[0].key : &addresses[0]); w != nullptr) {
    const auto priority = w->priority;
    const void* was = w->key;
    w->key = was == &addresses[0] ? &addresses[39] : &addresses[0];
    EXPECT_FALSE(root.well_formed());
    w->key = was;
    w->priority = priority;
    EXPECT_TRUE(root.well_formed());
  }
}

}  // namespace
