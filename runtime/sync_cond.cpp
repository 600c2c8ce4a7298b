// Condition variables: a queue of waiters, first come first woken (Go's notifyList).
//
// A waiter announces itself in the queue before it unlocks the user's lock, so that no notification between that and
// its sleep is lost. Unlocking is user code, which may park or panic: nothing of ours is locked meanwhile, and a waiter
// that is notified before it sleeps finds that out and does not.
#include <gofer/detail/sync.hpp>

#include "runtime/sema.hpp"
#include "runtime/timedpark.hpp"
#include "sched/park.hpp"

namespace gofer::detail {

namespace {

using runtime::semroot;
using runtime::semroot_of;
using runtime::semwaiter;

/// Leaves the queue when unlocking the user's lock ended in a panic or an exception.
class announcement {
 public:
  announcement(semroot& root, const std::atomic<std::uint32_t>* cond) : root_(root) {
    w.gp = sched::getg();
    w.parked = false;
    root_.queue(cond, &w);
  }
  ~announcement() {
    if (settled_) return;
    root_.lock.lock();
    root_.remove(&w);
    root_.lock.unlock();
  }
  announcement(const announcement&) = delete;
  announcement& operator=(const announcement&) = delete;
  void settle() { settled_ = true; }

  semwaiter w;

 private:
  semroot& root_;
  bool settled_ = false;
};

/// Takes up to `most` waiters out; returns those asleep, linked by `next`.
semwaiter* take(semroot& root, std::atomic<std::uint32_t>* cond, bool all) {
  semwaiter* first = nullptr;
  semwaiter** end = &first;
  while (semwaiter* w = root.dequeue(cond)) {
    if (w->parked) {
      *end = w;
      end = &w->next;
    }
    if (!all) break;
  }
  *end = nullptr;
  if (all || root.first(cond) == nullptr) cond->store(0, std::memory_order_relaxed);
  return first;
}

}  // namespace

bool cond_wait(std::atomic<std::uint32_t>* cond, bool (*unlock)(void*), void* lock, wait_limit limit) {
  semroot& root = semroot_of(cond);
  root.lock.lock();
  // relaxed: whoever notifies after the user's lock was released by us sees it through that lock
  cond->store(1, std::memory_order_relaxed);
  announcement here(root, cond);
  root.lock.unlock();
  if (!unlock(lock)) return true;
  here.settle();
  root.lock.lock();
  if (!here.w.queued) {
    root.lock.unlock();
    return true;
  }
  here.w.parked = true;
  runtime::park_at(root, here.w, limit, sched::wait_reason::sync_cond_wait);
  return !here.w.timed_out;
}

void cond_notify(std::atomic<std::uint32_t>* cond, bool all) {
  semroot& root = semroot_of(cond);
  root.lock.lock();
  semwaiter* woken = take(root, cond, all);
  root.lock.unlock();
  runtime::ready_waiters(woken);
}

}  // namespace gofer::detail
