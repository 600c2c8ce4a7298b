// The scheduler: who runs next.
//
// A goroutine that parks looks itself, on its own stack, for the next one in its P's queue, and switches to it
// (next_local). Only when that is empty, or when something else is due (a timer, the global queue, the end of the run),
// does it switch to g0, where find_runnable looks everywhere, then gives up the P and sleeps. The common park is one
// switch instead of Go's two.
#include "sched/schedule.hpp"

#include <array>
#include <utility>

#include "sched/bound.hpp"
#include "sched/clock.hpp"
#include "sched/keep_p.hpp"
#include "sched/netpoll.hpp"
#include "sched/stack.hpp"

namespace gofer::sched {

namespace {

// How often a busy P looks at the clock for its timers: cputicks between two looks, about 10 us at 2 to 4 GHz.
constexpr std::uint64_t timer_check_ticks = 30'000;

// Runs the timers of pp that are due.
void check_timers(p* pp) {
  if (pp->timers.first_when() == never) return;
  const std::int64_t now = nanotime();
  if (pp->timers.first_when() <= now) pp->timers.run(now);
}

g* steal_from(p* pp, p* victim, bool last_round) {
  std::array<g*, runq_size / 2> loot;
  const std::uint32_t n = victim->rq.grab(loot);
  if (n > 0) {
    for (std::uint32_t i = 1; i < n; i++) runqput(pp, loot[i], false);
    return loot[0];
  }
  if (!last_round || victim->rq.peek_next() == nullptr) return nullptr;
  // Whoever is in the slot is about to run: its P readied it and usually parks at once. Give it 3 us (Go's number: a
  // ping-pong pair must not be torn apart), then take it.
  if (victim->status.load(std::memory_order_relaxed) == pstatus::running) {
    const std::int64_t until = nanotime() + 3'000;
    while (nanotime() < until) cpu_relax();
  }
  return victim->rq.take_next();
}

g* steal_work(m* mp, p* pp) {
  schedt* s = pp->sched;
  constexpr int rounds = 4;
  for (int round = 0; round < rounds; round++) {
    const bool last = round == rounds - 1;
    const auto n = static_cast<std::uint32_t>(s->nallp.load(std::memory_order_acquire));
    const std::uint32_t start = fastrandn(mp, n);
    for (std::uint32_t i = 0; i < n; i++) {
      p* victim = s->allp[(start + i) % n];
      if (victim == pp) continue;
      if (s->stopping.load(std::memory_order_relaxed)) return nullptr;
      if (last) {
        check_timers(victim);
        if (g* gp = pp->rq.take_next()) return gp;
        if (g* gp = pp->rq.pop()) return gp;
      }
      if (g* gp = steal_from(pp, victim, last)) return gp;
    }
  }
  return nullptr;
}

bool any_work(schedt* s) {
  if (s->global.size() > 0) return true;
  const std::int32_t n = s->nallp.load(std::memory_order_acquire);
  for (std::int32_t i = 0; i < n; i++) {
    if (!s->allp[i]->rq.empty()) return true;
  }
  return false;
}

std::int64_t earliest_timer(schedt* s) {
  std::int64_t when = never;
  const std::int32_t n = s->nallp.load(std::memory_order_acquire);
  for (std::int32_t i = 0; i < n; i++) {
    const std::int64_t w = s->allp[i]->timers.first_when();
    if (w < when) when = w;
  }
  return when;
}

std::uint32_t count_tick(p* pp) {
  const std::uint32_t tick = pp->schedtick.load(std::memory_order_relaxed) + 1;
  pp->schedtick.store(tick, std::memory_order_relaxed);
  return tick;
}

void stop_spinning(m* mp) {
  schedt* s = mp->sched;
  mp->spinning = false;
  const std::int32_t before = s->nmspinning.fetch_sub(1, std::memory_order_seq_cst);
  GOFER_CHECK(before > 0, "negative nmspinning");
  // The last one that looked found something: there may be more, so the next one shall look (Go's resetspinning).
  if (before == 1 && s->npidle.load(std::memory_order_seq_cst) > 0) wakep(s);
}

// Who comes first on this M's own queues.
g* pick(m* mp) {
  if (__builtin_expect(mp->bound != nullptr, 0)) return bound_pick(mp);
  runq& rq = mp->pp->rq;
  if (g* gp = rq.take_next()) return gp;
  g* gp = rq.pop();
  // The one after this is needed in some ten nanoseconds, and of thousands none is in the cache.
  const auto* after = static_cast<const char*>(rq.glance());
  __builtin_prefetch(after);
  __builtin_prefetch(after + cache_line);
  return gp;
}

g* take_from_poller(m* mp, g* list) {
  schedt* s = mp->sched;
  list = pass_on_others(s, list);
  if (list == nullptr) return nullptr;
  if (list->bound != nullptr) {
    injectglist(s, mp->pp, list);
    return pick(mp);
  }
  g* first = list;
  injectglist(s, mp->pp, first->schedlink);
  casgstatus(first, gstatus::waiting, gstatus::runnable);
  return first;
}

// Local queue, global queue, poller: what can be had without looking at other Ps.
g* find_nearby(m* mp) {
  p* pp = mp->pp;
  schedt* s = pp->sched;
  check_timers(pp);
  if (pp->schedtick.load(std::memory_order_relaxed) % globq_tick == 0) {
    if (g* gp = s->global.pop()) return gp;
    // Two that ready each other in turn follow one another through `next` for ever. Go lets them share one time slice;
    // here the ring has its turn now.
    if (g* gp = pp->rq.pop()) return gp;
  }
  if (g* gp = pick(mp)) return gp;
  if (g* gp = globrunqget(s, pp)) return gp;
  std::int64_t last = s->lastpoll.load(std::memory_order_relaxed);
  if (netpoll_any_waiters() && last != 0) {
    if (g* list = netpoll(0)) {
      // Unless somebody blocks in the poller since: were that written over, a second one would, and a break, meant for
      // one of them, might wake the other.
      s->lastpoll.compare_exchange_strong(last, nanotime(), std::memory_order_seq_cst, std::memory_order_relaxed);
      return take_from_poller(mp, list);
    }
  }
  return nullptr;
}

// Blocks in the poller as the one M that does. Returns a goroutine with a P held, or nullptr: look again (mp->pp may be
// set).
g* block_in_poller(m* mp, std::int64_t until) {
  schedt* s = mp->sched;
  std::int64_t delay = -1;
  if (until != never) {
    delay = until - nanotime();
    if (delay < 0) delay = 0;
  }
  s->polluntil.store(until == never ? 0 : until, std::memory_order_seq_cst);
  // Timers and work that came between our last look and the store above: their makers did not know whom to wake.
  if (any_work(s) || earliest_timer(s) < until || s->stopping.load(std::memory_order_seq_cst)) delay = 0;
  if (bound_before_poll(mp)) delay = 0;
  g* list = netpoll(delay);
  bound_awake(mp);
  s->polluntil.store(0, std::memory_order_seq_cst);
  s->lastpoll.store(nanotime(), std::memory_order_seq_cst);
  // The end of this run was told by a break; but the one that was taken in here may have been for the next run's
  // worker.
  if (s->stopping.load(std::memory_order_seq_cst)) netpoll_break();
  p* pp;
  {
    const std::lock_guard hold(s->lock);
    pp = s->stopping.load(std::memory_order_relaxed) ? nullptr : pidleget_locked(s);
  }
  if (pp == nullptr) {
    injectglist(s, nullptr, list);
    return nullptr;
  }
  acquirep(mp, pp);
  return list == nullptr ? nullptr : take_from_poller(mp, list);
}

// After an M without a P has stopped spinning: whoever made work meanwhile saw it spin and woke nobody. True: there is
// work, and a P to look for it again.
bool look_once_more(m* mp) {
  schedt* s = mp->sched;
  if (!any_work(s)) return false;
  const std::lock_guard hold(s->lock);
  p* again = pidleget_locked(s);
  if (again == nullptr) return false;
  acquirep(mp, again);
  mp->spinning = true;
  s->nmspinning.fetch_add(1, std::memory_order_seq_cst);
  return true;
}

// Finds a runnable goroutine; blocks until there is one. nullptr: the run is over. Go's findRunnable.
g* find_runnable(m* mp) {
  schedt* s = mp->sched;
  for (;;) {
    if (mp->pp == nullptr) {
      if (!stopm(mp)) return nullptr;
      continue;
    }
    p* pp = mp->pp;
    if (pp->stop.load(std::memory_order_relaxed)) {
      const bool was_spinning = std::exchange(mp->spinning, false);
      if (was_spinning) s->nmspinning.fetch_sub(1, std::memory_order_seq_cst);
      retire(s, releasep(mp));
      // Whatever this M was about to do (it may have been woken for a timer on another P), it does with another P, if
      // one is idle; if none is, others will come by.
      const std::lock_guard hold(s->lock);
      if (p* again = s->stopping.load(std::memory_order_relaxed) ? nullptr : pidleget_locked(s)) acquirep(mp, again);
      continue;
    }
    if (mp->bound != nullptr && !mp->spinning && bound_yield_p(mp)) continue;
    if (g* gp = find_nearby(mp)) return gp;

    // Look at others', unless half of the busy Ps have somebody looking already: more would only burn CPU.
    const std::int32_t procs = s->nprocs.load(std::memory_order_relaxed);
    if (mp->spinning ||
        2 * s->nmspinning.load(std::memory_order_relaxed) < procs - s->npidle.load(std::memory_order_relaxed)) {
      if (!mp->spinning) {
        mp->spinning = true;
        s->nmspinning.fetch_add(1, std::memory_order_seq_cst);
      }
      if (g* gp = steal_work(mp, pp)) return gp;
    }

    // Give the P up. From here on new work is found by the recheck below or by its maker (wake.cpp).
    {
      const std::lock_guard hold(s->lock);
      if (s->global.size() > 0 || pp->stop.load(std::memory_order_relaxed)) continue;
      releasep(mp);
      pidleput_locked(s, pp);
    }
    const bool was_spinning = mp->spinning;
    if (was_spinning) {
      mp->spinning = false;
      s->nmspinning.fetch_sub(1, std::memory_order_seq_cst);
      if (look_once_more(mp)) continue;
    }

    const std::int64_t until = earliest_timer(s);
    if (netpoll_any_waiters() || until != never) {
      // lastpoll is 0 exactly while somebody blocks in the poller: whoever turns it to 0 is the one.
      if (s->lastpoll.exchange(0, std::memory_order_seq_cst) != 0) {
        g* gp = block_in_poller(mp, until);
        if (gp != nullptr) return gp;
        if (mp->pp != nullptr && was_spinning) {
          mp->spinning = true;
          s->nmspinning.fetch_add(1, std::memory_order_seq_cst);
        }
        continue;
      }
      const std::int64_t other = s->polluntil.load(std::memory_order_seq_cst);
      if (until != never && (other == 0 || other > until)) netpoll_break();
    }
    if (mp->pp == nullptr && !stopm(mp)) return nullptr;
  }
}

}  // namespace

g* next_local(m* mp) {
  p* pp = mp->pp;
  if (__builtin_expect(pp == nullptr, 0)) return nullptr;
  const std::uint32_t tick = count_tick(pp);
  if (__builtin_expect(tick % globq_tick == 0, 0)) return nullptr;
  if (__builtin_expect(pp->stop.load(std::memory_order_relaxed), 0)) return nullptr;
  if (pp->timers.first_when() != never) {
    const std::uint64_t now = cputicks();
    if (now - pp->last_timer_check > timer_check_ticks) {
      pp->last_timer_check = now;
      return nullptr;
    }
  }
  // Who is locked to a thread leaves it to nobody, and comes by way of g0.
  if (__builtin_expect(mp->lockedg != nullptr, 0)) return nullptr;
  if (__builtin_expect(mp->bound != nullptr, 0) && bound_slice_over(mp)) return nullptr;
  g* gp = pick(mp);
  if (gp != nullptr && __builtin_expect(gp->lockedm != nullptr, 0)) {
    mp->pulled = gp;
    return nullptr;
  }
  return gp;
}

void leave(m* mp, g* gp, g* next, bool dies) {
  if (next != nullptr) {
    casgstatus(next, gstatus::runnable, gstatus::running);
    next->waitsince = 0;
    switch_to(mp, gp, next, dies);
  } else {
    switch_to(mp, gp, &mp->g0, dies);
  }
  // Here on whichever thread switched back.
  mp = getm();
  finish_switch(mp);
  leave_sched(mp);
}

void schedule_loop(m* mp) {
  for (;;) {
    g* gp = mp->resume;
    if (gp != nullptr) {
      mp->resume = nullptr;
      gp->status.store(gstatus::running, std::memory_order_relaxed);
    } else if (mp->lockedg != nullptr) {
      if (mp->pulled != nullptr) mp->sched->global.push(std::exchange(mp->pulled, nullptr));
      if (!stoplockedm(mp)) return;
      gp = mp->lockedg;
      casgstatus(gp, gstatus::runnable, gstatus::running);
    } else {
      gp = mp->pulled != nullptr ? std::exchange(mp->pulled, nullptr) : find_runnable(mp);
      if (gp == nullptr) return;
      if (mp->spinning) stop_spinning(mp);
      if (gp->sched != mp->sched) continue;  // left over from a run that is over
      if (gp->lockedm != nullptr) {
        if (!startlockedm(mp, gp)) return;
        continue;
      }
      count_tick(mp->pp);
      casgstatus(gp, gstatus::runnable, gstatus::running);
      gp->waitsince = 0;
    }
    switch_to(mp, &mp->g0, gp);
    finish_switch(mp);
  }
}

}  // namespace gofer::sched
