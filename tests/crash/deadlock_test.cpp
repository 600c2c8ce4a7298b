// "all goroutines are asleep": exactly when nobody is left who could wake one.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <gofer/gofer.hpp>
#include <string>
#include <thread>

#include "scenario.hpp"

namespace gofer::test {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

GOFER_SCENARIO(main_receives) {
  run([] { chan<int>{0}.recv(); });
}
TEST(Deadlock, MainReceivesFromNobody) {
  for (const char* setting : {"GOFER_MAXPROCS=1", "GOFER_MAXPROCS=4", "GOFER_PINNED=1"}) {
    const outcome end = run_scenario("main_receives", {setting});
    EXPECT_EQ(end.exit_status, 2) << end.err;
    EXPECT_THAT(end.err,
                StartsWith("fatal error: all goroutines are asleep - deadlock!\n\ngoroutine 1 [chan receive]:\n"));
  }
}

GOFER_SCENARIO(main_goexits) {
  run([] {
    go([] { sleep(20ms); });
    goexit();
  });
}
TEST(Deadlock, MainHasGoexited) {
  const outcome end = run_scenario("main_goexits");
  EXPECT_EQ(end.exit_status, 2) << end.err;
  EXPECT_THAT(end.err, StartsWith("fatal error: no goroutines (main called runtime.Goexit) - deadlock!\n"));
}

GOFER_SCENARIO(two_wait_for_each_other) {
  run([] {
    chan<int> a{0};
    chan<int> b{0};
    go([=]() mutable {
      a.recv();
      b.send(1);
    });
    b.recv();
    a.send(1);
  });
}
TEST(Deadlock, ShowsEveryGoroutine) {
  const outcome end = run_scenario("two_wait_for_each_other");
  EXPECT_EQ(end.exit_status, 2) << end.err;
  EXPECT_THAT(end.err, AllOf(HasSubstr("goroutine 1 [chan receive]:\n"), HasSubstr("in goroutine 1\n")));
}

GOFER_SCENARIO(timer_is_armed) {
  run([] {
    chan<int> c{0};
    go([=]() mutable {
      sleep(50ms);
      c.send(1);
    });
    c.recv();
  });
}
TEST(Deadlock, NotWhileATimerIsArmed) { EXPECT_EQ(run_scenario("timer_is_armed").exit_status, 0); }

GOFER_SCENARIO(call_blocks) {
  run([] {
    chan<int> c{0};
    go([=]() mutable {
      blocking([] { std::this_thread::sleep_for(50ms); });
      c.send(1);
    });
    c.recv();
  });
}
TEST(Deadlock, NotWhileACallBlocks) { EXPECT_EQ(run_scenario("call_blocks").exit_status, 0); }

GOFER_SCENARIO(plain_thread_lives) {
  std::thread sender;
  run([&] {
    chan<int> c{0};
    sender = std::thread([=]() mutable {
      std::this_thread::sleep_for(50ms);
      c.send(1);
    });
    c.recv();
  });
  sender.join();
}
TEST(Deadlock, NotWhileAPlainThreadLives) {
  const outcome end = run_scenario("plain_thread_lives");
  EXPECT_EQ(end.exit_status, 0) << end.err;
}

}  // namespace
}  // namespace gofer::test
