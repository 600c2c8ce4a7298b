// The readers-writer lock. Go's rules: a waiting writer holds back new readers, so writers do not starve; a writer who
// leaves lets in all readers who waited for him before the next writer, so readers do not starve either.
//
// Go builds it of a mutex for writers, two semaphores and two counters, and touches them after the lock has been given
// up. Here it is one word and two queues at one root (see sema.hpp for why), writers among themselves being treated as
// mutex.cpp does: barging, a millisecond until starvation, then hand-over.
//
// Invariant: rw_waiting set means that somebody will look at the queues: the writer inside, the last reader inside, or
// a writer who was woken (rw_woken) and will be inside or queue again.
#include <gofer/detail/shared_mutex.hpp>

#include "runtime/lockcheck.hpp"
#include "runtime/mutex.hpp"
#include "runtime/panic.hpp"
#include "runtime/sema.hpp"
#include "runtime/timedpark.hpp"
#include "sched/clock.hpp"
#include "sched/park.hpp"

namespace gofer::detail {

namespace {

using runtime::ready_waiters;
using runtime::semroot;
using runtime::semroot_of;
using runtime::semwaiter;
using sched::wait_reason;

constexpr std::int64_t starvation_ns = 1'000'000;  // mutex.cpp

// Writers wait on the word, readers on the byte behind its first: the same root.
const void* writers_of(const std::atomic<std::uint32_t>* state) { return state; }
const void* readers_of(const std::atomic<std::uint32_t>* state) { return reinterpret_cast<const char*>(state) + 1; }

bool reader_may_enter(std::uint32_t old) { return (old & (rw_writer | rw_waiting | rw_starving)) == 0; }
bool writer_may_enter(std::uint32_t old) { return (old & (rw_writer | rw_starving)) == 0 && old < rw_reader; }

/// Takes all waiting readers out, as a list linked by `next`.
semwaiter* take_readers(semroot& root, const std::atomic<std::uint32_t>* state, std::uint32_t* count) {
  semwaiter* first = nullptr;
  semwaiter** end = &first;
  *count = 0;
  while (semwaiter* w = root.dequeue(readers_of(state))) {
    w->handoff = true;
    *end = w;
    end = &w->next;
    ++*count;
  }
  *end = nullptr;
  return first;
}

/// What is left of the flags when `taken`, the writers' first, gets the lock by hand-over.
std::uint32_t flags_after_handoff(semroot& root, const std::atomic<std::uint32_t>* state, const semwaiter* taken,
                                  std::uint32_t old) {
  std::uint32_t next = old & ~(rw_waiting | rw_starving);
  if (taken->next != nullptr || root.first(readers_of(state)) != nullptr) next |= rw_waiting;
  if (taken->next != nullptr && (old & rw_starving) != 0 && sched::nanotime() - taken->since > starvation_ns) {
    next |= rw_starving;
  }
  return next;
}

/// With the root locked and the lock ours to give: lets in who is next, unlocks the root. `mine` is what the caller
/// holds (rw_writer or rw_reader), given up in the same step. True: a writer was handed the lock.
bool pass_on(semroot& root, std::atomic<std::uint32_t>* state, std::uint32_t mine, bool writers_first) {
  std::uint32_t readers = 0;
  semwaiter* writer = root.first(writers_of(state));
  semwaiter* admitted = nullptr;
  if (!writers_first || writer == nullptr) admitted = take_readers(root, state, &readers);
  std::uint32_t old = state->load(std::memory_order_relaxed);
  bool handed;
  for (;;) {
    handed = false;
    std::uint32_t next;
    semwaiter* woken = writer;
    if (admitted != nullptr) {
      next = old - mine + readers * rw_reader;
      if (writer == nullptr) next &= ~(rw_waiting | rw_starving);
      woken = nullptr;
    } else if (writer == nullptr) {
      next = (old - mine) & ~(rw_waiting | rw_starving);
    } else if (mine == rw_reader && old - mine >= rw_reader) {
      // Not the last reader any more: those came in whom a writer held back that gave up.
      next = old - mine;
      woken = nullptr;
    } else if (writers_first || (old & rw_starving) != 0) {
      next = (flags_after_handoff(root, state, writer, old) - mine) | rw_writer;
      handed = true;
    } else if ((old & rw_woken) != 0) {
      next = old - mine;
      woken = nullptr;
    } else {
      next = (old - mine) | rw_woken;
      if (writer->next == nullptr) next &= ~rw_waiting;
    }
    // release; pairs with the acquires of who enters by himself. acquire; pairs with the releases of the readers who
    // left before the last one: who is handed the lock by him is ordered after all of them.
    if (state->compare_exchange_weak(old, next, std::memory_order_acq_rel, std::memory_order_relaxed)) {
      writer = woken;
      break;
    }
  }
  // The mutex may be gone from here on, unless somebody let in here holds it.
  if (writer != nullptr) {
    root.remove(writer);
    writer->handoff = handed;
    writer->next = nullptr;
    admitted = writer;
  }
  root.lock.unlock();
  ready_waiters(admitted);
  return handed;
}

/// A writer has left the queue without the lock: readers must not wait for it any longer.
void admit_held_back(semroot& root, std::atomic<std::uint32_t>* state) {
  root.lock.lock();
  // As a reader of a moment, so that no writer comes in before them. A writer inside, or the next in the queue, sees to
  // them himself.
  bool inside = false;
  if (root.first(writers_of(state)) == nullptr) {
    std::uint32_t old = state->load(std::memory_order_relaxed);
    while ((old & rw_writer) == 0 && !inside) {
      // acquire; pairs with the release of the last writer
      inside = state->compare_exchange_weak(old, old + rw_reader, std::memory_order_acquire, std::memory_order_relaxed);
    }
  }
  if (inside) {
    pass_on(root, state, rw_reader, true);
  } else {
    root.lock.unlock();
  }
}

std::int64_t time_left(wait_limit limit, std::int64_t begun) {
  return limit.ns > 0 ? limit.ns - (sched::nanotime() - begun) : limit.ns;
}

bool lock_slow(std::atomic<std::uint32_t>* state, wait_limit limit) {
  limit.ns == 0 ? sched::rejoin_here() : sched::rejoin();
  semroot& root = semroot_of(state);
  semwaiter w;
  const std::int64_t begun = limit.ns > 0 ? sched::nanotime() : 0;
  bool starving = false;
  bool awoke = false;
  int spins = 0;
  std::uint32_t old = state->load(std::memory_order_relaxed);
  for (;;) {
    if (writer_may_enter(old)) {
      const std::uint32_t next = (awoke ? old & ~rw_woken : old) | rw_writer;
      // acquire; pairs with the releases of whoever was inside
      if (state->compare_exchange_weak(old, next, std::memory_order_acquire, std::memory_order_relaxed)) return true;
      continue;
    }
    const std::int64_t left = time_left(limit, begun);
    if (limit.ns >= 0 && left <= 0) {
      // Somebody is inside: he will look at the queues, unless he sees that we are awake.
      if (!awoke || state->compare_exchange_weak(old, old & ~rw_woken, std::memory_order_relaxed)) return false;
      continue;
    }
    if ((old & (rw_writer | rw_starving)) == rw_writer && runtime::can_spin(spins)) {
      runtime::do_spin();
      spins++;
      old = state->load(std::memory_order_relaxed);
      continue;
    }
    root.lock.lock();
    bool queue = true;
    old = state->load(std::memory_order_relaxed);
    for (;;) {
      queue = !writer_may_enter(old);
      std::uint32_t next = old | rw_waiting;
      if (starving) next |= rw_starving;
      if (awoke) next &= ~rw_woken;
      if (!queue || state->compare_exchange_weak(old, next, std::memory_order_relaxed)) break;
    }
    if (!queue) {
      root.lock.unlock();
      continue;
    }
    awoke = false;
    const bool again = w.since != 0;
    if (!again) w.since = sched::nanotime();
    w.gp = sched::getg();
    root.queue(writers_of(state), &w, again);
    // Go's writers queue behind each other at a sync.Mutex, and only the first of them waits for the readers.
    runtime::park_at(root, w, {left, limit.done},
                     (old & rw_writer) != 0 ? wait_reason::sync_mutex_lock : wait_reason::sync_rwmutex_lock);
    if (w.handoff) return true;
    if (w.timed_out) {
      admit_held_back(root, state);
      return false;
    }
    starving = starving || sched::nanotime() - w.since > starvation_ns;
    awoke = true;
    spins = 0;
    old = state->load(std::memory_order_relaxed);
  }
}

bool try_lock(std::atomic<std::uint32_t>* state) {
  std::uint32_t old = state->load(std::memory_order_relaxed);
  while (writer_may_enter(old)) {
    // acquire; pairs with the releases of whoever was inside
    if (state->compare_exchange_weak(old, old | rw_writer, std::memory_order_acquire, std::memory_order_relaxed))
      return true;
  }
  return false;
}

void unlock_slow(std::atomic<std::uint32_t>* state) {
  std::uint32_t old = state->load(std::memory_order_relaxed);
  do {
    if ((old & rw_writer) == 0) runtime::fatal("sync: Unlock of unlocked RWMutex");
    if ((old & rw_waiting) != 0) {
      semroot& root = semroot_of(state);
      root.lock.lock();
      if (pass_on(root, state, rw_writer, false)) sched::gosched();
      return;
    }
  } while (!state->compare_exchange_weak(old, old & ~rw_writer, std::memory_order_release, std::memory_order_relaxed));
}

bool lock_shared_slow(std::atomic<std::uint32_t>* state, wait_limit limit) {
  limit.ns == 0 ? sched::rejoin_here() : sched::rejoin();
  semroot& root = semroot_of(state);
  int spins = 0;
  std::uint32_t old = state->load(std::memory_order_relaxed);
  for (;;) {
    if (reader_may_enter(old)) {
      // acquire; pairs with the release of the last writer
      if (state->compare_exchange_weak(old, old + rw_reader, std::memory_order_acquire, std::memory_order_relaxed))
        return true;
      continue;
    }
    if (limit.ns == 0) return false;
    if ((old & rw_waiting) == 0 && runtime::can_spin(spins)) {
      runtime::do_spin();
      spins++;
      old = state->load(std::memory_order_relaxed);
      continue;
    }
    root.lock.lock();
    bool queue = true;
    old = state->load(std::memory_order_relaxed);
    do {
      queue = !reader_may_enter(old);
    } while (queue && !state->compare_exchange_weak(old, old | rw_waiting, std::memory_order_relaxed));
    if (!queue) {
      root.lock.unlock();
      continue;
    }
    semwaiter w;
    w.gp = sched::getg();
    root.queue(readers_of(state), &w);
    // Whoever wakes a reader has let him in.
    runtime::park_at(root, w, limit, wait_reason::sync_rwmutex_rlock);
    return !w.timed_out;
  }
}

bool try_lock_shared(std::atomic<std::uint32_t>* state) {
  std::uint32_t old = state->load(std::memory_order_relaxed);
  while (reader_may_enter(old)) {
    // acquire; pairs with the release of the last writer
    if (state->compare_exchange_weak(old, old + rw_reader, std::memory_order_acquire, std::memory_order_relaxed))
      return true;
  }
  return false;
}

void unlock_shared_slow(std::atomic<std::uint32_t>* state) {
  std::uint32_t old = state->load(std::memory_order_relaxed);
  for (;;) {
    if (old < rw_reader) runtime::fatal("sync: RUnlock of unlocked RWMutex");
    const bool last = old < 2 * rw_reader;
    if (last && (old & rw_waiting) != 0) break;
    // release; pairs with the acquire of the next writer
    if (state->compare_exchange_weak(old, old - rw_reader, std::memory_order_release, std::memory_order_relaxed))
      return;
  }
  // The last reader, and somebody waits. No reader comes in meanwhile, but for those whom a writer that gives up held
  // back: pass_on sees them.
  semroot& root = semroot_of(state);
  root.lock.lock();
  if (pass_on(root, state, rw_reader, true)) sched::gosched();
}

runtime::checked_lock checked(rw_state* state) { return {runtime::lock_id_in(&state->id, 0), state, "shared_mutex"}; }

/// What the checks of lock order have to hear of a way in that may wait.
template <class Lock>
bool lock_checked(rw_state* state, wait_limit limit, Lock lock) {
  const bool check = runtime::lockcheck_on();
  if (check && limit.ns < 0) runtime::lock_wanted(checked(state));
  const bool locked = lock(&state->word, limit);
  if (check && locked) runtime::lock_taken(checked(state));
  return locked;
}

bool tried_checked(rw_state* state, bool locked) {
  if (locked && runtime::lockcheck_on()) runtime::lock_taken(checked(state));
  return locked;
}

}  // namespace

bool rw_lock_slow(rw_state* state, wait_limit limit) { return lock_checked(state, limit, lock_slow); }

bool rw_try_lock(rw_state* state) { return tried_checked(state, try_lock(&state->word)); }

void rw_unlock_slow(rw_state* state) {
  if (runtime::lockcheck_on()) runtime::lock_given_up(checked(state));
  unlock_slow(&state->word);
}

bool rw_lock_shared_slow(rw_state* state, wait_limit limit) { return lock_checked(state, limit, lock_shared_slow); }

bool rw_try_lock_shared(rw_state* state) { return tried_checked(state, try_lock_shared(&state->word)); }

void rw_unlock_shared_slow(rw_state* state) {
  if (runtime::lockcheck_on()) runtime::lock_given_up(checked(state));
  unlock_shared_slow(&state->word);
}

}  // namespace gofer::detail
