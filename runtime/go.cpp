// go, run, and what a goroutine's life looks like from the language's side: a boundary around its function, and an end.
#include <cstdio>
#include <gofer/runtime.hpp>

#include "runtime/dumps.hpp"
#include "runtime/hooks.hpp"
#include "runtime/knobs.hpp"
#include "runtime/local.hpp"
#include "runtime/lockcheck.hpp"
#include "runtime/panic.hpp"
#include "runtime/unwind/walk.hpp"
#include "sched/debug.hpp"
#include "sched/fatal.hpp"
#include "sched/park.hpp"
#include "sched/proc.hpp"

namespace gofer::runtime {

namespace {

enum class ending { returned, goexited };

ending call_entry(sched::g* gp) {
  try {
    gp->entry(gp->entry_arg);
  } catch (detail::boundary_tag&) {
    vehicle* v = landed_vehicle(gp);
    if (v == nullptr) fatal("a goroutine's thread was cancelled (pthread_cancel, pthread_exit)");
    const _panic* p = riding(gp, v);
    if (p != nullptr && !p->goexit) fatalpanic(gp);
    const bool goexited = p != nullptr;
    while (gp->_panic != nullptr) pop_panic(gp);
    pop_vehicle(gp, v);
    if (goexited) return ending::goexited;
  }
  return ending::returned;
}

// Go's main: panics that are being handled on other goroutines get a moment to end the process.
void wait_for_panics() {
  for (int i = 0; i < 1000 && running_panic_defers.load(std::memory_order_relaxed) != 0; i++) sched::gosched();
}

}  // namespace

void goroutine_main(sched::g* gp) {
  const ending how = call_entry(gp);
  // A catch (...) at the very end may have swallowed what the lists still hold.
  forget_swallowed(gp);
  if (gp->locals != nullptr) {
    destroy_locals(gp);
    forget_swallowed(gp);
  }
  forget_rethrown(gp);
  if (gp->goid != 1) return;
  if (how == ending::goexited) {
    sched::sched_main_goexited();
    return;
  }
  wait_for_panics();
  sched::wait_for_report();
  std::fflush(stdout);
  sched::sched_main_done();
}

}  // namespace gofer::runtime

namespace gofer {

namespace detail {

spawn_slot newproc(const char* name, std::size_t stack_size, std::size_t closure_size, std::size_t closure_align) {
  runtime::install_hooks();
  sched::g* gp = sched::newproc_prepare({.stack_size = stack_size, .name = name, .gopc = __builtin_return_address(0)},
                                        closure_size, closure_align);
  return {reinterpret_cast<newborn*>(gp), gp->entry_arg};
}

void newproc_start(newborn* gp, void (*entry)(void*)) { sched::newproc_start(reinterpret_cast<sched::g*>(gp), entry); }

void newproc_cancel(newborn* gp) { sched::newproc_cancel(reinterpret_cast<sched::g*>(gp)); }

void go_nil_func() { runtime::fatal("go of nil func value"); }

void run_main(const options& o, void (*main)(void*), void* arg) {
  runtime::install_hooks();
  runtime::run_scope scope;
  const runtime::knobs k = runtime::read_knobs(o);
  runtime::set_traceback_level(k.traceback);
  runtime::use_system_unwinder(k.system_unwinder != 0);
  if (k.lockcheck != 0) runtime::check_locks();
  sched::debug.schedtrace_ms.store(k.schedtrace_ms, std::memory_order_relaxed);
  sched::debug.scheddetail.store(k.scheddetail != 0, std::memory_order_relaxed);
  sched::debug.watchdog_ms.store(k.watchdog_ms, std::memory_order_relaxed);
  sched::debug.stackhigh.store(k.stackhigh != 0, std::memory_order_relaxed);
  sched::schedt* s = sched::sched_start(
      {.procs = k.maxprocs, .stack_size = k.stack_size, .max_threads = k.max_threads, .pinned = k.pinned});
  if (k.maxprocs > 0) sched::gomaxprocs(k.maxprocs);
  sched::sched_run_main(s, main, arg, __builtin_return_address(0));
  if (k.stackhigh != 0) sched::write_err(runtime::stack_depths());
  sched::sched_stop(s);
}

syscall_scope::syscall_scope() { sched::entersyscall(); }
syscall_scope::~syscall_scope() { sched::exitsyscall(); }

}  // namespace detail

void gosched() { sched::gosched(); }

void lock_os_thread() { sched::lock_os_thread(); }
void unlock_os_thread() { sched::unlock_os_thread(); }

pin::pin() { sched::pin_thread(); }
pin::~pin() { sched::unpin_thread(); }

int gomaxprocs(int n) { return sched::gomaxprocs(n); }

int num_goroutine() { return static_cast<int>(sched::gcount()); }

std::uint64_t goid() { return sched::getg()->goid; }

}  // namespace gofer
