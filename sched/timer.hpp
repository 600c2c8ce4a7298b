// Timers: what sleeps, deadlines, time-outs and tickers are made of.
//
// A timer lies in the heap of the P on which it was started; whoever schedules on that P, or looks for work, runs what
// is due. No thread of their own.
#pragma once

#include <cstdint>

#include "sched/atomic.hpp"

namespace gofer::sched {

class timerheap;

/// Intrusive; the owner provides the storage and keeps it until the timer has fired or timer_stop answered.
/// f runs on a scheduler or goroutine stack with no lock held and must not park; it may free the timer (one that does
/// not repeat).
struct timer {
  using callback = void (*)(timer* t, void* arg);

  callback f = nullptr;
  void* arg = nullptr;
  std::int64_t when = 0;             // nanotime(); written under the heap's lock while in a heap
  std::int64_t period = 0;           // 0: fires once
  atomic<timerheap*> heap{nullptr};  // in which heap, nullptr when in none
  std::uint32_t slot = 0;            // which of its slots
  callback dropped = nullptr;        // called instead of f when the run ends with t armed; for who must free something
};

/// Arms t for `when` (nanotime), then every `period` ns if that is > 0. t must be in no heap. Callable from every
/// thread.
void timer_start(timer* t, std::int64_t when, std::int64_t period = 0);

/// Disarms t. True: it was armed and f will not run any more for it. False: it was not armed, or f has begun or is
/// about to.
bool timer_stop(timer* t);

/// timer_stop and timer_start in one step; returns what timer_stop would. The caller serializes resets of the same
/// timer.
bool timer_reset(timer* t, std::int64_t when, std::int64_t period = 0);

}  // namespace gofer::sched
