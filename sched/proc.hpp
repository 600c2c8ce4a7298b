// Making goroutines, starting and ending the scheduler: what runtime/ asks of sched/ besides the waist.
#pragma once

#include <cstddef>
#include <cstdint>

#include "sched/g.hpp"

namespace gofer::sched {

struct schedt;

struct spawn_params {
  std::size_t stack_size = 0;  // 0: the default
  const char* name = nullptr;  // copied
  void* gopc = nullptr;        // the caller of `go`, for "created by"
};

/// A new goroutine, not yet runnable, with `size` bytes aligned to `align` on its stack at gp->entry_arg for the caller
/// to fill. size must be at most max_closure. Starts the runtime if it does not run. Fatal when there is no memory for
/// a stack.
g* newproc_prepare(const spawn_params& params, std::size_t size, std::size_t align);
inline constexpr std::size_t max_closure = 1024;

/// Makes it runnable: it calls entry(gp->entry_arg), as hooks.entry sees fit, and runs next on this P.
void newproc_start(g* gp, void (*entry)(void*));

/// Gives it back instead.
void newproc_cancel(g* gp);

struct start_params {
  int procs = 0;               // 0: one per processor this process may use, also when their number changes
  std::size_t stack_size = 0;  // 0: the default
  int max_threads = 0;         // 0: default_max_threads
  bool pinned = false;         // goroutines stay on the thread on which they begin
};

/// Starts the scheduler unless it runs; returns its instance. Any thread.
schedt* sched_start(const start_params& params);

/// Runs entry(arg) as goroutine 1 and sleeps until it has returned or main_done() was called. The calling thread must
/// be a plain one.
void sched_run_main(schedt* s, void (*entry)(void*), void* arg, void* gopc);

/// Called by goroutine 1 when main has returned. Never schedules anything again.
[[noreturn]] void sched_main_done();

/// Called by goroutine 1 when it ends by goexit: run() goes on waiting.
void sched_main_goexited();

/// From here on no goroutine is scheduled any more; those that run, run on until they park, yield or end. For a report
/// that ends the process: what the others would do meanwhile, main's return above all, nobody is to see (Go's
/// freezetheworld). Takes no lock.
void freeze_the_world();

/// Ends the scheduler: workers that are idle or come back to it end; goroutines are never scheduled again.
void sched_stop(schedt* s);

/// Faults become panics from here on. Called when the program is loaded, for plain threads, and again by sched_start: a
/// handler that the program has installed in between is then the one that faults elsewhere are passed on to.
void install_signal_handlers();

/// SIGQUIT writes every goroutine's traceback and ends the process, unless the program handles or ignores it.
void install_quit_handler();

/// What was running when SIGQUIT came.
struct quit_request {
  atomic<bool> asked{false};
  atomic<bool> ready{false};
  void* pc = nullptr;
  std::int64_t m = -1;  // the worker, -1 for a thread of the program's own
  int code = 0;
};
/// nullptr: nobody has asked.
const quit_request* quit_requested();

/// GOMAXPROCS; n < 1 only reports. Returns the previous setting.
int gomaxprocs(int n);

/// Goroutines alive, without the runtime's own.
std::int64_t gcount();

/// Marks the running goroutine as about to block in the system: its P may go on with others. Must be followed by
/// exitsyscall on the same thread; nothing in between may use gofer. Both do nothing on a plain thread.
void entersyscall();
void exitsyscall();

}  // namespace gofer::sched
