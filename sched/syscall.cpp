// Blocking calls: the P may go on without the thread.
//
// entersyscall marks the P; nothing else happens unless the call is long. sysmon, which looks every 20 us to 10 ms,
// takes the P of a call that it sees twice, when there is other work (retake). exitsyscall takes the same P back by one
// compare-and-swap if it is still there, else an idle one, else the goroutine queues and the thread sleeps.
#include <mutex>

#include "sched/bound.hpp"
#include "sched/keep_p.hpp"
#include "sched/proc.hpp"
#include "sched/schedule.hpp"

namespace gofer::sched {

namespace {

// On g0, gp's context saved, no P held: queue it, or go on at once with a P that has become free.
void queue_for_p(g* gp, gstatus from) {
  m* mp = getm();
  schedt* s = mp->sched;
  casgstatus(gp, from, gstatus::runnable);
  if (gp->bound != nullptr) {
    bound_ready(gp);
    return;
  }
  p* pp = nullptr;
  {
    const std::lock_guard hold(s->lock);
    if (s->stopping.load(std::memory_order_relaxed)) return;
    pp = pidleget_locked(s);
    // Under the lock: a P that becomes idle after this looks at the global queue first (find_runnable, handoffp).
    if (pp == nullptr) s->global.push(gp);
  }
  if (pp == nullptr) return;
  acquirep(mp, pp);
  mp->resume = gp;
}

void commit_exitsyscall(g* gp, void*) { queue_for_p(gp, gstatus::syscall); }
void commit_rejoin(g* gp, void*) { queue_for_p(gp, gstatus::running); }

}  // namespace

void entersyscall() {
  m* mp = getm();
  if (mp->plain || !on_goroutine(mp)) return;
  enter_sched(mp);
  p* pp = mp->pp;
  g* gp = mp->curg;
  casgstatus(gp, gstatus::running, gstatus::syscall);
  gp->waitreason = wait_reason::syscall;
  gp->waitsince = 0;
  mp->oldp = pp;
  mp->pp = nullptr;
  if (pp == nullptr) {  // it had been taken away already; for the watchdog this is no computation any more
    theft_state lost = theft_state::taken;
    mp->theft.compare_exchange_strong(lost, theft_state::none, std::memory_order_relaxed, std::memory_order_relaxed);
    leave_sched(mp);
    return;
  }
  leave_sched(mp);
  pp->syscalltick.fetch_add(1, std::memory_order_relaxed);
  pp->mp.store(nullptr, std::memory_order_relaxed);
  // release; pairs with the CAS in retake: whoever takes the P sees all that we did with it. seq_cst against
  // sysmon_rests.
  pp->status.store(pstatus::syscall, std::memory_order_seq_cst);
  if (mp->sched->sysmon_rests.load(std::memory_order_seq_cst) != sysmon_rest::no) wake_sysmon(mp->sched);
}

void rejoin_slow(m* mp) {
  // Within the runtime's own sections nobody parks; the next operation will do it.
  if (!on_goroutine(mp) || mp->inside.load(std::memory_order_relaxed) != 0) return;
  enter_sched(mp);
  if (mp->pp != nullptr) {
    leave_sched(mp);
    return;
  }
  g* gp = mp->curg;
  mp->commit = {commit_rejoin, gp, nullptr};
  leave(mp, gp, nullptr, false);
}

void rejoin_here_slow(m* mp) {
  lock_os_thread();
  rejoin_slow(mp);
  unlock_os_thread();
}

void exitsyscall() {
  m* mp = getm();
  if (mp->plain || !on_goroutine(mp)) return;
  enter_sched(mp);
  g* gp = mp->curg;
  p* pp = mp->oldp;
  mp->oldp = nullptr;
  pstatus expected = pstatus::syscall;
  if (pp != nullptr && !pp->stop.load(std::memory_order_relaxed) &&
      pp->status.compare_exchange_strong(expected, pstatus::running, std::memory_order_acq_rel,
                                         std::memory_order_relaxed)) {
    pp->syscalltick.fetch_add(1, std::memory_order_relaxed);
    pp->mp.store(mp, std::memory_order_release);
    mp->pp = pp;
    casgstatus(gp, gstatus::syscall, gstatus::running);
    leave_sched(mp);
    return;
  }
  mp->commit = {commit_exitsyscall, gp, nullptr};
  leave(mp, gp, nullptr, false);
}

}  // namespace gofer::sched
