// The mutex, in Go's two modes.
//
// Normal: who unlocks wakes the first in the queue, but does not give him the lock: he competes with newcomers, who are
// already running and usually win. That is fast (the lock is not idle while somebody is being scheduled) and unfair. A
// waiter who has lost for a millisecond makes the mutex starving: now every unlock hands the lock over to the first in
// the queue, and newcomers queue up without trying. Who gets it that way and is the last one, or has waited less than
// that millisecond, ends the mode.
//
// Where this differs from Go's mutex.go: the queue's state is in the word (mutex_waiting), not a count beside a
// semaphore, and unlocking with waiters changes the word once, under the lock of the address's root, as its last look
// at the mutex. Whoever gets the lock may destroy it (see sema.hpp).
//
// Memory: every change that takes the lock acquires, every one that gives it up releases; a hand-over synchronizes
// through goready.
#include "runtime/mutex.hpp"

#include <unistd.h>

#include "runtime/lockcheck.hpp"
#include "runtime/panic.hpp"
#include "runtime/sema.hpp"
#include "runtime/timedpark.hpp"
#include "sched/clock.hpp"
#include "sched/fatal.hpp"
#include "sched/keep_p.hpp"
#include "sched/park.hpp"
#include "sched/schedt.hpp"

namespace gofer::runtime {

namespace {

using detail::mutex_locked;
using detail::mutex_starving;
using detail::mutex_waiting;
using detail::mutex_woken;

// Go's: the order of a scheduler's time slice, far above what a fair queue would make anybody wait.
constexpr std::int64_t starvation_ns = 1'000'000;

// Spinning pays while it is shorter than parking and waking up. For a goroutine those are some fifty nanoseconds, and
// whoever spins takes the word's cache line away from the owner again and again: eight on two processors took 13 ns an
// operation with one look after ten pauses, 20 with Go's four after thirty, 33 with eight (Go: 15). A thread's are
// microseconds, and Go's 120 pauses right.
constexpr int spin_pauses = 10;
constexpr int goroutine_spins = 1;
constexpr int thread_spins = 12;

bool many_processors() {
  static const bool many = ::sysconf(_SC_NPROCESSORS_ONLN) > 1;
  return many;
}

/// Queues w unless the lock came free; false then.
bool queue_up(std::atomic<std::uint32_t>* state, semroot& root, semwaiter* w, bool starving, bool awoke) {
  root.lock.lock();
  std::uint32_t old = state->load(std::memory_order_relaxed);
  for (;;) {
    if ((old & (mutex_locked | mutex_starving)) == 0) {
      root.lock.unlock();
      return false;
    }
    std::uint32_t next = old | mutex_waiting;
    if (starving) next |= mutex_starving;
    if (awoke) next &= ~mutex_woken;
    if (state->compare_exchange_weak(old, next, std::memory_order_relaxed)) break;
  }
  const bool again = w->since != 0;
  if (!again) w->since = sched::nanotime();
  w->gp = sched::getg();
  root.queue(state, w, again);
  return true;
}

/// Gives the lock up; true when it went straight to a waiter.
bool unlock_slow(std::atomic<std::uint32_t>* state) {
  std::uint32_t old = state->load(std::memory_order_relaxed);
  for (;;) {
    if ((old & mutex_locked) == 0) fatal("sync: unlock of unlocked mutex");
    const bool nobody_to_wake = (old & mutex_waiting) == 0 || (old & mutex_woken) != 0;
    if ((old & mutex_starving) != 0 || !nobody_to_wake) break;
    if (state->compare_exchange_weak(old, old & ~mutex_locked, std::memory_order_release, std::memory_order_relaxed)) {
      return false;
    }
  }
  semroot& root = semroot_of(state);
  root.lock.lock();
  semwaiter* const first = root.first(state);
  const bool more = first != nullptr && first->next != nullptr;
  const bool starved = first != nullptr && (state->load(std::memory_order_relaxed) & mutex_starving) != 0;
  const bool still_starving = starved && more && sched::nanotime() - first->since > starvation_ns;
  old = state->load(std::memory_order_relaxed);
  semwaiter* woken;
  for (;;) {
    woken = first;
    std::uint32_t next = old & ~mutex_starving;
    if (!more) next &= ~mutex_waiting;
    if (still_starving) next |= mutex_starving;
    if (!starved) {
      next &= ~mutex_locked;
      if (first != nullptr) {
        if ((old & mutex_woken) != 0) {
          woken = nullptr;  // somebody began to spin meanwhile
          next |= mutex_waiting;
        }
        next |= mutex_woken;
      }
    }
    if (state->compare_exchange_weak(old, next, std::memory_order_release, std::memory_order_relaxed)) break;
  }
  // The mutex may be gone from here on, unless `woken` holds it.
  if (woken != nullptr) {
    root.remove(woken);
    woken->handoff = starved;
  }
  root.lock.unlock();
  if (woken != nullptr) sched::goready(woken->gp);
  return starved;
}

}  // namespace

bool can_spin(int tries) {
  if (tries >= thread_spins || !many_processors()) return false;
  sched::m* mp = sched::getm();
  const sched::keep_p keep(mp);
  const sched::p* pp = mp->pp;
  if (pp == nullptr) return true;  // a plain thread has nothing better to do
  if (tries >= goroutine_spins) return false;
  // Whoever holds the lock must be running on another processor for this to make sense, and nobody must be waiting for
  // ours.
  const sched::schedt* s = pp->sched;
  const std::int32_t busy = s->nprocs.load(std::memory_order_relaxed) - s->npidle.load(std::memory_order_relaxed) -
                            s->nmspinning.load(std::memory_order_relaxed);
  return busy > 1 && pp->rq.empty();
}

void do_spin() {
  for (int i = 0; i < spin_pauses; i++) sched::cpu_relax();
}

bool mutex_lock_slow(std::atomic<std::uint32_t>* state, sched::wait_reason reason, detail::wait_limit limit) {
  limit.ns == 0 ? sched::rejoin_here() : sched::rejoin();
  semroot& root = semroot_of(state);
  semwaiter w;
  const std::int64_t begun = limit.ns > 0 ? sched::nanotime() : 0;
  bool starving = false;
  bool awoke = false;  // the woken bit is ours to clear
  int spins = 0;
  std::uint32_t old = state->load(std::memory_order_relaxed);
  for (;;) {
    if ((old & (mutex_locked | mutex_starving)) == mutex_locked && can_spin(spins)) {
      // Tell the owner not to wake anybody: we are here.
      if (!awoke && (old & (mutex_woken | mutex_waiting)) == mutex_waiting &&
          state->compare_exchange_strong(old, old | mutex_woken, std::memory_order_relaxed)) {
        awoke = true;
      }
      do_spin();
      spins++;
      old = state->load(std::memory_order_relaxed);
      continue;
    }
    if ((old & (mutex_locked | mutex_starving)) == 0) {
      GOFER_CHECK(!awoke || (old & mutex_woken) != 0, "sync: inconsistent mutex state");
      const std::uint32_t next = (awoke ? old & ~mutex_woken : old) | mutex_locked;
      // acquire; pairs with the releases in mutex_unlock_fast and unlock_slow
      if (state->compare_exchange_weak(old, next, std::memory_order_acquire, std::memory_order_relaxed)) return true;
      continue;
    }
    const std::int64_t left = limit.ns > 0 ? limit.ns - (sched::nanotime() - begun) : limit.ns;
    if (limit.ns >= 0 && left <= 0) {
      // It is locked: whoever has it will wake another, unless it sees that we are awake.
      if (!awoke ||
          state->compare_exchange_weak(old, old & ~mutex_woken, std::memory_order_relaxed, std::memory_order_relaxed)) {
        return false;
      }
      continue;
    }
    if (queue_up(state, root, &w, starving, awoke)) {
      awoke = false;
      park_at(root, w, {left, limit.done}, reason);
      if (w.handoff) return true;
      // What it left behind (the waiting bit, the starving one) the next unlock finds out to be untrue.
      if (w.timed_out) return false;
      starving = starving || sched::nanotime() - w.since > starvation_ns;
      awoke = true;
      spins = 0;
    }
    old = state->load(std::memory_order_relaxed);
  }
}

void mutex_unlock_slow(std::atomic<std::uint32_t>* state) { unlock_slow(state); }

}  // namespace gofer::runtime

namespace gofer::detail {

constinit std::atomic<std::uint32_t> lock_word_free{0};

namespace {

runtime::checked_lock checked(std::atomic<std::uint32_t>* state) {
  return {runtime::lock_id_in(state, mutex_id_shift), state, "mutex"};
}

}  // namespace

bool mutex_lock_slow(std::atomic<std::uint32_t>* state, wait_limit limit) {
  const bool check = runtime::lockcheck_on();
  if (check && limit.ns < 0) runtime::lock_wanted(checked(state));
  const bool locked = runtime::mutex_lock_slow(state, sched::wait_reason::sync_mutex_lock, limit);
  if (check && locked) runtime::lock_taken(checked(state));
  return locked;
}

bool mutex_try_slow(std::atomic<std::uint32_t>* state) {
  std::uint32_t old = state->load(std::memory_order_relaxed);
  while ((old & (mutex_locked | mutex_starving)) == 0) {
    // acquire; pairs with the releases in mutex_unlock_fast and unlock_slow
    if (state->compare_exchange_weak(old, old | mutex_locked, std::memory_order_acquire, std::memory_order_relaxed)) {
      if (runtime::lockcheck_on()) runtime::lock_taken(checked(state));
      return true;
    }
  }
  return false;
}

void mutex_unlock_slow(std::atomic<std::uint32_t>* state) {
  if (runtime::lockcheck_on()) runtime::lock_given_up(checked(state));
  // Who was handed the lock is next on this processor: let him run at once, or the lock is held by nobody who runs
  // (Go's semrelease with handoff).
  if (runtime::unlock_slow(state)) sched::gosched();
}

}  // namespace gofer::detail
