// Scope guards as Boost.Scope and std::experimental have them ask std::uncaught_exceptions(): a panic counts as an
// exception in flight, in the frames that it unwinds, and not within a deferred call's own scopes.
#include <gtest/gtest.h>

#include <boost/scope_exit.hpp>
#include <cstdlib>
#include <exception>
#include <functional>
#include <gofer/gofer.hpp>
#include <stdexcept>
#include <string>
#include <utility>

#include "trail.hpp"

namespace gofer::test {
namespace {

// As those libraries write them: the count when made against the count when destroyed.
template <class F>
class scope_fail {
 public:
  explicit scope_fail(F f) : f_(std::move(f)) {}
  scope_fail(const scope_fail&) = delete;
  scope_fail& operator=(const scope_fail&) = delete;
  ~scope_fail() {
    if (std::uncaught_exceptions() > count_) f_();
  }

 private:
  F f_;
  int count_ = std::uncaught_exceptions();
};

template <class F>
class scope_success {
 public:
  explicit scope_success(F f) : f_(std::move(f)) {}
  scope_success(const scope_success&) = delete;
  scope_success& operator=(const scope_success&) = delete;
  ~scope_success() noexcept(false) {
    if (std::uncaught_exceptions() <= count_) f_();
  }

 private:
  F f_;
  int count_ = std::uncaught_exceptions();
};

void expect_trail(const std::string& expected, const std::function<void(trail&)>& body) {
  for (const int procs : {1, 4}) {
    trail t;
    run(options{.maxprocs = procs}, [&] {
      body(t);
      EXPECT_EQ(std::uncaught_exceptions(), 0);
    });
    EXPECT_EQ(t.text(), expected) << procs << " workers";
  }
}

TEST(ScopeGuard, SeesAPanicAsFailure) {
  expect_trail("inner outer", [](trail& t) {
    func([&] {
      const scope_fail outer{[&] { t.add("outer"); }};
      const scope_success wrong{[&] { t.add("wrong"); }};
      defer d{[] { recover(); }};
      const scope_fail inner{[&] { t.add("inner"); }};
      panic("x");
    });
    EXPECT_EQ(std::uncaught_exceptions(), 0);
  });
}

TEST(ScopeGuard, InADeferredCallIsAboutItsOwnScope) {
  expect_trail("success nested caught", [](trail& t) {
    func([&] {
      defer d{[&] {
        const scope_fail wrong{[&] { t.add("wrong"); }};
        {
          const scope_success success{[&] { t.add("success"); }};
        }
        func([&] {
          defer e{[] { recover(); }};
          const scope_fail nested{[&] { t.add("nested"); }};
          panic("y");
        });
        try {
          throw std::runtime_error("z");
        } catch (const std::exception&) {
          t.add("caught");
        }
        recover();
      }};
      panic("x");
    });
  });
}

TEST(ScopeGuard, SeesGoexitAsFailure) {
  expect_trail("fail", [](trail& t) {
    wait_group wg;
    wg.go([&] {
      const scope_fail fail{[&] { t.add("fail"); }};
      goexit();
    });
    wg.wait();
  });
}

TEST(ScopeGuard, OfBoostScopeExitRuns) {
  expect_trail("exit", [](trail& t) {
    func([&] {
      defer d{[] { recover(); }};
      BOOST_SCOPE_EXIT(&t) { t.add("exit"); }
      BOOST_SCOPE_EXIT_END
      panic("x");
    });
  });
}

int panics_at_once(const void*, const void*) { panic("in qsort"); }

TEST(Panic, PassesThroughFramesOfC) {
  std::string text;
  func([&] {
    defer d{[&] { text = recover().what(); }};
    int numbers[] = {3, 1, 2};
    std::qsort(numbers, 3, sizeof numbers[0], panics_at_once);
  });
  EXPECT_EQ(text, "in qsort");
}

}  // namespace
}  // namespace gofer::test
