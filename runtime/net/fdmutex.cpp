#include "runtime/net/fdmutex.hpp"

#include <gofer/context.hpp>
#include <mutex>

#include "runtime/closewatch.hpp"
#include "runtime/panic.hpp"
#include "sched/fatal.hpp"
#include "sched/park.hpp"

namespace gofer::runtime {

void fdsema::push_locked(waiter* w) {
  (first_ == nullptr ? first_ : last_->next) = w;
  last_ = w;
}

void fdsema::give_up_locked(waiter* w) {
  waiter* before = nullptr;
  for (waiter* at = first_; at != w; at = at->next) before = at;
  (before == nullptr ? first_ : before->next) = w->next;
  if (last_ == w) last_ = before;
  w->queued = false;
  w->gave_up = true;
}

sched::g* fdsema::end_wait(void* arg) {
  auto* w = static_cast<waiter*>(arg);
  const std::lock_guard hold(w->sema->lock_);
  if (!w->queued) return nullptr;
  w->sema->give_up_locked(w);
  return w->gp;
}

bool fdsema::acquire(const context* ctx) {
  constexpr auto reason = sched::wait_reason::semacquire;
  const recv_chan<> done = ctx != nullptr ? ctx->done() : recv_chan<>();
  const bool never_done = done == nullptr;
  lock_.lock();
  if (count_ > 0) {
    count_--;
    lock_.unlock();
    return true;
  }
  waiter self{this, sched::getg()};
  push_locked(&self);
  if (never_done) {
    sched::gopark_unlock(&lock_, reason);
    return true;
  }
  close_watch watch(end_wait, &self);
  if (!watch.start(full(detail::chan_access::ref(done).get()), reason)) {
    give_up_locked(&self);
    lock_.unlock();
    return false;
  }
  sched::gopark_unlock(&lock_, reason);
  watch.stop(reason);
  return !self.gave_up;
}

void fdsema::release() {
  lock_.lock();
  if (first_ == nullptr) {
    count_++;
    lock_.unlock();
    return;
  }
  sched::g* gp = first_->gp;
  first_->queued = false;
  first_ = first_->next;
  lock_.unlock();
  sched::goready(gp);
}

constinit const fdmutex::side fdmutex::read_side{
    .locked = 2,
    .one_waiter = std::uint64_t{1} << 23,
    .waiters = count_mask << 23,
    .sema = &fdmutex::rsema_,
};
constinit const fdmutex::side fdmutex::write_side{
    .locked = 4,
    .one_waiter = std::uint64_t{1} << 43,
    .waiters = count_mask << 43,
    .sema = &fdmutex::wsema_,
};

namespace {

[[noreturn]] void overflow() {
  panic_plain_error("too many concurrent operations on a single file or socket (max 1048575)");
}

}  // namespace

// Transitions are acq_rel throughout: leaving an operation hands what it did to the next holder of the lock, and to
// whoever destroys.

bool fdmutex::incref() {
  std::uint64_t old = state_.load(std::memory_order_relaxed);
  do {
    if ((old & closed_bit) != 0) return false;
    if (refs(old) == count_mask) overflow();
  } while (!state_.compare_exchange_weak(old, old + one_ref, std::memory_order_acq_rel, std::memory_order_relaxed));
  return true;
}

bool fdmutex::incref_and_close() {
  std::uint64_t old = state_.load(std::memory_order_relaxed);
  std::uint64_t next;
  do {
    if ((old & closed_bit) != 0) return false;
    if (refs(old) == count_mask) overflow();
    next = ((old | closed_bit) + one_ref) & ~(read_side.waiters | write_side.waiters);
  } while (!state_.compare_exchange_weak(old, next, std::memory_order_acq_rel, std::memory_order_relaxed));
  for (const side* s : {&read_side, &write_side}) {
    for (std::uint64_t waiting = old & s->waiters; waiting != 0; waiting -= s->one_waiter) (this->*s->sema).release();
  }
  return true;
}

bool fdmutex::decref() {
  std::uint64_t old = state_.load(std::memory_order_relaxed);
  std::uint64_t next;
  do {
    GOFER_CHECK(refs(old) > 0, "fdmutex: more releases than references");
    next = old - one_ref;
  } while (!state_.compare_exchange_weak(old, next, std::memory_order_acq_rel, std::memory_order_relaxed));
  return (next & closed_bit) != 0 && refs(next) == 0;
}

fd_entry fdmutex::lock(const side& s, const context* ctx) {
  sched::rejoin();
  bool ended = false;
  std::uint64_t old = state_.load(std::memory_order_relaxed);
  for (;;) {
    if ((old & closed_bit) != 0) return fd_entry::closed;
    const bool free = (old & s.locked) == 0;
    if (free && refs(old) == count_mask) overflow();
    if (!free && ended) return fd_entry::ended;
    if (!free && (old & s.waiters) == s.waiters) overflow();
    const std::uint64_t next = free ? (old | s.locked) + one_ref : old + s.one_waiter;
    if (!state_.compare_exchange_weak(old, next, std::memory_order_acq_rel, std::memory_order_relaxed)) continue;
    if (free) return fd_entry::locked;
    if (!(this->*s.sema).acquire(ctx)) {
      if (leave_queue(s)) return fd_entry::ended;
      // Somebody has let us go at the same time. That wake-up must not be lost: the lock may be free, and others wait.
      (this->*s.sema).acquire(nullptr);
      ended = true;
    }
    // Whoever released took us off the count of waiters; now it is between us and those who just came (Go's rule too).
    old = state_.load(std::memory_order_relaxed);
  }
}

// Who has left the semaphore without having been released takes one off the count of waiters. False: all that were
// counted have been released, so one of those releases is for us.
bool fdmutex::leave_queue(const side& s) {
  std::uint64_t old = state_.load(std::memory_order_relaxed);
  do {
    if ((old & closed_bit) != 0 || (old & s.waiters) == 0) return false;
  } while (
      !state_.compare_exchange_weak(old, old - s.one_waiter, std::memory_order_acq_rel, std::memory_order_relaxed));
  return true;
}

bool fdmutex::unlock(const side& s) {
  std::uint64_t old = state_.load(std::memory_order_relaxed);
  std::uint64_t next;
  do {
    GOFER_CHECK((old & s.locked) != 0 && refs(old) > 0, "fdmutex: unlock of an unlocked side");
    next = (old & ~s.locked) - one_ref;
    if ((old & s.waiters) != 0) next -= s.one_waiter;
  } while (!state_.compare_exchange_weak(old, next, std::memory_order_acq_rel, std::memory_order_relaxed));
  if ((old & s.waiters) != 0) (this->*s.sema).release();
  return (next & closed_bit) != 0 && refs(next) == 0;
}

}  // namespace gofer::runtime
