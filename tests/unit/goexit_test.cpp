// goexit: everything deferred runs, nothing recovers it, only its goroutine ends.
#include <gtest/gtest.h>

#include <functional>
#include <gofer/gofer.hpp>
#include <string>

#include "trail.hpp"

namespace gofer::test {
namespace {

// Runs body in a goroutine of its own and waits until that is gone.
std::string ends(const std::function<void(trail&)>& body) {
  std::string all;
  for (const int procs : {1, 4}) {
    trail t;
    run(options{.maxprocs = procs}, [&] {
      go([&] { body(t); });
      while (num_goroutine() > 1) gosched();
    });
    if (!all.empty()) {
      EXPECT_EQ(t.text(), all);
    }
    all = t.text();
  }
  return all;
}

TEST(Goexit, RunsEverythingYoungestFirst) {
  EXPECT_EQ(ends([](trail& t) {
              defer d1{[&] { t.add("d1"); }};
              leaves a(t, "a");
              func([&] {
                leaves b(t, "b");
                defer d2{[&] { t.add(recover() ? "WRONG" : "d2"); }};
                goexit();
              });
              t.add("WRONG");
            }),
            "d2 ~b ~a d1");
}

TEST(Goexit, GoesOnAfterAPanicInADeferredCallWasRecovered) {
  EXPECT_EQ(ends([](trail& t) {
              defer last{[&] { t.add(recover() ? "WRONG" : "last"); }};
              func([&] {
                defer d{[&] { t.add(recover() ? "recovered" : "WRONG"); }};
                func([&] {
                  defer e{[] { panic("during goexit"); }};
                  goexit();
                });
                t.add("WRONG");
              });
              t.add("WRONG");
            }),
            "recovered last");
}

TEST(Goexit, InADeferredCallDropsThePanic) {
  EXPECT_EQ(ends([](trail& t) {
              defer last{[&] { t.add(recover() ? "WRONG" : "last"); }};
              func([&] {
                defer d{[] { goexit(); }};
                panic("dropped");
              });
              t.add("WRONG");
            }),
            "last");
}

TEST(Goexit, PassesTypedAndRethrowingHandlers) {
  EXPECT_EQ(ends([](trail& t) {
              try {
                try {
                  goexit();
                } catch (const std::exception&) {
                  t.add("WRONG");
                }
              } catch (...) {
                t.add("all");
                throw;
              }
            }),
            "all");
}

TEST(Goexit, RethrownThroughAnExceptionPointer) {
  EXPECT_EQ(ends([](trail& t) {
              defer outer{[&] { t.add(recover() ? "WRONG" : "outer"); }};
              func([&] {
                defer inner{[&] { t.add(recover() ? "WRONG" : "inner"); }};
                func([&] {
                  try {
                    goexit();
                  } catch (...) {
                    t.add("caught");
                    std::rethrow_exception(std::current_exception());
                  }
                });
                t.add("WRONG");
              });
              t.add("WRONG");
            }),
            "caught inner outer");
}

TEST(Goexit, MayBlockInItsDeferredCalls) {
  EXPECT_EQ(ends([](trail& t) {
              defer d{[&] {
                for (int i = 0; i < 100; i++) gosched();
                t.add("yielded");
              }};
              goexit();
            }),
            "yielded");
}

}  // namespace
}  // namespace gofer::test
