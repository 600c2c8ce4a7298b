// Inside the engine: its threads and all that it knows, and what its files call among themselves.
#pragma once

#include <array>
#include <boost/context/detail/fcontext.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>

#include "engine.hpp"
#include "sched/g.hpp"
#include "sched/tls.hpp"

namespace gofer::explore {

inline constexpr std::size_t stack_size = std::size_t{256} << 10;
inline constexpr std::size_t buffer_size = 16;
// Steps that a thread may run on end while others can. Few threads need more; when some do all the time, then in a loop
// that waits for another one, which is let run more and more often.
inline constexpr std::uint32_t longest_slice = 2'000;
inline constexpr std::uint32_t shortest_slice = 30;
inline constexpr int most_idle_rounds = 400;  // of sysmon's: more than it needs to have looked at everything
inline constexpr std::size_t trace_size = std::size_t{1} << 15;
inline constexpr std::size_t uses_size = std::size_t{1} << 13;
inline constexpr std::size_t sites_size = std::size_t{1} << 11;

struct buffered {
  void* at;
  std::size_t size;
  std::uint64_t value;
};

struct vthread {
  enum class state { unused, ready, waiting, over };
  state st = state::unused;
  const char* name = "";
  bool lazy = false;
  bool spins = false;
  bool timed_out = false;
  const void* waits_on = nullptr;
  std::uint64_t since = 0;
  std::int64_t deadline = -1;
  std::function<void()>* body = nullptr;
  void (*end)(void*) = nullptr;
  void* end_arg = nullptr;
  boost::context::detail::fcontext_t context = nullptr;
  char* stack = nullptr;
  // What belongs to a thread of the operating system.
  sched::tls_block tls{};
  sched::eh_globals eh{};
  int err = 0;
  std::array<buffered, buffer_size> buffer;
  std::size_t nbuffer = 0;
#if GOFER_ASAN
  void* fake_stack = nullptr;
  char* lo = nullptr;  // of the stack that it left
  std::size_t size = 0;
#endif
};

struct traced {
  std::uint32_t step;
  std::int8_t thread;
  op what;
  const void* at;
  where w;
};

// A line of code. Lines that have been seen to use what several threads use are the ones at which order matters; by
// line and not by address, because addresses are others in every schedule.
struct site {
  const char* file;
  unsigned line;
  bool seen_shared;
  bool shared;
};

// Who has used an address in this schedule.
struct use {
  const void* at;
  std::uint64_t schedule;
  site* last;
  std::int8_t thread;
  bool several;
};

// Mapped, hence outside of what a schedule changes.
struct engine {
  bool live = false;
  bool choosing = false;
  bool may_wake = false;
  bool sysmon = true;
  int pauses_per_spin = 1;
  int pauses = 0;
  int expected_exit = -1;
  bool checking = false;  // a scenario looks: its accesses are no steps
  int current = 0;
  int n = 0;
  std::int64_t now = 0;
  std::uint64_t waits = 0;
  int idle_rounds = 0;
  std::uint32_t all_steps = 0;
  std::uint32_t on_end = 0;  // steps of the current thread since it came
  std::uint32_t slice = longest_slice;
  settings set;
  strategy* how = nullptr;
  outcome* result = nullptr;
  std::function<void()>* rest_check = nullptr;
  std::function<void()>* step_check = nullptr;
  std::array<vthread, max_threads> threads;
  vthread driver;
  std::array<traced, trace_size> trace;
  std::size_t ntrace = 0;
  std::uint64_t schedule = 0;
  std::array<use, uses_size> uses;
  std::size_t nuses = 0;
  std::array<site, sites_size> sites;
};

extern engine* e;

inline vthread& thread(int i) { return e->threads[static_cast<std::size_t>(i)]; }
inline vthread& self() { return thread(e->current); }
inline bool ready(const vthread& t) { return t.st == vthread::state::ready; }
inline bool sleeps_for_some_time(const vthread& t) { return t.st == vthread::state::waiting && t.deadline >= 0; }

// --- threads.cpp

/// Leaves one thread's stack for another's.
void jump(vthread& from, vthread& to, bool dies);
/// The end of the schedule.
[[noreturn]] void back_to_driver();

// --- order.cpp

enum class why { access, spins, waits };
/// The running thread is about to use something (contended: that others use too), spins, or cannot go on: lets run whom
/// the strategy wants.
void decide(why w, bool contended);
/// Calls a scenario's check, if there is one; what that reads is no step.
void check(const std::function<void()>* f);

// --- memory.cpp

void drain(vthread& t);

// --- trace.cpp

/// Keeps a step for print_trace, and counts it.
void record(op what, const void* at, const where& w);
/// The running thread uses `at` in this line. True: lines like it use what several threads use.
bool note_use(const void* at, const where& w);

}  // namespace gofer::explore
