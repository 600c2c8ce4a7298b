// The local run queue: order for its owner, and nothing lost or doubled under thieves.
#include "sched/runq.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

namespace gofer::sched {
namespace {

g* fake(std::uintptr_t n) { return reinterpret_cast<g*>(n * 64); }
std::size_t number(const g* gp) { return reinterpret_cast<std::uintptr_t>(gp) / 64; }

TEST(Runq, IsFirstInFirstOut) {
  runq q;
  EXPECT_TRUE(q.empty());
  for (std::uintptr_t i = 1; i <= runq_size; i++) EXPECT_TRUE(q.push(fake(i)));
  EXPECT_FALSE(q.push(fake(999))) << "full";
  EXPECT_EQ(q.size(), runq_size);
  for (std::uintptr_t i = 1; i <= runq_size; i++) EXPECT_EQ(q.pop(), fake(i));
  EXPECT_EQ(q.pop(), nullptr);
  EXPECT_TRUE(q.empty());
}

TEST(Runq, WrapsAround) {
  runq q;
  for (std::uintptr_t i = 1; i < 10 * runq_size; i++) {
    EXPECT_TRUE(q.push(fake(i)));
    EXPECT_EQ(q.pop(), fake(i));
  }
}

TEST(Runq, NextComesByItself) {
  runq q;
  EXPECT_EQ(q.exchange_next(fake(1)), nullptr);
  EXPECT_FALSE(q.empty());
  EXPECT_EQ(q.exchange_next(fake(2)), fake(1));
  EXPECT_EQ(q.take_next(), fake(2));
  EXPECT_EQ(q.take_next(), nullptr);
}

TEST(Runq, ThiefTakesHalfRoundedUp) {
  runq q;
  std::array<g*, runq_size / 2> loot{};
  EXPECT_EQ(q.grab(loot), 0u);
  for (std::uintptr_t i = 1; i <= 5; i++) q.push(fake(i));
  EXPECT_EQ(q.grab(loot), 3u);
  EXPECT_EQ(loot[0], fake(1));
  EXPECT_EQ(q.size(), 2u);
}

TEST(Runq, OwnerSpillsHalf) {
  runq q;
  for (std::uintptr_t i = 1; i <= runq_size; i++) q.push(fake(i));
  g* out[runq_size / 2];
  EXPECT_EQ(q.take_half(out), runq_size / 2);
  EXPECT_EQ(out[0], fake(1));
  EXPECT_EQ(q.pop(), fake(runq_size / 2 + 1));
}

TEST(RunqStress, EveryGoroutineIsFoundExactlyOnce) {
  constexpr std::size_t total = 200'000;
  runq q;
  std::vector<std::atomic<int>> seen(total + 1);
  std::atomic<std::size_t> found{0};
  const auto saw = [&](const g* gp) {
    seen[number(gp)].fetch_add(1, std::memory_order_relaxed);
    found.fetch_add(1, std::memory_order_relaxed);
  };
  std::vector<std::thread> thieves;
  for (int t = 0; t < 3; t++) {
    thieves.emplace_back([&, t] {
      std::array<g*, runq_size / 2> loot{};
      while (found.load(std::memory_order_relaxed) < total) {
        const std::uint32_t n = q.grab(loot);
        for (std::uint32_t i = 0; i < n; i++) saw(loot[i]);
        if (t == 0) {
          if (g* gp = q.take_next()) saw(gp);
        }
        if (n == 0) std::this_thread::yield();
      }
    });
  }
  for (std::size_t i = 1; i <= total; i++) {
    g* gp = fake(i);
    if (i % 3 == 0) gp = q.exchange_next(gp);
    while (gp != nullptr && !q.push(gp)) {
      g* half[runq_size / 2];
      const std::uint32_t n = q.take_half(half);
      for (std::uint32_t k = 0; k < n; k++) saw(half[k]);
    }
    if (i % 5 == 0) {
      if (g* own = q.pop()) saw(own);
    }
  }
  while (found.load(std::memory_order_relaxed) < total) {
    if (g* gp = q.take_next()) saw(gp);
    if (g* gp = q.pop()) saw(gp);
    std::this_thread::yield();
  }
  for (std::thread& t : thieves) t.join();
  for (std::size_t i = 1; i <= total; i++) ASSERT_EQ(seen[i].load(), 1) << i;
}

}  // namespace
}  // namespace gofer::sched
