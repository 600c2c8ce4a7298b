// The harness itself: it sees exit statuses, signals, both outputs and the environment, and a name that is not there.
#include "scenario.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>

namespace gofer::test {
namespace {

using testing::HasSubstr;

GOFER_SCENARIO(returns) { std::puts("to stdout"); }

GOFER_SCENARIO(exits) {
  std::fprintf(stderr, "to stderr, %s\n", std::getenv("GOFER_SCENARIO_WORD"));
  std::exit(7);
}

GOFER_SCENARIO(is_killed) { std::raise(SIGKILL); }

TEST(Scenario, ThatReturnsExitsWith0) {
  const auto end = run_scenario("returns");
  EXPECT_EQ(end.exit_status, 0);
  EXPECT_EQ(end.signal, 0);
  EXPECT_EQ(end.out, "to stdout\n");
  EXPECT_EQ(end.err, "");
}

TEST(Scenario, ThatExitsHandsOverStatusAndEnvironment) {
  const auto end = run_scenario("exits", {"GOFER_SCENARIO_WORD=word"});
  EXPECT_EQ(end.exit_status, 7);
  EXPECT_EQ(end.out, "");
  EXPECT_EQ(end.err, "to stderr, word\n");
}

TEST(Scenario, ThatIsKilledHasNoExitStatus) {
  const auto end = run_scenario("is_killed");
  EXPECT_EQ(end.exit_status, -1);
  EXPECT_EQ(end.signal, SIGKILL);
}

TEST(Scenario, ThatIsNotThere) {
  const auto end = run_scenario("no_such");
  EXPECT_EQ(end.exit_status, 127);
  EXPECT_THAT(end.err, HasSubstr("no scenario named no_such"));
}

}  // namespace
}  // namespace gofer::test
