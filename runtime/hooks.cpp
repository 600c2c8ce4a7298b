#include "runtime/hooks.hpp"

#include <atomic>
#include <exception>
#include <mutex>

#include "runtime/dumps.hpp"
#include "runtime/local.hpp"
#include "runtime/panic.hpp"
#include "runtime/sema.hpp"
#include "runtime/unwind/walk.hpp"
#include "sched/fatal.hpp"
#include "sched/park.hpp"
#include "sched/proc.hpp"

namespace gofer::runtime {

namespace {

std::atomic<bool> installed{false};
std::atomic<bool> running{false};

}  // namespace

void install_hooks() {
  if (installed.load(std::memory_order_acquire)) return;
  static std::once_flag once;
  std::call_once(once, [] {
    sched::hooks.entry = goroutine_main;
    sched::hooks.print_traceback = print_traceback;
    sched::hooks.release_pool = release_defer_pool;
    sched::hooks.plain_exit = plain_thread_exits;
    sched::hooks.fault = on_fault;
    sched::hooks.before_fork = lock_all_roots;
    sched::hooks.after_fork = unlock_all_roots;
    sched::hooks.in_child = [] { running.store(false, std::memory_order_relaxed); };
    sched::hooks.report_hog = report_hog;
    sched::hooks.report_quit = report_quit;
    std::set_terminate(on_terminate);
    installed.store(true, std::memory_order_release);
  });
}

namespace {

// func, defer and recover work on plain threads before anything has been started.
const struct at_load {
  at_load() {
    install_hooks();
    sched::install_signal_handlers();
    wake_second_unwinder();
  }
} hooks_at_load;

}  // namespace

void plain_thread_exits(sched::g* gp) {
  destroy_locals(gp);
  while (gp->_panic != nullptr) pop_panic(gp);
  while (gp->vehicles != nullptr) pop_vehicle(gp, gp->vehicles);
  forget_rethrown(gp);
}

run_scope::run_scope() {
  if (!sched::getm()->plain) fatal("gofer::run called from a goroutine");
  if (running.exchange(true, std::memory_order_acq_rel)) fatal("gofer::run called while another run is under way");
}

run_scope::~run_scope() { running.store(false, std::memory_order_release); }

}  // namespace gofer::runtime
