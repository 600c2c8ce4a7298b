// A channel inside: a ring of elements, and two queues of those who wait.
//
// Invariants (under the lock):
//   - Of sendq and recvq at most one is not empty, but for a select that waits on both sides of one channel.
//   - recvq not empty: qcount == 0.
//   - sendq not empty: the buffer is full, or `granting`.
// Closed, and a closed channel's queues are empty.
//
// The problem with Go's algorithm in C++ is that moving an element may be user code, which may throw, panic, park, or
// use this very channel, and the lock is a futex on which threads block. Rejected: a box per element (an allocation per
// send); slots that are claimed under the lock and filled outside (a try_recv beside a try_send would find the same
// channel both empty and full). The rule:
//   - Hand-over between two goroutines happens after the lock is released: who was dequeued belongs to who dequeued
//   him.
//     Does the move fail, he is woken to try again, and the exception goes to who ran it.
//   - The ring of elements that need user code is guarded by a lock that parks (the same as gofer::mutex) instead of
//   the
//     futex. An element's move may block; it may not use the channel it moves through.
//   - A receiver that frees a slot for a waiting sender moves the sender's element in as Go does, unless that may fail:
//   then
//     the failure would hit the receiver, who has his value already. Such a sender is granted the next move, wakes up
//     and moves by himself; meanwhile (`granting`) all others queue behind those who wait, so first come is still first
//     served.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <gofer/detail/hchan.hpp>

#include "runtime/mutex.hpp"
#include "sched/futex.hpp"
#include "sched/g.hpp"

namespace gofer::detail {
struct timer_state;
}

namespace gofer::runtime {

struct hchan;

/// Why a waiter was woken. Written by the waker before goready.
enum class wake : std::uint8_t {
  done,     // the value was handed over
  closed,   // the channel was closed
  again,    // the hand-over failed: start over
  granted,  // this sender's turn, and nobody else's: end the grant and start over
};

enum class waiter_kind : std::uint8_t {
  one,            // waits for this alone
  select,         // others may have woken gp for another case: win gp->select_done first
  watches_close,  // waits for something else, and is told when this channel, on which nobody sends, is closed
};

/// One goroutine in one channel's queue. Lies on the waiter's stack.
struct sudog {
  sched::g* gp;
  sudog* next;
  sudog* prev;
  union {
    void* elem;                      // what to send, or where to receive
    void (*on_closed)(sudog* self);  // watches_close: called without locks; wakes gp if need be
  };
  waiter_kind kind;
  bool queued;  // under the channel's lock
  wake why;
};

/// First in, first out; a select leaves from the middle.
class waitq {
 public:
  /// For looking without the lock: only whether it is null means anything then.
  bool empty() const { return first_.load(std::memory_order_acquire) == nullptr; }

  void enqueue(sudog* sg) {
    sg->next = nullptr;
    sg->prev = last_;
    sg->queued = true;
    if (last_ == nullptr) {
      first_.store(sg, std::memory_order_relaxed);
    } else {
      last_->next = sg;
    }
    last_ = sg;
  }

  /// The first who can be woken, who then belongs to the caller; nullptr when there is none. Selects that were won by
  /// another case, and goroutines of a run() that is over, are dropped.
  sudog* dequeue();

  /// How many wait, under the lock. For tests.
  std::size_t length() const {
    std::size_t n = 0;
    for (const sudog* sg = first_.load(std::memory_order_relaxed); sg != nullptr; sg = sg->next) n++;
    return n;
  }

  /// Takes sg out if it is still in.
  void remove(sudog* sg) {
    if (!sg->queued) return;
    sg->queued = false;
    if (sg->prev == nullptr) {
      first_.store(sg->next, std::memory_order_relaxed);
    } else {
      sg->prev->next = sg->next;
    }
    if (sg->next == nullptr) {
      last_ = sg->prev;
    } else {
      sg->next->prev = sg->prev;
    }
  }

 private:
  std::atomic<sudog*> first_{nullptr};
  sudog* last_ = nullptr;
};

// What is atomic is read without the lock by those who will not wait (relaxed: they come back with the lock, or may
// answer for any moment of their call), and written under it.
struct hchan : detail::hchan {
  std::atomic<bool> closed{false};
  bool parking = false;  // guarded by `plock`, not `flock`: has a ring, and elements that need user code
  sched::futex_mutex flock;
  std::atomic<std::uint32_t> plock{0};  // a gofer::mutex's state
  std::uint32_t elemsize = 0;
  std::uint32_t align = 0;
  const detail::elem_ops* ops = nullptr;
  std::byte* buf = nullptr;
  std::size_t dataqsiz = 0;
  std::atomic<std::size_t> qcount{0};
  bool granting = false;  // a sender was granted the next move and has not made it yet
  std::size_t sendx = 0;
  std::size_t recvx = 0;
  detail::timer_state* timer = nullptr;  // the timer that sends on it: see runtime/time_timer.hpp. Never changes
  waitq recvq;
  waitq sendq;

  void lock(sched::wait_reason reason) {
    if (__builtin_expect(parking, 0)) {
      mutex_lock(&plock, reason);
    } else {
      flock.lock();
    }
  }
  void unlock() {
    if (__builtin_expect(parking, 0)) {
      mutex_unlock(&plock);
    } else {
      flock.unlock();
    }
  }

  std::byte* slot(std::size_t i) const { return buf + i * elemsize; }
  std::size_t next_slot(std::size_t i) const { return i + 1 == dataqsiz ? 0 : i + 1; }
  bool room() const { return qcount.load(std::memory_order_relaxed) < dataqsiz; }
  void add_qcount(std::size_t delta) {
    qcount.store(qcount.load(std::memory_order_relaxed) + delta, std::memory_order_relaxed);
  }

  // Whether a send, or a receive, can go on now. Without the lock, exact for some moment of the call when it says no: a
  // closed channel stays closed, so "not closed" read before "full", or after "empty", holds for both (Go's chan.go).
  // The acquires keep the two reads in order.
  bool may_send() const {
    if (closed.load(std::memory_order_acquire)) return true;
    return dataqsiz == 0 ? !recvq.empty() : qcount.load(std::memory_order_relaxed) < dataqsiz;
  }
  bool may_recv() const {
    const bool something = dataqsiz == 0 ? !sendq.empty() : qcount.load(std::memory_order_acquire) > 0;
    return something || closed.load(std::memory_order_relaxed);
  }
};

inline hchan* full(detail::hchan* c) { return static_cast<hchan*>(c); }

/// Copies an element that needs no code of its own. Small sizes at once: a call of memcpy costs as much as the rest.
inline void copy_elem(void* to, const void* from, std::uint32_t size) {
  if (__builtin_expect(size == 8, 1)) {
    std::memcpy(to, from, 8);
    return;
  }
  switch (size) {
    case 0:
      return;
    case 1:
      std::memcpy(to, from, 1);
      return;
    case 4:
      std::memcpy(to, from, 4);
      return;
    case 16:
      std::memcpy(to, from, 16);
      return;
    default:
      std::memcpy(to, from, size);
  }
}

/// What a try under the lock came to.
enum class attempt : std::uint8_t { done, closed, blocked };

/// With c locked. done, or closed: unlocked; blocked: still locked. Exceptions of the element's move come through,
/// unlocked.
attempt send_locked(hchan* c, void* elem);
attempt recv_locked(hchan* c, void* to);

/// A granted sender ends the grant, with c locked, and makes its move before it leaves the lock.
inline void ungrant_locked(hchan* c) { c->granting = false; }

[[noreturn]] void panic_send_on_closed();

/// Send, receive without waiting, and close, for who holds a lock of the runtime: a goroutine that has lost its P goes
/// on without (the functions of detail:: wait for one first). With the lock held it must not wait: the P may be with a
/// worker that runs a timer, and wants that lock.
bool chan_offer(hchan* c, void* elem);
detail::recv_result chan_take(hchan* c, void* to);
void chan_close(hchan* c);

}  // namespace gofer::runtime
