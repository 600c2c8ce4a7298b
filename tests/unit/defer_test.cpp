// defer and defer_list: evaluation, lifetime, order, pools.
#include <gtest/gtest.h>

#include <array>
#include <gofer/gofer.hpp>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "trail.hpp"

namespace gofer::test {
namespace {

TEST(Defer, EvaluatesArgumentsNow) {
  int i = 1;
  int seen = 0;
  {
    defer d{[&](int v) { seen = v; }, i};
    i = 2;
  }
  EXPECT_EQ(seen, 1);
}

TEST(Defer, ArgumentsReachTheCallAsRvaluesAndDieWithIt) {
  trail t;
  {
    defer outer{[&] { t.add("outer"); }};
    defer inner{[&](std::unique_ptr<leaves> p) { t.add(p ? "inner" : "WRONG"); }, std::make_unique<leaves>(t, "arg")};
  }
  EXPECT_EQ(t.text(), "inner ~arg outer");
}

TEST(Defer, StatementCapturesByReference) {
  int n = 1;
  int seen = 0;
  {
    GOFER_DEFER(seen = n);
    n = 5;
  }
  EXPECT_EQ(seen, 5);
}

TEST(Defer, OfANullFunctionPanicsWhenItRuns) {
  trail t;
  func([&] {
    defer outer{[&] { t.add(recover().what()); }};
    void (*nil)() = nullptr;
    defer d{nil};
    t.add("body");
  });
  EXPECT_EQ(t.text(), "body runtime error: invalid memory address or nil pointer dereference");
}

TEST(DeferList, RunsYoungestFirst) {
  std::vector<int> order;
  {
    defer_list l;
    for (int i = 0; i < 1000; i++) l.push([&order](int v) { order.push_back(v); }, i);
    EXPECT_EQ(l.size(), 1000u);
  }
  ASSERT_EQ(order.size(), 1000u);
  for (int i = 0; i < 1000; i++) EXPECT_EQ(order[static_cast<std::size_t>(i)], 999 - i);
}

TEST(DeferList, GoesOnWhenACallPanics) {
  trail t;
  run([&] {
    func([&] {
      defer last{[&] { t.add("last:" + recover().what()); }};
      defer_list l;
      l.push([&] { t.add("0"); });
      l.push([&] { panic("one"); });
      l.push([&] { t.add("2:" + recover().what()); });
      l.push([&] { panic("three"); });
      l.push([&] { t.add("4"); });
    });
  });
  EXPECT_EQ(t.text(), "4 2:three 0 last:one");
}

TEST(DeferList, TakesClosuresOfEverySizeAndAlignment) {
  struct alignas(64) wide {
    std::array<char, 64> bytes;
  };
  int sum = 0;
  run([&] {
    defer_list l;
    for (int round = 0; round < 20; round++) {
      l.push([&sum] { sum += 1; });
      l.push([&sum, big = std::array<char, 100>{}] { sum += static_cast<int>(big.size()) / 100; });
      l.push([&sum, huge = std::array<char, 5000>{}] { sum += static_cast<int>(huge.size()) / 5000; });
      l.push([&sum, w = wide{}] { sum += reinterpret_cast<std::uintptr_t>(&w) % 64 == 0 ? 1 : 1000; });
    }
  });
  EXPECT_EQ(sum, 80);
}

TEST(DeferList, AMillionRecordsInAGoroutine) {
  int n = 0;
  run([&] {
    defer_list l;
    for (int i = 0; i < 1'000'000; i++) l.push([&n] { n++; });
  });
  EXPECT_EQ(n, 1'000'000);
}

TEST(DeferList, ACopyThatThrowsLeavesTheListAsItWas) {
  struct throws_on_copy {
    throws_on_copy() = default;
    throws_on_copy(const throws_on_copy&) { throw std::runtime_error("copy"); }
    void operator()() const {}
  };
  int n = 0;
  const throws_on_copy bad;
  {
    defer_list l;
    for (int i = 0; i < 10; i++) {
      l.push([&n] { n++; });
      EXPECT_THROW(l.push(bad), std::runtime_error);
    }
    EXPECT_EQ(l.size(), 10u);
  }
  EXPECT_EQ(n, 10);
}

}  // namespace
}  // namespace gofer::test
