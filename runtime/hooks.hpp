// What runtime/ gives sched/ (sched/fatal.hpp, hooks_t), and who may run.
#pragma once

#include "sched/g.hpp"

namespace gofer::sched {
struct p;
}

namespace gofer::runtime {

/// Fills sched::hooks and installs the terminate handler, once. Any thread.
void install_hooks();

/// A goroutine's whole life: hooks.entry.
void goroutine_main(sched::g* gp);

/// hooks.fault: turns a synchronous signal into a panic by rewriting the context, or says false.
bool on_fault(int sig, void* info, void* context);

/// hooks.print_traceback.
void print_traceback(sched::g* gp, bool all);

/// hooks.release_pool.
void release_defer_pool(sched::p* pp);

/// hooks.plain_exit.
void plain_thread_exits(sched::g* gp);

/// std::set_terminate's.
[[noreturn]] void on_terminate();

/// Exists while a run() is under way; fatal when another one exists or the thread is a goroutine's.
class run_scope {
 public:
  run_scope();
  ~run_scope();
  run_scope(const run_scope&) = delete;
  run_scope& operator=(const run_scope&) = delete;
};

}  // namespace gofer::runtime
