// Counting semaphores: permits go to waiters first, oldest first; what is left is counted. So a permit in the count
// means that nobody waits, and nobody starves.
#include <gofer/detail/sync.hpp>

#include "runtime/sema.hpp"
#include "runtime/timedpark.hpp"
#include "sched/park.hpp"

namespace gofer::detail {

namespace {

using runtime::semroot;
using runtime::semroot_of;
using runtime::semwaiter;

}  // namespace

bool semaphore_acquire_slow(std::atomic<std::int64_t>* state, wait_limit limit) {
  semroot& root = semroot_of(state);
  root.lock.lock();
  std::int64_t old = state->load(std::memory_order_relaxed);
  for (;;) {
    if (old >= semaphore_permit) {
      // acquire; pairs with the releases of permits
      if (!state->compare_exchange_weak(old, old - semaphore_permit, std::memory_order_acquire,
                                        std::memory_order_relaxed)) {
        continue;
      }
      root.lock.unlock();
      return true;
    }
    if (limit.ns == 0) {
      root.lock.unlock();
      return false;
    }
    if (state->compare_exchange_weak(old, old | semaphore_waiting, std::memory_order_relaxed)) break;
  }
  semwaiter w;
  w.gp = sched::getg();
  root.queue(state, &w);
  runtime::park_at(root, w, limit, sched::wait_reason::semacquire);
  return !w.timed_out;
}

void semaphore_release_slow(std::atomic<std::int64_t>* state, std::int64_t permits) {
  semroot& root = semroot_of(state);
  root.lock.lock();
  semwaiter* first = nullptr;
  semwaiter** end = &first;
  while (permits > 0) {
    semwaiter* w = root.dequeue(state);
    if (w == nullptr) break;
    *end = w;
    end = &w->next;
    permits--;
  }
  *end = nullptr;
  const bool more = root.first(state) != nullptr;
  std::int64_t old = state->load(std::memory_order_relaxed);
  std::int64_t next;
  do {
    next = old + permits * semaphore_permit;
    if (!more) next &= ~semaphore_waiting;
  } while (!state->compare_exchange_weak(old, next, std::memory_order_release, std::memory_order_relaxed));
  // The semaphore may be gone from here on.
  root.lock.unlock();
  runtime::ready_waiters(first);
}

}  // namespace gofer::detail
