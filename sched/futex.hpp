// futex(2), and the two ways in which threads of the runtime wait for each other: a mutex and a one-shot note.
//
// Both block the thread, not the goroutine. They are for sections of some tens of instructions that cannot park. Why
// not std::mutex: the section may be left on another goroutine's stack (a parking goroutine's lock is released by
// whoever runs next on the thread), which is the same thread, but a word is also four bytes instead of forty, and a
// note needs the futex.
#pragma once

#include <cstdint>

#include "sched/atomic.hpp"
#include "sched/relax.hpp"

namespace gofer::sched {

/// Sleeps while *word == expected, at most ns nanoseconds (ns < 0: for ever). Spurious returns are possible.
void futex_wait(atomic<std::uint32_t>* word, std::uint32_t expected, std::int64_t ns = -1);
void futex_wake(atomic<std::uint32_t>* word, int count);

/// A mutex of one word: 0 free, 1 held, 2 held and somebody may sleep (Drepper, "Futexes are tricky", mutex2; Go's
/// lock_futex.go). Not recursive, not fair. Named `lock`/`unlock` so that std::lock_guard works.
class futex_mutex {
 public:
  void lock() {
    std::uint32_t free_word = 0;
    // acquire; pairs with the release in unlock
    if (!word_.compare_exchange_strong(free_word, 1, std::memory_order_acquire, std::memory_order_relaxed)) lock_slow();
  }
  bool try_lock() {
    std::uint32_t free_word = 0;
    return word_.compare_exchange_strong(free_word, 1, std::memory_order_acquire, std::memory_order_relaxed);
  }
  void unlock() {
    // release; pairs with the acquire in lock
    if (word_.exchange(0, std::memory_order_release) == 2) futex_wake(&word_, 1);
  }
  bool held() const { return word_.load(std::memory_order_relaxed) != 0; }

 private:
  void lock_slow();
  atomic<std::uint32_t> word_{0};
};

/// A one-shot event, Go's note: wakeup() may come before sleep(), at most once between clear()s.
class note {
 public:
  void clear() { word_.store(0, std::memory_order_relaxed); }
  void wakeup() {
    // release; pairs with the acquire in sleep
    word_.store(1, std::memory_order_release);
    futex_wake(&word_, 1);
  }
  void sleep() {
    while (word_.load(std::memory_order_acquire) == 0) futex_wait(&word_, 0);
  }
  /// True when woken, false when ns nanoseconds went by first.
  bool sleep_for(std::int64_t ns);
  bool signalled() const { return word_.load(std::memory_order_acquire) != 0; }

 private:
  atomic<std::uint32_t> word_{0};
};

}  // namespace gofer::sched
