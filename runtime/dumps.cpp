// What gofer writes to standard error about running goroutines when it is asked to: SIGQUIT's dump, the watchdog's
// report, the table of stack depths. All on sysmon's thread or on the one that called run().
#include "runtime/dumps.hpp"

#include <signal.h>
#include <unistd.h>

#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "runtime/knobs.hpp"
#include "runtime/symbolize.hpp"
#include "runtime/traceback.hpp"
#include "sched/debug.hpp"
#include "sched/fatal.hpp"
#include "sched/proc.hpp"
#include "sched/stackuse.hpp"

namespace gofer::runtime {

namespace {

std::string creation_site(void* gopc) {
  if (gopc == nullptr) return "?";
  const frames_at at = symbolize(gopc);
  for (const frame& f : *at) {
    if (!f.internal) return f.function + " at " + (f.file.empty() ? "?" : f.file + ":" + std::to_string(f.line));
  }
  return at->back().function;
}

// Of a goroutine that runs.
__attribute__((noinline, no_sanitize("thread"))) std::uint64_t number_of(const sched::g* gp) { return gp->goid; }

}  // namespace

void report_hog(const sched::g* gp, std::int64_t ns, void* const* pcs, int n) {
  std::string out = "gofer: watchdog: goroutine " + std::to_string(number_of(gp)) + " has kept its worker for " +
                    std::to_string(ns / 1'000'000) +
                    " ms. A call that blocks belongs into gofer::blocking; a long computation should call "
                    "gofer::gosched now and then.\n";
  out += goroutine_header(gp, "running");
  out += n > 0 ? format_frames(pcs, n, true) : "\tstack unavailable\n";
  append_created_by(out, gp);
  sched::write_err(out + '\n');
}

std::string stack_depths() {
  std::string out = "stack high-water marks (bytes used, stack size, goroutines, created by):\n";
  for (const sched::stack_use& use : sched::read_stack_use()) {
    char line[80];
    std::snprintf(line, sizeof line, "%9zu %9zu %9" PRId64 "  ", use.most, use.size, use.goroutines);
    (out += line) += creation_site(use.gopc) + '\n';
  }
  return out;
}

void report_quit() {
  const sched::quit_request* asked = sched::quit_requested();
  sched::begin_report();
  std::fflush(stdout);
  char head[96];
  std::snprintf(head, sizeof head, "SIGQUIT: quit\nPC=%p m=%" PRId64 " sigcode=%d\n", asked->pc, asked->m, asked->code);
  std::string out = head;
  out += all_goroutines(nullptr, running_ones::interrupted);
  if (sched::debug.stackhigh.load(std::memory_order_relaxed)) out += '\n' + stack_depths();
  sched::write_err(out);
  if (get_traceback_level() == traceback_level::crash) {
    ::signal(SIGABRT, SIG_DFL);
    std::abort();
  }
  ::_exit(2);
}

}  // namespace gofer::runtime
