// The timer lies on the stack of the goroutine that parks. So it must be over with it before that goroutine goes on: it
// is stopped, or, if it has begun to fire, waited for. The callback says `over` as its last look at that stack.
//
// A plain thread needs no timer: it sleeps on its futex for as long. So its waits do not depend on a scheduler that may
// not run, or end meanwhile.
//
// A wait that a context ends works in the same way, with the closing of the context's channel in the timer's place: see
// closewatch.hpp.
#include "runtime/timedpark.hpp"

#include <atomic>
#include <limits>

#include "runtime/closewatch.hpp"
#include "sched/clock.hpp"
#include "sched/park.hpp"
#include "sched/timer.hpp"

namespace gofer::runtime {

namespace {

struct sleeper {
  const timed_wait& how;
  std::int64_t when;
  sched::g* gp;
  sched::timer timer;
  std::atomic<bool> over;
};

void on_timer(sched::timer*, void* arg) {
  auto* s = static_cast<sleeper*>(arg);
  sched::g* gp = s->gp;
  const bool mine = s->how.expire(s->how.arg);
  s->over.store(true, std::memory_order_release);  // release; pairs with the acquire in wait_over
  if (mine) sched::goready(gp);
}

void commit(sched::g*, void* arg) {
  auto* s = static_cast<sleeper*>(arg);
  // The timer is started before the waiter can be found by others: whoever finds it may let it go on. From here on the
  // time may be up and the waiter gone from park_for: no more looks at the sleeper.
  const timed_wait how = s->how;
  sched::timer_start(&s->timer, s->when);
  how.commit(how.arg);
}

void plain_park_for(sched::g* gp, const timed_wait& how, std::int64_t ns, sched::wait_reason reason) {
  gp->waitreason = reason;
  gp->parked.clear();
  gp->status.store(sched::gstatus::waiting, std::memory_order_relaxed);
  how.commit(how.arg);
  if (!gp->parked.sleep_for(ns) && !how.expire(how.arg)) gp->parked.sleep();
  gp->status.store(sched::gstatus::running, std::memory_order_relaxed);
}

struct queued_waiter {
  semroot* root;
  semwaiter* w;
};

void unlock_root(void* arg) { static_cast<queued_waiter*>(arg)->root->lock.unlock(); }

bool give_up_locked(semroot& root, semwaiter* w) {
  if (!w->queued) return false;
  root.remove(w);
  w->timed_out = true;
  return true;
}

// The lock is the waiter's until it has left its stack.
bool expire_at_root(void* arg) {
  const auto* q = static_cast<queued_waiter*>(arg);
  q->root->lock.lock();
  const bool mine = give_up_locked(*q->root, q->w);
  q->root->lock.unlock();
  return mine;
}

sched::g* end_at_root(void* arg) { return expire_at_root(arg) ? static_cast<queued_waiter*>(arg)->w->gp : nullptr; }

void park_until_closed(semroot& root, semwaiter& w, hchan* done, sched::wait_reason reason) {
  queued_waiter q{&root, &w};
  close_watch watch(end_at_root, &q);
  if (!watch.start(done, reason)) {
    give_up_locked(root, &w);
    root.lock.unlock();
    return;
  }
  sched::gopark_unlock(&root.lock, reason);
  watch.stop(reason);
}

}  // namespace

void park_for(const timed_wait& how, std::int64_t ns, sched::wait_reason reason) {
  sched::g* gp = sched::getg();
  if (gp->plain && ns >= 0) {
    plain_park_for(gp, how, ns, reason);
    return;
  }
  if (ns < 0) {
    sched::gopark(
        [](sched::g*, void* arg) {
          const auto* h = static_cast<const timed_wait*>(arg);
          h->commit(h->arg);
        },
        const_cast<timed_wait*>(&how), reason);
    return;
  }
  const std::int64_t now = sched::nanotime();
  const std::int64_t never = std::numeric_limits<std::int64_t>::max();
  sleeper s{how, ns > never - now ? never : now + ns, gp, {}, false};
  s.timer.f = on_timer;
  s.timer.arg = &s;
  sched::gopark(commit, &s, reason);
  if (!sched::timer_stop(&s.timer)) wait_over(s.over);
}

void park_at(semroot& root, semwaiter& w, detail::wait_limit limit, sched::wait_reason reason) {
  if (limit.done != nullptr) {
    park_until_closed(root, w, full(limit.done), reason);
    return;
  }
  queued_waiter q{&root, &w};
  park_for({unlock_root, expire_at_root, &q}, limit.ns, reason);
}

}  // namespace gofer::runtime
