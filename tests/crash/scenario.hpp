// A program that is meant to die cannot be a test itself. So each way to die is a named scenario of this binary, run as
// a process of its own, and the test looks at what became of it:
//
//   GOFER_SCENARIO(close_of_nil) { gofer::run([] { gofer::chan<int>{}.close(); }); }
//
//   TEST(Panic, CloseOfNil) {
//     const auto end = run_scenario("close_of_nil");
//     EXPECT_EQ(end.exit_status, 2);
//     EXPECT_THAT(end.err, HasSubstr("panic: close of nil channel"));
//   }
//
// GoogleTest's death tests were the other way; they fork inside the test's process, which a runtime with threads of its
// own does not survive, and match stderr alone.
#pragma once

#include <string>
#include <vector>

namespace gofer::test {

/// How a scenario's process ended. A scenario that returns exits with 0.
struct outcome {
  int exit_status = -1;  ///< -1 when a signal ended it
  int signal = 0;        ///< 0 when it exited; SIGALRM when it had to be ended after a minute
  std::string out;
  std::string err;
};

/// Runs a scenario in a process of its own, with these "NAME=value" added to the environment, and waits for its end.
/// Throws std::system_error when it cannot be started. For the main thread of the test.
outcome run_scenario(const std::string& name, const std::vector<std::string>& environment = {});

/// Enters a scenario under its name, at start-up; see GOFER_SCENARIO.
struct scenario_entry {
  scenario_entry(const char* name, void (*body)());
};

}  // namespace gofer::test

/// A function body that run_scenario(#name) runs.
#define GOFER_SCENARIO(name)                                                               \
  static void scenario_##name();                                                           \
  static const gofer::test::scenario_entry scenario_entry_##name{#name, &scenario_##name}; \
  static void scenario_##name()
