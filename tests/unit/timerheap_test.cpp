// The heap of timers, without a scheduler around it: against a model, against its own checker, and from many threads.
#include "sched/timerheap.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <deque>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <thread>
#include <vector>

namespace {

using gofer::sched::never;
using gofer::sched::timer;
using gofer::sched::timerheap;

struct log_timer : timer {
  explicit log_timer(std::vector<log_timer*>* to) : log(to) {
    f = [](timer* t, void*) { static_cast<log_timer*>(t)->log->push_back(static_cast<log_timer*>(t)); };
  }
  std::vector<log_timer*>* log;
};

TEST(Timerheap, IsEmptyAtFirst) {
  timerheap heap;
  EXPECT_EQ(heap.first_when(), never);
  EXPECT_EQ(heap.run(never - 1), 0);
  EXPECT_EQ(heap.size(), 0U);
  EXPECT_TRUE(heap.well_formed());
}

TEST(Timerheap, RunsWhatIsDueInOrderAndNothingElse) {
  timerheap heap;
  std::vector<log_timer*> ran;
  std::deque<log_timer> timers;
  for (const std::int64_t when : {50, 10, 40, 20, 30}) {
    timers.emplace_back(&ran);
    const bool earliest = heap.add(&timers.back(), when, 0);
    EXPECT_EQ(earliest, when == 50 || when == 10);
  }
  EXPECT_EQ(heap.first_when(), 10);
  EXPECT_EQ(heap.run(9), 0);
  EXPECT_EQ(heap.run(30), 3);
  ASSERT_EQ(ran.size(), 3U);
  EXPECT_EQ(ran[0]->when, 10);
  EXPECT_EQ(ran[1]->when, 20);
  EXPECT_EQ(ran[2]->when, 30);
  EXPECT_EQ(heap.first_when(), 40);
  EXPECT_EQ(ran[0]->heap.load(), nullptr);
  EXPECT_EQ(heap.run(100), 2);
  EXPECT_EQ(heap.first_when(), never);
}

TEST(Timerheap, RemoveAndMoveAnswerWhetherTheTimerWasThere) {
  timerheap heap;
  timerheap other;
  std::vector<log_timer*> ran;
  log_timer t(&ran);
  bool earliest = false;
  EXPECT_FALSE(heap.remove(&t));
  EXPECT_FALSE(heap.move(&t, 5, 0, &earliest));
  heap.add(&t, 10, 0);
  EXPECT_FALSE(other.remove(&t));
  EXPECT_TRUE(heap.move(&t, 5, 0, &earliest));
  EXPECT_TRUE(earliest);
  EXPECT_EQ(heap.first_when(), 5);
  EXPECT_TRUE(heap.remove(&t));
  EXPECT_FALSE(heap.remove(&t));
  EXPECT_EQ(heap.run(100), 0);
  EXPECT_TRUE(ran.empty());
}

TEST(Timerheap, MoveReportsEarliestOnlyWhenItBecameThat) {
  timerheap heap;
  std::vector<log_timer*> ran;
  log_timer a(&ran);
  log_timer b(&ran);
  heap.add(&a, 10, 0);
  heap.add(&b, 20, 0);
  bool earliest = true;
  EXPECT_TRUE(heap.move(&b, 15, 0, &earliest));
  EXPECT_FALSE(earliest);
  EXPECT_TRUE(heap.move(&a, 30, 0, &earliest));
  EXPECT_FALSE(earliest);
  EXPECT_EQ(heap.first_when(), 15);
  EXPECT_TRUE(heap.move(&a, 1, 0, &earliest));
  EXPECT_TRUE(earliest);
}

TEST(Timerheap, PeriodicTimerKeepsItsPhaseAndDropsMissedTicks) {
  timerheap heap;
  std::vector<log_timer*> ran;
  log_timer t(&ran);
  heap.add(&t, 100, 10);
  EXPECT_EQ(heap.run(100), 1);
  EXPECT_EQ(heap.first_when(), 110);
  EXPECT_EQ(heap.run(147), 1);
  EXPECT_EQ(heap.first_when(), 150);
  EXPECT_EQ(heap.run(150), 1);
  EXPECT_EQ(heap.first_when(), 160);
  EXPECT_TRUE(heap.remove(&t));
  EXPECT_EQ(ran.size(), 3U);
}

// The next tick of a ticker with a huge period lay beyond the end of time: a signed overflow, and a tick in the past
// for ever.
TEST(Timerheap, PeriodPastTheEndOfTimeDoesNotOverflow) {
  timerheap heap;
  std::vector<log_timer*> ran;
  log_timer t(&ran);
  heap.add(&t, 100, never - 50);
  EXPECT_EQ(heap.run(200), 1);
  EXPECT_EQ(heap.first_when(), never - 1);
  EXPECT_TRUE(heap.well_formed());
  EXPECT_TRUE(heap.remove(&t));
}

// A timer armed for the end of time was taken for none: "all goroutines are asleep" although somebody slept.
TEST(Timerheap, ArmedForTheEndOfTimeIsStillArmed) {
  timerheap heap;
  std::vector<log_timer*> ran;
  log_timer t(&ran);
  heap.add(&t, never, 0);
  EXPECT_LT(heap.first_when(), never);
  EXPECT_TRUE(heap.well_formed());
  EXPECT_TRUE(heap.remove(&t));
}

TEST(Timerheap, CallbackMayFreeItsTimer) {
  timerheap heap;
  static int freed;
  freed = 0;
  for (int i = 0; i < 100; i++) {
    auto* t = new timer;
    t->f = [](timer* self, void*) {
      delete self;
      freed++;
    };
    heap.add(t, i, 0);
  }
  EXPECT_EQ(heap.run(49), 50);
  EXPECT_EQ(heap.run(1000), 50);
  EXPECT_EQ(freed, 100);
}

TEST(Timerheap, CallbackMayArmItsTimerAgain) {
  struct again : timer {
    timerheap* home = nullptr;
    int left = 3;
  } t;
  timerheap heap;
  t.home = &heap;
  t.f = [](timer* self, void*) {
    auto* me = static_cast<again*>(self);
    if (--me->left > 0) me->home->add(me, me->when + 10, 0);
  };
  heap.add(&t, 0, 0);
  EXPECT_EQ(heap.run(5), 1);
  EXPECT_EQ(heap.run(100), 2);
  EXPECT_EQ(heap.first_when(), never);
}

TEST(Timerheap, AbandonForgetsAllAndTellsThoseWhoAsked) {
  timerheap heap;
  std::vector<log_timer*> ran;
  log_timer silent(&ran);
  std::vector<std::unique_ptr<timer>> told;
  static int dropped;
  dropped = 0;
  heap.add(&silent, 5, 0);
  for (int i = 0; i < 10; i++) {
    auto* t = new timer;
    t->f = [](timer*, void*) { FAIL() << "abandoned timer ran"; };
    t->dropped = [](timer* self, void* arg) {
      dropped += *static_cast<int*>(arg);
      delete self;
    };
    static int one = 1;
    t->arg = &one;
    heap.add(t, i, 0);
  }
  heap.abandon();
  EXPECT_EQ(dropped, 10);
  EXPECT_EQ(heap.first_when(), never);
  EXPECT_EQ(heap.size(), 0U);
  EXPECT_EQ(silent.heap.load(), nullptr);
  EXPECT_EQ(heap.run(100), 0);
  EXPECT_TRUE(ran.empty());
  heap.add(&silent, 7, 0);
  EXPECT_EQ(heap.run(7), 1);
}

TEST(Timerheap, CheckerSeesBrokenOrderAndWrongSlot) {
  timerheap heap;
  std::vector<log_timer*> ran;
  std::deque<log_timer> timers;
  for (int i = 0; i < 20; i++) heap.add(&timers.emplace_back(&ran), i, 0);
  ASSERT_TRUE(heap.well_formed());
  timers[7].slot++;
  EXPECT_FALSE(heap.well_formed());
  timers[7].slot--;
  EXPECT_TRUE(heap.well_formed());
  timers[12].when = 3;
  EXPECT_FALSE(heap.well_formed());
  timers[12].when = 12;
  EXPECT_TRUE(heap.well_formed());
  heap.abandon();
}

// Random operations against a multimap; the heap's checker after each.
TEST(Timerheap, AgreesWithAModel) {
  for (const unsigned seed : {1U, 2U, 3U, 4U, 5U}) {
    SCOPED_TRACE(seed);
    std::mt19937 random(seed);
    auto below = [&](int n) { return std::uniform_int_distribution<int>(0, n - 1)(random); };
    timerheap heap;
    std::vector<log_timer*> ran;
    std::deque<log_timer> timers;
    for (int i = 0; i < 200; i++) timers.emplace_back(&ran);
    std::set<std::pair<std::int64_t, log_timer*>> model;
    std::int64_t now = 0;
    for (int step = 0; step < 20'000; step++) {
      log_timer* t = &timers[static_cast<std::size_t>(below(200))];
      const bool armed = t->heap.load() != nullptr;
      const std::int64_t when = now + below(1000);
      const std::int64_t first = model.empty() ? never : model.begin()->first;
      switch (below(4)) {
        case 0:
          if (!armed) {
            EXPECT_EQ(heap.add(t, when, 0), when < first);
            model.emplace(when, t);
          }
          break;
        case 1:
          EXPECT_EQ(heap.remove(t), armed);
          if (armed) model.erase({t->when, t});
          break;
        case 2: {
          bool earliest = false;
          const std::int64_t old = t->when;
          EXPECT_EQ(heap.move(t, when, 0, &earliest), armed);
          if (armed) {
            model.erase({old, t});
            model.emplace(when, t);
          }
          break;
        }
        default: {
          now += below(40);
          ran.clear();
          const int n = heap.run(now);
          ASSERT_EQ(static_cast<std::size_t>(n), ran.size());
          std::int64_t last = 0;
          for (log_timer* done : ran) {
            EXPECT_GE(done->when, last);
            last = done->when;
            ASSERT_EQ(model.erase({done->when, done}), 1U);
          }
          ASSERT_TRUE(model.empty() || model.begin()->first > now);
        }
      }
      ASSERT_TRUE(heap.well_formed());
      ASSERT_EQ(heap.size(), model.size());
      ASSERT_EQ(heap.first_when(), model.empty() ? never : model.begin()->first);
    }
    heap.abandon();
  }
}

TEST(Timerheap, AMillionTimersAreStoppedCheaply) {
  constexpr std::size_t count = 1'000'000;
  timerheap heap;
  std::vector<timer> timers(count);
  std::mt19937 random(7);
  for (timer& t : timers) {
    t.f = [](timer*, void*) {};
    heap.add(&t, static_cast<std::int64_t>(random()), 0);
  }
  ASSERT_TRUE(heap.well_formed());
  // Without a place in each timer this would be 10^12 comparisons.
  for (std::size_t i = 0; i < count; i += 2) ASSERT_TRUE(heap.remove(&timers[i]));
  ASSERT_TRUE(heap.well_formed());
  EXPECT_EQ(heap.run(never - 1), static_cast<int>(count / 2));
  EXPECT_EQ(heap.size(), 0U);
}

// Owners arm and disarm their own timers in several heaps, others run what is due. Every arming ends in exactly one of:
// the callback ran, or the removal said that it will not.
TEST(Timerheap, EachArmingFiresOrIsStoppedOnce) {
  struct counted : timer {
    std::atomic<int> fired{0};
    int armed = 0;
    int stopped = 0;
  };
  constexpr int owners = 3;
  constexpr int per_owner = 64;
  std::array<timerheap, 2> heaps;
  std::atomic<bool> stop{false};
  std::vector<std::thread> threads;
  for (int r = 0; r < 2; r++) {
    threads.emplace_back([&, r] {
      std::int64_t now = 0;
      while (!stop.load()) heaps[static_cast<std::size_t>(r)].run(now += 3);
    });
  }
  std::vector<std::unique_ptr<std::array<counted, per_owner>>> all;
  for (int o = 0; o < owners; o++) all.push_back(std::make_unique<std::array<counted, per_owner>>());
  std::vector<std::thread> workers;
  for (int o = 0; o < owners; o++) {
    workers.emplace_back([&, o] {
      std::mt19937 random(static_cast<unsigned>(o));
      auto& mine = *all[static_cast<std::size_t>(o)];
      for (counted& t : mine) {
        t.f = [](timer* self, void*) { static_cast<counted*>(self)->fired.fetch_add(1); };
      }
      // At least until something of everybody's has fired: the runners may be slow to start.
      auto any_fired = [&] {
        return std::any_of(mine.begin(), mine.end(), [](const counted& t) { return t.fired.load() > 0; });
      };
      for (int i = 0; i < 30'000 || !any_fired(); i++) {
        counted& t = mine[random() % per_owner];
        timerheap& home = heaps[random() % 2];
        timerheap* at = t.heap.load(std::memory_order_acquire);
        if (at != nullptr && at->remove(&t)) {
          t.stopped++;
        } else if (t.armed == t.stopped + t.fired.load()) {
          t.armed++;
          home.add(&t, static_cast<std::int64_t>(random() % 1000), 0);
        }
      }
      for (counted& t : mine) {
        timerheap* at = t.heap.load(std::memory_order_acquire);
        if (at != nullptr && at->remove(&t)) t.stopped++;
      }
    });
  }
  for (auto& w : workers) w.join();
  stop.store(true);
  for (auto& t : threads) t.join();
  long fired = 0;
  long stopped = 0;
  for (auto& mine : all) {
    for (counted& t : *mine) {
      EXPECT_EQ(t.armed, t.stopped + t.fired.load());
      fired += t.fired.load();
      stopped += t.stopped;
    }
  }
  EXPECT_GT(fired, 0);
  EXPECT_GT(stopped, 0);
  EXPECT_TRUE(heaps[0].well_formed());
  EXPECT_TRUE(heaps[1].well_formed());
}

}  // namespace
