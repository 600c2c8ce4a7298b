// Defers and panics where there must be none: on a worker's own stack, and inside the scheduler.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <gofer/gofer.hpp>

#include "scenario.hpp"
#include "sched/keep_p.hpp"
#include "sched/park.hpp"
#include "sched/tls.hpp"

namespace gofer::test {
namespace {

void expect_throw(const std::string& scenario, const std::string& text) {
  const outcome end = run_scenario(scenario);
  EXPECT_EQ(end.exit_status, 2) << end.err;
  EXPECT_THAT(end.err, testing::HasSubstr("fatal error: " + text + "\n"));
}

GOFER_SCENARIO(panic_on_system_stack) {
  run([] { sched::mcall([](sched::g*, void*) { panic("not here"); }, nullptr); });
}
TEST(SystemStack, PanicIsFatal) { expect_throw("panic_on_system_stack", "panic on system stack"); }

GOFER_SCENARIO(goexit_on_system_stack) {
  run([] { sched::mcall([](sched::g*, void*) { goexit(); }, nullptr); });
}
TEST(SystemStack, GoexitIsFatal) { expect_throw("goexit_on_system_stack", "panic on system stack"); }

GOFER_SCENARIO(defer_on_system_stack) {
  const auto defers = [](sched::g*, void*) {
    defer_list l;
    for (int i = 0; i < 10; i++) l.push([] {});
  };
  run([=] { sched::mcall(defers, nullptr); });
}
TEST(SystemStack, DeferIsFatal) { expect_throw("defer_on_system_stack", "defer on system stack"); }

GOFER_SCENARIO(panic_inside_the_scheduler) {
  run([] {
    const sched::keep_p keep(sched::getm());
    panic("not now");
  });
}
TEST(SystemStack, PanicInsideTheSchedulerIsFatal) { expect_throw("panic_inside_the_scheduler", "panic holding locks"); }

}  // namespace
}  // namespace gofer::test
