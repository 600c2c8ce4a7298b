// What a scenario is written with.
//
// A scenario is a function that runs as the first of a schedule's threads. Everything up to begin() happens in a fixed
// order; from there on the explorer chooses who runs, at every access to an atomic of sched/ and at every system call.
// A schedule is good when the function returns; threads that are left then are forgotten, and so is all memory: the
// next schedule finds every global variable, and the heap, as they were before main().
#pragma once

#include <cstdint>
#include <functional>

namespace gofer::explore {

/// From here on the order is the explorer's, until the end, or until end().
void begin();
void end();

/// Starts a thread. The name is for the trace, a literal.
int spawn(const char* name, std::function<void()> f);
void join(int thread);
void join_all();

/// The runtime is to end the process with this status.
void expect_exit(int status);

/// The schedule is a bad one.
[[noreturn]] void fail(const char* format, ...) __attribute__((format(printf, 1, 2)));

/// Called whenever all threads sleep, some of them maybe only for some time, and before every step. What they read are
/// no steps; they must not wait.
void at_rest(std::function<void()> check);
void always(std::function<void()> check);

/// A thread that sleeps for some time may be woken up by the explorer's choice at any moment, as if it had been. For
/// sysmon this is always so.
void sleepers_may_wake();

/// Who spins lets others run at every 500th pause only: loops that give up after some pauses do so with nothing
/// changed.
void spinners_give_up();

/// sysmon wakes up only when nobody else will.
void sysmon_sleeps();

/// When the first of those that sleep will wake up by itself, sysmon left out; the end of time if none will.
std::int64_t first_wake_up();

struct scenario {
  const char* name;
  const char* what;
  void (*body)();
};

/// Scenarios make themselves known when the program is loaded.
struct listed {
  explicit listed(const scenario& s);
};

}  // namespace gofer::explore

#define EXPLORE_CHECK(condition) \
  (__builtin_expect(!!(condition), 1) ? (void)0 : ::gofer::explore::fail("%s:%d: %s", __FILE__, __LINE__, #condition))

/// SCENARIO(name, "what") { body }
#define SCENARIO(id, what)                                                       \
  static void scenario_##id();                                                   \
  static const ::gofer::explore::listed listed_##id({#id, what, scenario_##id}); \
  static void scenario_##id()
