// Wait groups: what add and wait do when they cannot do it in the header.
#include <gofer/detail/sync.hpp>

#include "runtime/panic.hpp"
#include "runtime/sema.hpp"
#include "runtime/timedpark.hpp"
#include "sched/park.hpp"

namespace gofer::detail {

namespace {

using runtime::semroot;
using runtime::semroot_of;
using runtime::semwaiter;

}  // namespace

void wait_group_done_slow(std::atomic<std::uint64_t>* state, std::uint64_t now, int delta) {
  const auto count = static_cast<std::int32_t>(now >> 32);
  if (count < 0) runtime::panic_plain_error("sync: negative WaitGroup counter");
  if (delta > 0 && count == delta) {
    runtime::panic_plain_error("sync: WaitGroup misuse: Add called concurrently with Wait");
  }
  if (count > 0) return;
  // The counter came to zero, and somebody waits.
  semroot& root = semroot_of(state);
  root.lock.lock();
  if (!state->compare_exchange_strong(now, 0, std::memory_order_acq_rel, std::memory_order_relaxed)) {
    root.lock.unlock();
    runtime::panic_plain_error("sync: WaitGroup misuse: Add called concurrently with Wait");
  }
  semwaiter* first = nullptr;
  semwaiter** end = &first;
  while (semwaiter* w = root.dequeue(state)) {
    *end = w;
    end = &w->next;
  }
  *end = nullptr;
  // All are out of the queue before the first of them runs: he may destroy the wait group.
  root.lock.unlock();
  runtime::ready_waiters(first);
}

bool wait_group_wait_slow(std::atomic<std::uint64_t>* state, wait_limit limit) {
  semroot& root = semroot_of(state);
  root.lock.lock();
  std::uint64_t old = state->load(std::memory_order_acquire);
  do {
    if (old >> 32 == 0) {
      root.lock.unlock();
      return true;
    }
  } while (!state->compare_exchange_weak(old, old | wait_group_waiting, std::memory_order_acquire));
  semwaiter w;
  w.gp = sched::getg();
  root.queue(state, &w);
  // Go's name for it up to 1.24.
  runtime::park_at(root, w, limit, sched::wait_reason::semacquire);
  if (w.timed_out) return false;
  if (state->load(std::memory_order_relaxed) != 0) {
    runtime::panic_plain_error("sync: WaitGroup is reused before previous Wait has returned");
  }
  return true;
}

}  // namespace gofer::detail
