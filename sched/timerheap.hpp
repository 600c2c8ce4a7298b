// A P's timers: a 4-ary min-heap on `when` behind a lock, each timer knowing its place, so that stopping is O(log n)
// without search.
//
// Rejected: Go's lazy deletion (a stopped timer stays until it surfaces: a server that arms a deadline per request and
// disarms it keeps thousands of dead entries), and a hierarchical wheel (coarse ticks, and a scan when idle).
// Four children per node halve the depth of a binary heap, and the children share a cache line (Go's time.go).
#pragma once

#include <cstdint>
#include <limits>
#include <vector>

#include "sched/atomic.hpp"
#include "sched/futex.hpp"
#include "sched/timer.hpp"

namespace gofer::sched {

inline constexpr std::int64_t never = std::numeric_limits<std::int64_t>::max();

class timerheap {
 public:
  /// When the earliest is due, `never` when there is none. Without the lock: may be outdated by the time it is read.
  std::int64_t first_when() const { return first_.load(std::memory_order_acquire); }

  /// Adds t; returns true when it became the earliest.
  bool add(timer* t, std::int64_t when, std::int64_t period);
  /// Takes t out if it is here.
  bool remove(timer* t);
  /// Moves t to another time if it is here. *earliest: it became the earliest.
  bool move(timer* t, std::int64_t when, std::int64_t period, bool* earliest);
  /// Runs what is due at `now`; returns how many ran.
  int run(std::int64_t now);
  /// Takes over all of another heap's timers, none of which is in no heap meanwhile. Only from a P that is retired to
  /// one that never is: who looks for a timer in a heap that it has left, looks again (timer.cpp), and would do so for
  /// ever if they went to and fro.
  void take(timerheap& from);
  /// Forgets every timer (the run is over), and tells those that want to know.
  void abandon();
  std::size_t size() const;
  /// Checks the invariants: heap order, and every timer's index. For tests.
  bool well_formed() const;

 private:
  struct entry {
    std::int64_t when;
    timer* t;
  };
  void sift_up(std::size_t i);
  void sift_down(std::size_t i);
  void place(std::size_t i, const entry& e);
  void erase_at(std::size_t i);
  void publish_first() {
    // release; pairs with the acquire in first_when
    first_.store(entries_.empty() ? never : entries_[0].when, std::memory_order_release);
  }

  atomic<std::int64_t> first_{never};
  mutable futex_mutex lock_;
  std::vector<entry> entries_;
};

}  // namespace gofer::sched
