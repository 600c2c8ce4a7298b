// Who may use a descriptor: Go's fdMutex.
//
// The problem: close(2) while another thread is about to read would let that read hit whatever the number is given to
// next. Rejected: a plain mutex around each operation (a blocked read would keep close out), and closing only when the
// last handle goes (close() has to end blocked calls). The rule: one word counts the operations in progress, knows
// whether the descriptor is closed, and holds one lock for readers and one for writers, so that two writes do not
// interleave. The descriptor goes when it is closed and the last operation has left.
#pragma once

#include <atomic>
#include <cstdint>

#include "sched/futex.hpp"
#include "sched/g.hpp"

namespace gofer {
class context;
}

namespace gofer::runtime {

/// Goroutines that wait for one of an fdmutex's locks: a counting semaphore, first in first out.
class fdsema {
 public:
  /// False: ctx (null: none) was done first, and nothing was acquired.
  bool acquire(const context* ctx);
  void release();

 private:
  struct waiter {
    fdsema* sema;
    sched::g* gp;
    waiter* next = nullptr;
    bool queued = true;
    bool gave_up = false;
  };
  void push_locked(waiter* w);
  void give_up_locked(waiter* w);
  static sched::g* end_wait(void* arg);

  sched::futex_mutex lock_;
  std::uint32_t count_ = 0;
  waiter* first_ = nullptr;
  waiter* last_ = nullptr;
};

/// What asking for a lock came to.
enum class fd_entry : std::uint8_t { locked, closed, ended };

class fdmutex {
 public:
  /// Counts an operation that needs no lock. False: closed.
  bool incref();
  /// Forbids everything from now on, and counts the caller. False: closed already. Those who wait for a lock are let
  /// go.
  bool incref_and_close();
  /// True: the last one of a closed descriptor; the caller has to destroy it.
  bool decref();

  /// incref and the lock. Not so when it is closed, before or while it waited, or when ctx (null: none) is done and it
  /// would have to wait.
  fd_entry rlock(const context* ctx) { return lock(read_side, ctx); }
  bool runlock() { return unlock(read_side); }
  fd_entry wlock(const context* ctx) { return lock(write_side, ctx); }
  /// Like decref.
  bool wunlock() { return unlock(write_side); }

  /// Whether others than the caller, who is counted, are inside.
  bool others() const { return refs(state_.load(std::memory_order_acquire)) > 1; }

 private:
  struct side;
  static const side read_side;
  static const side write_side;

  fd_entry lock(const side& s, const context* ctx);
  bool leave_queue(const side& s);
  bool unlock(const side& s);
  static std::uint64_t refs(std::uint64_t state) { return state >> ref_shift & count_mask; }

  // closed | read locked | write locked | 20 bits of references | 20 bits each of waiting readers and writers
  static constexpr std::uint64_t closed_bit = 1;
  static constexpr int ref_shift = 3;
  static constexpr std::uint64_t count_mask = (std::uint64_t{1} << 20) - 1;
  static constexpr std::uint64_t one_ref = std::uint64_t{1} << ref_shift;

  std::atomic<std::uint64_t> state_{0};
  fdsema rsema_;
  fdsema wsema_;
};

struct fdmutex::side {
  std::uint64_t locked;
  std::uint64_t one_waiter;
  std::uint64_t waiters;
  fdsema fdmutex::*sema;
};

}  // namespace gofer::runtime
