// The two ways in which the runtime gives up: throw_ (a bug in gofer) and fatal (the user's fault that no recover can
// mend). Both print Go's format and end the process with status 2. What a report needs from above (goroutine
// tracebacks, panics in progress) comes through the hooks.
#pragma once

#include <cstdint>
#include <string_view>

#include "sched/atomic.hpp"
#include "sched/g.hpp"

namespace gofer::sched {

/// What sched/ needs from the layer above; filled once by runtime/ before the first goroutine.
struct p;

struct hooks_t {
  void (*entry)(g* gp) = nullptr;  // runs a goroutine's function, with all of Go's rules
  void (*print_traceback)(g* gp,
                          bool all) = nullptr;  // the goroutine's frames (gp may be null) and, when `all`, everybody's
  void (*release_pool)(p* pp) = nullptr;        // gives a retired P's deferpool back
  void (*plain_exit)(g* gp) = nullptr;          // a plain thread ends: free its language state
  // A goroutine has kept a P, or its thread after losing it, for ns nanoseconds; pcs: where it is, if it could be
  // found.
  void (*report_hog)(const g* gp, std::int64_t ns, void* const* pcs, int n) = nullptr;
  void (*before_fork)() = nullptr;  // take and leave the locks of the layer above
  void (*after_fork)() = nullptr;
  void (*in_child)() = nullptr;                                 // the run under way is over
  void (*report_quit)() = nullptr;                              // SIGQUIT: prints every goroutine and ends the process
  atomic<void (*)(g* gp, wait_reason reason)> parks{nullptr};   // a goroutine parks or yields; null: nobody asks
  bool (*fault)(int sig, void* info, void* context) = nullptr;  // a synchronous signal; false: not ours
};
extern hooks_t hooks;

/// "fatal error: text", the running goroutine's traceback and everybody's as GOFER_TRACEBACK says, exit status 2. Any
/// stack.
[[noreturn]] void fatal(const char* text);

/// fatal with all goroutines but none running ("all goroutines are asleep - deadlock!").
[[noreturn]] void fatal_all(const char* text);

/// As fatal, for a broken invariant of gofer's own; names the place.
[[noreturn]] void throw_(const char* text, const char* file, int line);

/// Every report begins with this: the first thread to come reports and ends the process, others wait here for that.
void begin_report();

/// Does not come back when a report has begun: main's return must not end the process before it, and ThreadSanitizer
/// would take threads that end meanwhile for leaked ones.
void wait_for_report();

/// Writes text to standard error, whole, by write(2): no allocation, any stack, signal handlers too.
void write_err(std::string_view text);

}  // namespace gofer::sched

/// An invariant that stays on in release builds.
#define GOFER_CHECK(condition, text) \
  (__builtin_expect(!!(condition), 1) ? (void)0 : ::gofer::sched::throw_((text), __FILE__, __LINE__))
