// Virtual threads on one thread of the operating system, and who of them runs.
//
// The standard order: a thread runs until it waits, spins or ends; then the next one in the circle that can run. A
// schedule is this order but for its deviations, each "at step S thread T runs instead", and they are its name: what
// `--replay` takes. Where deviations may be depends on what threads share: before an access to a variable that only one
// thread has been seen to use another order makes no difference.
//
// Waiting is by address (virtual_os.cpp has the system calls). A thread that spins is passed over until all others wait
// or spin too. sysmon is lazy: it runs when it is chosen, or when nobody else can; that tells a wake-up that was lost
// from one that sysmon made up for.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "explore.hpp"
#include "point.hpp"
#include "sched/g.hpp"
#include "sched/tls.hpp"

namespace gofer::explore {

inline constexpr int max_threads = 24;

/// At `step`, counted from begin(), `thread` runs. keep: what the one that ran has in its store buffer stays there.
struct deviation {
  std::uint32_t step;
  std::int8_t thread;
  bool keep;
};

/// What a strategy is asked.
struct question {
  std::uint32_t step;
  int current;                                // -1: it has ended or waits
  int standard;                               // who runs in the standard order
  bool spinning;                              // current spins
  bool contended;                             // current is about to use what others use too (true when it waits)
  bool may_keep;                              // current has something in its store buffer
  std::array<std::int8_t, max_threads> able;  // who else can run, in the circle's order
  int nable;
  std::array<std::int8_t, max_threads> sleepy;  // who could be woken up or let run out of turn
  int nsleepy;
};

struct answer {
  int thread;
  bool keep = false;
};

class strategy {
 public:
  virtual ~strategy() = default;
  virtual answer pick(const question& q) = 0;
};

struct settings {
  bool tso = false;
  std::uint32_t max_steps = 200'000;
  std::uint64_t ticks = 0;  // where cputicks() begins
};

struct outcome {
  bool good = true;
  std::string text;    // why not
  std::string report;  // what the runtime has written to standard error
  std::vector<deviation> deviations;
  std::uint32_t steps = 0;      // decisions since begin()
  std::uint32_t contended = 0;  // those of them at which a deviation can matter
};

/// Once.
void engine_init();
/// Runs one schedule.
outcome run(const scenario& s, strategy& how, const settings& set);
/// The last schedule, step by step, at most so many of its last ones.
void print_trace(std::size_t most);
/// Takes over what has been seen to be shared. True: that has grown.
bool learn_shared();

// --- For virtual_os.cpp.

/// Whether a virtual thread runs.
bool live();
int start_thread(const char* name, std::function<void()> f, bool lazy);
int current_thread();
bool thread_over(int thread);
void thread_bounds(char** lo, std::size_t* size);
int threads_alive();
/// Waits until wake(what), or the time; false: the time. deadline < 0: never.
bool wait_on(const void* what, std::int64_t deadline);
/// Wakes those that have waited longest.
int wake(const void* what, int count);
void drain_everybody();
/// What the runtime writes to standard error, and its _exit.
void report(const char* text, std::size_t n);
[[noreturn]] void process_ends(int status);
/// What runs when the thread that calls it ends.
void at_thread_end(void (*f)(void*), void* arg);

}  // namespace gofer::explore
