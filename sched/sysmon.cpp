// sysmon: a thread without a P that looks after what nobody else does: Ps that are held too long (retake.cpp), a poller
// that no worker had time for, memory of unused stacks, threads that have ended. It sleeps 20 us between looks, up to
// 10 ms when nothing happens (Go's numbers), a second when every P is idle. A blocking call ends the longer naps, so
// that its P is taken when it has lasted 20 us, or a millisecond when the last such call was just before.
#include <unistd.h>

#include <mutex>

#include "sched/clock.hpp"
#include "sched/debug.hpp"
#include "sched/fatal.hpp"
#include "sched/netpoll.hpp"
#include "sched/proc.hpp"
#include "sched/retake.hpp"
#include "sched/schedtrace.hpp"
#include "sched/schedule.hpp"
#include "sched/stack.hpp"
#include "sched/watchdog.hpp"

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

// Sleeps while every P is idle, at most for a second: there are stacks, threads and processors to look after.
void sleep_while_idle(schedt* s) {
  {
    const std::lock_guard hold(s->lock);
    if (s->npidle.load(std::memory_order_relaxed) != s->nprocs.load(std::memory_order_relaxed)) return;
    if (s->stopping.load(std::memory_order_relaxed)) return;
    s->sysmon_note.clear();
    s->sysmon_rests.store(sysmon_rest::idle, std::memory_order_seq_cst);
  }
  const std::int64_t trace = debug.schedtrace_ms.load(std::memory_order_relaxed) * ms;
  s->sysmon_note.sleep_for(trace > 0 && trace < second ? trace : second);
  s->sysmon_rests.store(sysmon_rest::no, std::memory_order_seq_cst);
}

// A nap that a blocking call ends; true: one has.
bool nap_until_syscall(schedt* s, std::int64_t ns) {
  s->sysmon_note.clear();
  s->sysmon_rests.store(sysmon_rest::nap, std::memory_order_seq_cst);
  // Who marked his P before this store did not wake us: entersyscall has the same two the other way round.
  const bool woken = new_syscall(s) || s->sysmon_note.sleep_for(ns);
  s->sysmon_rests.store(sysmon_rest::no, std::memory_order_seq_cst);
  return woken;
}

// Workers that have ended for want of work (stopm).
void join_ended(schedt* s) {
  m* list = nullptr;
  {
    const std::lock_guard hold(s->lock);
    for (m** link = &s->allm; *link != nullptr;) {
      m* mp = *link;
      if (!mp->ended) {
        link = &mp->alllink;
        continue;
      }
      *link = mp->alllink;
      mp->alllink = list;
      list = mp;
    }
  }
  while (list != nullptr) {
    m* mp = list;
    list = mp->alllink;
    pthread_join(mp->thread, nullptr);
    delete mp;
  }
}

void once_a_second(schedt* s) {
  scavenge();
  join_ended(s);
  follow_processors(s);
  // A thread of the program's own may have ended, the last one that could have woken somebody.
  const std::lock_guard hold(s->lock);
  checkdead_locked(s);
}

}  // namespace

void wake_sysmon(schedt* s) {
  if (s->sysmon_rests.exchange(sysmon_rest::no, std::memory_order_seq_cst) != sysmon_rest::no) s->sysmon_note.wakeup();
}

void* sysmon_main(void* arg) {
  auto* s = static_cast<schedt*>(arg);
  s->sysmon_tid.store(static_cast<std::uint32_t>(::gettid()), std::memory_order_relaxed);
  note never_woken;
  std::int64_t delay = 20 * us;
  int idle = 0;
  int soon = 0;  // looks that a blocking call has asked for
  std::int64_t last_second = nanotime();
  while (!s->stopping.load(std::memory_order_acquire)) {
    if (idle == 0) {
      delay = 20 * us;
    } else if (idle > 50) {
      delay = delay * 2 > 10 * ms ? 10 * ms : delay * 2;
    }
    if (soon > 0) {
      soon--;
      never_woken.sleep_for(20 * us);
    } else {
      // At least a millisecond between two calls for help, or a program of many short blocking calls would have it run
      // all the time.
      never_woken.sleep_for(delay > ms ? ms : delay);
      if (delay > ms && nap_until_syscall(s, delay - ms)) soon = 2;
    }
    // `idle` stays: a P that gets work may be idle again at once. sysmon looks every 10 ms then, which is often enough
    // for a goroutine that does not yield; only a P that had to be taken makes it look closer.
    if (idle > 60 && s->npidle.load(std::memory_order_relaxed) == s->nprocs.load(std::memory_order_relaxed)) {
      sleep_while_idle(s);
    }
    if (quit_requested() != nullptr && hooks.report_quit != nullptr) hooks.report_quit();
    const std::int64_t now = nanotime();
    if (now - last_second >= second) {
      last_second = now;
      once_a_second(s);
    }
    poll_if_forgotten(s, now);
    idle = retake(s, now) > 0 ? 0 : idle + 1;
    watchdog(s, now);
    schedtrace_if_due(s, now);
  }
  wait_for_report();
  return nullptr;
}

}  // namespace gofer::sched
