// Ps that sysmon takes away: from threads in blocking calls, and from goroutines that run for too long while others
// wait (keep_p.hpp has the protocol, and the thread's side of it).
#include "sched/retake.hpp"

#include <linux/membarrier.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sched/clock.hpp"
#include "sched/keep_p.hpp"
#include "sched/schedule.hpp"

namespace gofer::sched {

atomic<std::int64_t> force_preempt_ns{10'000'000};

namespace {

constexpr std::int64_t ms = 1'000'000;

atomic<bool> no_membarrier{false};

long membarrier(int command) { return ::syscall(SYS_membarrier, command, 0, 0); }

// Is there anything that nobody but the holder of pp can see to?
bool others_wait(schedt* s, const p* pp, std::int64_t now) {
  if (pp->stop.load(std::memory_order_relaxed)) return true;
  // Idle Ps and those that look for work will find it.
  if (s->npidle.load(std::memory_order_relaxed) + s->nmspinning.load(std::memory_order_relaxed) > 0) return false;
  return !pp->rq.empty() || s->global.size() > 0 || s->nwanting.load(std::memory_order_relaxed) > 0 ||
         pp->timers.first_when() <= now;
}

bool retake_running(schedt* s, p* pp) {
  m* mp = pp->mp.load(std::memory_order_acquire);
  if (mp == nullptr) return false;
  const std::uint32_t tick = pp->schedtick.load(std::memory_order_relaxed);
  mp->theft.store(theft_state::asked, std::memory_order_relaxed);
  membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED);
  // From here on the thread waits at its next way in (settle_theft), so that `inside` stays 0 once it is. Some 10 us
  // for a thread that just is inside; else the next round will find it elsewhere. acquire; pairs with the releases in
  // leave_sched and settle_theft: whoever gets the P sees all that was done with it
  for (int i = 0; mp->inside.load(std::memory_order_acquire) != 0; i++) {
    if (i == 500) {
      mp->theft.store(theft_state::none, std::memory_order_release);
      return false;
    }
    cpu_relax();
  }
  if (mp->pp != pp || pp->schedtick.load(std::memory_order_relaxed) != tick) {
    mp->theft.store(theft_state::none, std::memory_order_release);
    return false;
  }
  mp->pp = nullptr;
  mp->hog_since = pp->sysmon_schedwhen;
  mp->watchdog_told = pp->watchdog_tick == tick;
  pp->mp.store(nullptr, std::memory_order_relaxed);
  pp->status.store(pstatus::idle, std::memory_order_relaxed);
  mp->theft.store(theft_state::taken, std::memory_order_release);
  handoffp(s, pp);
  return true;
}

bool retake_syscall(schedt* s, p* pp, std::int64_t now) {
  const std::uint32_t tick = pp->syscalltick.load(std::memory_order_relaxed);
  if (pp->sysmon_syscalltick != tick) {
    pp->sysmon_syscalltick = tick;
    pp->sysmon_syscallwhen = now;
    return false;
  }
  // No work of its own and others idle or looking: leave it, for up to 10 ms (it cannot stay for ever, or sysmon could
  // never sleep).
  if (pp->rq.empty() && s->nmspinning.load(std::memory_order_relaxed) + s->npidle.load(std::memory_order_relaxed) > 0 &&
      pp->sysmon_syscallwhen + 10 * ms > now && !pp->stop.load(std::memory_order_relaxed)) {
    return false;
  }
  pstatus expected = pstatus::syscall;
  // acquire; pairs with the store in entersyscall
  if (!pp->status.compare_exchange_strong(expected, pstatus::idle, std::memory_order_acq_rel,
                                          std::memory_order_relaxed)) {
    return false;
  }
  pp->syscalltick.fetch_add(1, std::memory_order_relaxed);
  handoffp(s, pp);
  return true;
}

}  // namespace

void retake_init() {
  if (membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) != 0) no_membarrier.store(true, std::memory_order_relaxed);
}

void settle_theft(m* mp) {
  // On the way in, so not inside yet: sysmon may have it.
  for (;;) {
    mp->inside.store(0, std::memory_order_release);
    for (int i = 0; mp->theft.load(std::memory_order_acquire) == theft_state::asked; i++) {
      if (i < 1000) {
        cpu_relax();
      } else {
        ::sched_yield();  // sysmon has lost its processor between its question and its answer
      }
    }
    mp->inside.store(1, std::memory_order_relaxed);
    std::atomic_signal_fence(std::memory_order_seq_cst);
    if (mp->theft.load(std::memory_order_acquire) != theft_state::asked) return;
  }
}

bool new_syscall(schedt* s) {
  const std::int32_t nallp = s->nallp.load(std::memory_order_acquire);
  for (std::int32_t i = 0; i < nallp; i++) {
    const p* pp = s->allp[i];
    if (pp->status.load(std::memory_order_seq_cst) != pstatus::syscall) continue;
    if (pp->sysmon_syscalltick != pp->syscalltick.load(std::memory_order_relaxed)) return true;
  }
  return false;
}

int retake(schedt* s, std::int64_t now) {
  int n = 0;
  const std::int32_t nallp = s->nallp.load(std::memory_order_acquire);
  for (std::int32_t i = 0; i < nallp; i++) {
    p* pp = s->allp[i];
    const pstatus status = pp->status.load(std::memory_order_acquire);
    if (status == pstatus::syscall) {
      n += retake_syscall(s, pp, now) ? 1 : 0;
    } else if (status == pstatus::running) {
      const std::uint32_t tick = pp->schedtick.load(std::memory_order_relaxed);
      if (pp->sysmon_schedtick != tick) {
        pp->sysmon_schedtick = tick;
        pp->sysmon_schedwhen = now;
      } else if (pp->sysmon_schedwhen + force_preempt_ns.load(std::memory_order_relaxed) <= now &&
                 others_wait(s, pp, now)) {
        if (no_membarrier.load(std::memory_order_relaxed)) {
          static atomic<bool> said{false};
          if (!said.exchange(true)) {
            write_err(
                "gofer: this kernel refuses membarrier(2) (before Linux 4.14, or seccomp): a goroutine that computes "
                "for long keeps others waiting; let it call gofer::gosched now and then\n");
          }
        } else {
          n += retake_running(s, pp) ? 1 : 0;
        }
      }
    }
  }
  return n;
}

}  // namespace gofer::sched
