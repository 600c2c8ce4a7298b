// A whole scheduler in a scenario: its workers and sysmon are threads of the schedule. And what goroutines and threads
// wait for each other with, built on the waist.
#pragma once

#include <functional>
#include <utility>

#include "explore.hpp"
#include "sched/futex.hpp"
#include "sched/park.hpp"
#include "sched/proc.hpp"
#include "sched/schedt.hpp"

namespace gofer::explore {

/// Starts a goroutine.
void go(std::function<void()> f);

/// Starts a scheduler with `procs` Ps, unless one runs. Watched all the time: no P is held twice. Watched when
/// everybody sleeps: nobody is runnable while a P is idle, and every timer has somebody who will wake up for it.
sched::schedt* start(int procs);

/// start, then main as goroutine 1, and the end of that scheduler.
void run(int procs, std::function<void()> main);

/// Set once, waited for by one.
class event {
 public:
  void set();
  void wait();

 private:
  sched::futex_mutex lock_;
  bool set_ = false;
  sched::g* waiter_ = nullptr;
};

/// Waited for by one until n are done.
class latch {
 public:
  explicit latch(int n) : left_(n) {}
  void done();
  void wait() { all_.wait(); }

 private:
  sched::futex_mutex lock_;
  int left_;
  event all_;
};

/// Parks the caller for so long.
void sleep_for(std::int64_t ns);

/// Far enough away for the watch to tell from soon.
inline constexpr std::int64_t hour = 3'600'000'000'000;

}  // namespace gofer::explore
