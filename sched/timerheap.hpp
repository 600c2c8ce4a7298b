// A P's timers: a 4-ary min-heap on `when` behind a lock, each timer knowing its place, so that stopping is O(log n)
// without search.
//
// A timer knows its place by way of a slot: it keeps the slot's number, and the places stand in a table. What a step in
// the heap writes lies close together then. With the place in the timer itself each step wrote to some other
// goroutine's stack, and of 100,000 sleepers those are cache misses, eight of them for each that wakes.
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
  /// Checks the invariants: heap order, and every timer's place. For tests.
  bool well_formed() const;

 private:
  static constexpr std::uint32_t no_slot = std::numeric_limits<std::uint32_t>::max();
  struct entry {
    std::int64_t when;
    std::uint32_t slot;
  };
  void sift_up(std::size_t i);
  void sift_down(std::size_t i);
  void place(std::size_t i, const entry& e);
  void insert(timer* t, std::int64_t when);
  void erase_at(std::size_t i);
  void forget();
  void publish_first() {
    // release; pairs with the acquire in first_when
    first_.store(entries_.empty() ? never : entries_[0].when, std::memory_order_release);
  }

  atomic<std::int64_t> first_{never};
  mutable futex_mutex lock_;
  std::vector<entry> entries_;
  std::vector<std::uint32_t> place_;  // of a slot: the index of its entry; the next free slot when it is free
  std::vector<timer*> timer_;         // of a slot
  std::uint32_t free_slot_ = no_slot;
};

}  // namespace gofer::sched
