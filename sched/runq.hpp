// The local run queue: a ring of 256 goroutines that its owner fills and everybody may steal from, and a slot `next`.
//
// Rule (Go's proc.go, after Chase and Lev without the dequeue at the owner's end): only the owner writes tail and the
// slots; head moves by compare-and-swap, by the owner one at a time, by a thief half the ring at a time. A thief copies
// the goroutines out before it moves head: should the CAS fail, the copies were worthless and are forgotten. `next` is
// run before the ring and inherits the running goroutine's place: a goroutine that readies another and parks hands over
// at once. Thieves take it last, and only when they find nothing else.
//
// Invariants: tail - head <= 256 (both wrap); a slot in [head, tail) holds a goroutine in status runnable.
#pragma once

#include <array>
#include <cstdint>

#include "sched/atomic.hpp"
#include "sched/config.hpp"

namespace gofer::sched {

struct g;

class runq {
 public:
  /// Owner. False when the ring is full: the caller moves half of it to the global queue (runqputslow).
  bool push(g* gp) {
    const std::uint32_t head =
        head_.load(std::memory_order_acquire);  // acquire; pairs with the release CASes in pop and grab
    const std::uint32_t tail = tail_.load(std::memory_order_relaxed);
    if (tail - head >= runq_size) return false;
    slots_[tail % runq_size].store(gp, std::memory_order_relaxed);
    tail_.store(tail + 1, std::memory_order_release);  // release; pairs with the acquire in grab
    return true;
  }

  /// Owner. Oldest first; nullptr when empty.
  g* pop() {
    std::uint32_t head = head_.load(std::memory_order_relaxed);
    for (;;) {
      const std::uint32_t tail = tail_.load(std::memory_order_relaxed);
      if (tail == head) return nullptr;
      g* gp = slots_[head % runq_size].load(std::memory_order_relaxed);
      // release; pairs with the acquire in push. On failure head was refreshed: a thief was faster.
      if (head_.compare_exchange_weak(head, head + 1, std::memory_order_acq_rel, std::memory_order_relaxed)) return gp;
    }
  }

  /// Owner. Whom pop would return, or anything that once lay in that slot: for a prefetch, which no wrong address
  /// harms.
  const void* glance() const {
    return slots_[head_.load(std::memory_order_relaxed) % runq_size].load(std::memory_order_relaxed);
  }

  /// Owner. Puts gp into the slot and returns whom it held. seq_cst: a waker stores here and then reads npidle, a
  /// worker that gives up raises npidle and then reads here, in empty() (wake.cpp).
  g* exchange_next(g* gp) { return next_.exchange(gp, std::memory_order_seq_cst); }

  /// Owner or thief. Takes what the slot holds.
  g* take_next() {
    g* gp = next_.load(std::memory_order_relaxed);
    if (gp == nullptr) return nullptr;
    // Only the owner ever stores non-null, so a failed CAS means that a thief took it: no retry.
    return next_.compare_exchange_strong(gp, nullptr, std::memory_order_acq_rel, std::memory_order_relaxed) ? gp
                                                                                                            : nullptr;
  }
  g* peek_next() const { return next_.load(std::memory_order_relaxed); }

  /// Owner, ring full. Takes half of it into out (room for 129 with the caller's own); returns how many, 0 when a thief
  /// was faster.
  std::uint32_t take_half(g** out);

  /// Thief. Takes half of the ring (rounded up) into `out`; 0 when there was nothing.
  std::uint32_t grab(std::array<g*, runq_size / 2>& out);

  bool empty() const;
  std::uint32_t size() const {
    const std::uint32_t head = head_.load(std::memory_order_acquire);
    return tail_.load(std::memory_order_acquire) - head;
  }

 private:
  atomic<std::uint32_t> head_{0};
  atomic<std::uint32_t> tail_{0};
  atomic<g*> next_{nullptr};
  std::array<atomic<g*>, runq_size> slots_{};
};

}  // namespace gofer::sched
