#include "sched/park.hpp"

#include "sched/bound.hpp"
#include "sched/clock.hpp"
#include "sched/keep_p.hpp"
#include "sched/schedule.hpp"
#include "sched/stack.hpp"

namespace gofer::sched {

namespace {

inline void tell_parks(g* gp, wait_reason reason) {
  auto* const parks = hooks.parks.load(std::memory_order_relaxed);
  if (__builtin_expect(parks != nullptr, 0)) parks(gp, reason);
}

void commit_unlock(g*, void* lock) { static_cast<futex_mutex*>(lock)->unlock(); }

void commit_yield(g* gp, void*) {
  casgstatus(gp, gstatus::running, gstatus::runnable);
  if (gp->bound != nullptr) {
    bound_ready(gp);
    return;
  }
  const m* mp = getm();
  if (mp->pp != nullptr) {
    runqput(mp->pp, gp, false);
    return;
  }
  // Its P had been taken away.
  schedt* s = mp->sched;
  s->global.push(gp);
  if (s->npidle.load(std::memory_order_seq_cst) != 0) wakep(s);
}

void commit_exit(g* gp, void*) {
  m* mp = getm();
  p* pp = mp->pp;
  if (gp->lockedm != nullptr) {
    gp->lockedm = nullptr;
    mp->lockedg = nullptr;
    mp->lockedcount = 0;
    mp->pins = 0;
  }
  casgstatus(gp, gstatus::running, gstatus::idle);
  if (pp != nullptr) {
    pp->gcount.store(pp->gcount.load(std::memory_order_relaxed) - 1, std::memory_order_relaxed);
  } else {
    mp->sched->gcount.fetch_sub(1, std::memory_order_relaxed);
  }
  gfput(pp, gp);
}

struct mcall_request {
  void (*fn)(g* gp, void* arg);
  void* arg;
};

void commit_mcall(g* gp, void* request) {
  const auto* r = static_cast<const mcall_request*>(request);
  r->fn(gp, r->arg);
  getm()->resume = gp;
}

void plain_park(g* gp, void (*commit)(g*, void*), void* arg) {
  gp->parked.clear();
  gp->status.store(gstatus::waiting, std::memory_order_relaxed);
  if (commit != nullptr) commit(gp, arg);
  gp->parked.sleep();
  gp->status.store(gstatus::running, std::memory_order_relaxed);
}

void ready(g* gp, bool next) {
  if (gp->plain) {
    gp->parked.wakeup();
    return;
  }
  schedt* s = gp->sched;
  if (s->stopping.load(std::memory_order_relaxed)) return;  // of a run that is over: never scheduled again
  casgstatus(gp, gstatus::waiting, gstatus::runnable);
  if (gp->bound != nullptr) {
    bound_ready(gp);
    return;
  }
  m* mp = getm();
  const keep_p keep(mp);
  p* pp = mp->pp;
  if (pp != nullptr && pp->sched == s) {
    runqput(pp, gp, next);
    if (next) {
      // The exchange of runnext came before this read: wake.cpp.
      if (s->npidle.load(std::memory_order_seq_cst) != 0) wakep(s);
    } else if (wanted_after_push(s)) {
      wakep(s);
    }
  } else {
    s->global.push(gp);
    if (s->npidle.load(std::memory_order_seq_cst) != 0) wakep(s);
  }
}

}  // namespace

void gopark(void (*commit)(g* gp, void* arg), void* arg, wait_reason reason) {
  m* mp = getm();
  g* gp = mp->curg;
  gp->waitreason = reason;
  if (mp->plain) {
    plain_park(gp, commit, arg);
    return;
  }
  GOFER_CHECK(on_goroutine(mp), "park on a system stack");
  tell_parks(gp, reason);
  enter_sched(mp);
  g* next = next_local(mp);
  casgstatus(gp, gstatus::running, gstatus::waiting);
  mp->commit = {commit, gp, arg};
  leave(mp, gp, next, false);
}

void gopark_unlock(futex_mutex* lock, wait_reason reason) { gopark(commit_unlock, lock, reason); }

void goready(g* gp) { ready(gp, true); }

void goready_tail(g* gp) { ready(gp, false); }

void gosched() {
  m* mp = getm();
  if (mp->plain) {
    ::sched_yield();
    return;
  }
  GOFER_CHECK(on_goroutine(mp), "gosched on a system stack");
  g* gp = mp->curg;
  tell_parks(gp, wait_reason::none);
  enter_sched(mp);
  g* next = next_local(mp);
  mp->commit = {commit_yield, gp, nullptr};
  leave(mp, gp, next, false);
}

namespace {

// Nothing for a goroutine that stays on its thread anyway (options.pinned): those that share it must go on, or one that
// waited for another of them would wait for ever.
void bind_thread(int m::*count) {
  m* mp = getm();
  if (mp->plain) return;
  g* gp = mp->curg;
  if (gp->bound == nullptr) gp->bound = bound_of(mp);
  if (gp->bound != nullptr) return;
  (mp->*count)++;
  mp->lockedg = gp;
  gp->lockedm = mp;
}

void unbind_thread(int m::*count) {
  m* mp = getm();
  if (mp->plain || mp->*count == 0) return;
  (mp->*count)--;
  if (mp->lockedcount + mp->pins > 0) return;
  mp->lockedg = nullptr;
  mp->curg->lockedm = nullptr;
}

}  // namespace

void lock_os_thread() { bind_thread(&m::lockedcount); }
void unlock_os_thread() { unbind_thread(&m::lockedcount); }
void pin_thread() { bind_thread(&m::pins); }
void unpin_thread() { unbind_thread(&m::pins); }

void goexit0() {
  m* mp = getm();
  if (mp->plain && mp->curg != &mp->g0) {
    fatal("a goroutine has ended in a forked process, where nothing is left to go on with (end it by exec or _exit)");
  }
  GOFER_CHECK(on_goroutine(mp) && !mp->plain, "goexit0 outside a goroutine");
  g* gp = mp->curg;
  enter_sched(mp);
  mp->commit = {commit_exit, gp, nullptr};
  leave(mp, gp, next_local(mp), true);
  __builtin_unreachable();
}

void mcall(void (*fn)(g* gp, void* arg), void* arg) {
  m* mp = getm();
  g* gp = mp->curg;
  if (mp->plain || !on_goroutine(mp)) {
    fn(gp, arg);
    return;
  }
  mcall_request request{fn, arg};
  enter_sched(mp);
  mp->commit = {commit_mcall, gp, &request};
  leave(mp, gp, nullptr, false);
}

}  // namespace gofer::sched
