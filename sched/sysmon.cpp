// sysmon: a thread without a P that looks after what nobody else does: Ps that are held too long (retake.cpp), a poller
// that no worker had time for, memory of unused stacks. It sleeps 20 us between looks, up to 10 ms when nothing happens
// (Go's numbers), a second when every P is idle.
#include <unistd.h>

#include <mutex>

#include "sched/clock.hpp"
#include "sched/fatal.hpp"
#include "sched/netpoll.hpp"
#include "sched/retake.hpp"
#include "sched/schedule.hpp"
#include "sched/stack.hpp"

namespace gofer::sched {

namespace {

constexpr std::int64_t us = 1'000;
constexpr std::int64_t ms = 1'000'000;
constexpr std::int64_t second = 1'000'000'000;

void poll_if_forgotten(schedt* s, std::int64_t now) {
  std::int64_t last = s->lastpoll.load(std::memory_order_relaxed);
  if (last == 0 || last + 10 * ms > now || !netpoll_any_waiters()) return;
  if (!s->lastpoll.compare_exchange_strong(last, now, std::memory_order_seq_cst, std::memory_order_relaxed)) return;
  // Whom netpoll gives us waits nowhere until injectglist has queued him. The last worker may go idle just then, and
  // would report a deadlock: so sysmon counts as one that runs (Go's incidlelocked around it), and looks itself
  // afterwards.
  {
    const std::lock_guard hold(s->lock);
    s->nmidlelocked--;
  }
  injectglist(s, nullptr, netpoll(0));
  const std::lock_guard hold(s->lock);
  s->nmidlelocked++;
  checkdead_locked(s);
}

// Sleeps while every P is idle. True: something may have happened; false: a second went by. Never longer: Ps that get
// work from the poller or a timer do not wake sysmon, which then has hogs to look after, and stacks that have become
// unused.
bool sleep_while_idle(schedt* s) {
  {
    const std::lock_guard hold(s->lock);
    if (s->npidle.load(std::memory_order_relaxed) != s->nprocs.load(std::memory_order_relaxed)) return true;
    if (s->stopping.load(std::memory_order_relaxed)) return true;
    s->sysmon_note.clear();
    s->sysmon_waits.store(true, std::memory_order_seq_cst);
  }
  const bool woken = s->sysmon_note.sleep_for(second);
  s->sysmon_waits.store(false, std::memory_order_seq_cst);
  return woken;
}

}  // namespace

void wake_sysmon(schedt* s) {
  if (s->sysmon_waits.exchange(false, std::memory_order_seq_cst)) s->sysmon_note.wakeup();
}

void* sysmon_main(void* arg) {
  auto* s = static_cast<schedt*>(arg);
  s->sysmon_tid.store(static_cast<std::uint32_t>(::gettid()), std::memory_order_relaxed);
  note nap;
  std::int64_t delay = 20 * us;
  int idle = 0;
  std::int64_t last_scavenge = nanotime();
  while (!s->stopping.load(std::memory_order_acquire)) {
    if (idle == 0) {
      delay = 20 * us;
    } else if (idle > 50) {
      delay = delay * 2 > 10 * ms ? 10 * ms : delay * 2;
    }
    nap.clear();
    nap.sleep_for(delay);
    if (idle > 60 && s->npidle.load(std::memory_order_relaxed) == s->nprocs.load(std::memory_order_relaxed)) {
      if (sleep_while_idle(s)) idle = 0;
    }
    const std::int64_t now = nanotime();
    if (now - last_scavenge >= second) {
      last_scavenge = now;
      scavenge();
    }
    poll_if_forgotten(s, now);
    idle = retake(s, now) > 0 ? 0 : idle + 1;
  }
  wait_for_report();
  return nullptr;
}

}  // namespace gofer::sched
