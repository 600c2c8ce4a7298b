#include "sched/fatal.hpp"

#include <unistd.h>

#include <cstdio>

#include "sched/atomic.hpp"
#include "sched/futex.hpp"
#include "sched/m.hpp"
#include "sched/proc.hpp"
#include "sched/tls.hpp"

namespace gofer::sched {

hooks_t hooks;

namespace {

// The first thread to report ends the process; others that fail meanwhile wait for that, so that reports do not mix.
atomic<bool> reporting{false};

[[noreturn]] void report(const char* text, bool all, bool nobody_runs) {
  begin_report();
  std::fflush(stdout);
  write_err("fatal error: ");
  write_err(text);
  write_err("\n");
  if (hooks.print_traceback != nullptr) {
    m* mp = getm_or_null();
    hooks.print_traceback(mp == nullptr || nobody_runs ? nullptr : mp->curg, all);
  }
  ::_exit(2);
}

}  // namespace

void begin_report() {
  if (!reporting.exchange(true)) {
    freeze_the_world();
    return;
  }
  for (;;) ::pause();
}

void wait_for_report() {
  while (reporting.load()) ::pause();
}

void write_err(std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = ::write(STDERR_FILENO, text.data(), text.size());
    if (n <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(n));
  }
}

void fatal(const char* text) { report(text, true, false); }

void fatal_all(const char* text) { report(text, true, true); }

void throw_(const char* text, const char* file, int line) {
  begin_report();
  char where[512];
  std::snprintf(where, sizeof where, "runtime: broken invariant at %s:%d\nfatal error: %s\n", file, line, text);
  write_err(where);
  m* mp = getm_or_null();
  if (hooks.print_traceback != nullptr && mp != nullptr) hooks.print_traceback(mp->curg, false);
  ::_exit(2);
}

}  // namespace gofer::sched
