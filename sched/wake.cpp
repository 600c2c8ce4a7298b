// Idle Ms and Ps, and the wake-up protocol.
//
// The problem: a worker that finds nothing must sleep (an idle process uses no CPU), and work made at that moment must
// not be missed. Waking somebody at every ready would cost a system call each; waking nobody leaves cores idle.
//
// The rule is Go's (proc.go, "Worker thread parking/unparking"): at least one worker looks for work ("spins", it holds
// a P and runs no goroutine) whenever there is an idle P and somebody just made work. nmspinning counts them.
//   - Who makes work: publish it, then, if nobody spins and a P is idle, wake one worker, which starts out spinning.
//   - Who spins and finds work: stop spinning; if it was the last, wake another (there may be more work).
//   - Who spins and finds nothing: give the P up, stop spinning, then look at all queues once more.
// Why no work is missed: publishing is a seq_cst write W (the exchange of runnext, the count of the global queue, or,
// after a push to a ring, a read-modify-write of nmspinning), followed by reads of nmspinning and npidle. Giving up is
// seq_cst writes of npidle and nmspinning, followed by reads of the queues. In the one order of these operations either
// W comes before the spinner's last look, which then finds the work, or the maker's reads come after the spinner's
// writes, and the maker wakes somebody. With the ring the two meet at nmspinning itself: one of the two
// read-modify-writes comes first, and the other sees what was done before it.
#include <cstdio>
#include <mutex>

#include "sched/bound.hpp"
#include "sched/clock.hpp"
#include "sched/netpoll.hpp"
#include "sched/newm.hpp"
#include "sched/schedule.hpp"
#include "sched/stack.hpp"

namespace gofer::sched {

atomic<std::int64_t> idle_thread_ns{10'000'000'000};

void pidleput_locked(schedt* s, p* pp) {
  if (bound_give_locked(s, pp)) return;
  pp->status.store(pstatus::idle, std::memory_order_release);
  pp->link = s->pidle;
  s->pidle = pp;
  s->npidle.fetch_add(1, std::memory_order_seq_cst);
}

p* pidleget_locked(schedt* s) {
  while (p* pp = s->pidle) {
    s->pidle = pp->link;
    s->npidle.fetch_sub(1, std::memory_order_seq_cst);
    if (!pp->stop.load(std::memory_order_relaxed)) {
      // From now on there is somebody to look after.
      if (s->sysmon_rests.load(std::memory_order_seq_cst) == sysmon_rest::idle) wake_sysmon(s);
      return pp;
    }
    pp->status.store(pstatus::dead, std::memory_order_release);
  }
  return nullptr;
}

void acquirep(m* mp, p* pp) {
  GOFER_CHECK(mp->pp == nullptr && pp->mp.load(std::memory_order_relaxed) == nullptr, "acquirep: P already in use");
  pp->status.store(pstatus::running, std::memory_order_release);
  pp->mp.store(mp, std::memory_order_release);
  mp->pp = pp;
  // By exchange: sysmon may just be asking this thread about a P that it held before, and waits for its answer.
  theft_state lost = theft_state::taken;
  mp->theft.compare_exchange_strong(lost, theft_state::none, std::memory_order_relaxed, std::memory_order_relaxed);
}

p* releasep(m* mp) {
  p* pp = mp->pp;
  GOFER_CHECK(pp != nullptr && pp->mp.load(std::memory_order_relaxed) == mp, "releasep: not this M's P");
  pp->mp.store(nullptr, std::memory_order_relaxed);
  mp->pp = nullptr;
  return pp;
}

void wakep(schedt* s) {
  std::int32_t none = 0;
  if (s->nmspinning.load(std::memory_order_seq_cst) != 0) return;
  if (!s->nmspinning.compare_exchange_strong(none, 1, std::memory_order_seq_cst, std::memory_order_relaxed)) return;
  p* pp = nullptr;
  {
    const std::lock_guard hold(s->lock);
    if (!s->stopping.load(std::memory_order_relaxed)) pp = pidleget_locked(s);
  }
  if (pp == nullptr) {
    s->nmspinning.fetch_sub(1, std::memory_order_seq_cst);
    return;
  }
  startm(s, pp, true);
}

namespace {

// No thread to be had for pp: it waits for one of those that there are. Who is about to sleep takes it (stopm), who
// comes back from a blocking call finds it on the idle list. Returns how many workers there are.
int without_thread(schedt* s, p* pp, bool spinning) {
  const std::lock_guard hold(s->lock);
  s->nm--;
  if (spinning) s->nmspinning.fetch_sub(1, std::memory_order_seq_cst);
  if (m* mp = s->midle) {  // asleep since we looked
    s->midle = mp->schedlink;
    s->nmidle--;
    mp->nextp = pp;
    mp->park.wakeup();
    return s->nm;
  }
  pidleput_locked(s, pp);
  s->short_of_threads = true;
  return s->nm;
}

void warn_no_thread(int workers, bool refused) {
  static atomic<bool> said{false};
  if (said.exchange(true)) return;
  char line[320];
  if (refused) {
    std::snprintf(line, sizeof line,
                  "gofer: the system refuses a thread beyond %d workers (ulimit -u, the cgroup's pids.max, memory): "
                  "goroutines wait until one of those is free\n",
                  workers);
  } else {
    std::snprintf(
        line, sizeof line,
        "gofer: all %d worker threads block (options.max_threads, GOFER_MAXTHREADS): goroutines wait until one "
        "is free; fewer blocking calls at once, or a higher limit, let them run\n",
        workers);
  }
  write_err(line);
}

}  // namespace

void startm(schedt* s, p* pp, bool spinning) {
  s->lock.lock();
  if (m* mp = s->midle) {
    s->midle = mp->schedlink;
    s->nmidle--;
    mp->spinning = spinning;
    mp->nextp = pp;
    s->lock.unlock();
    mp->park.wakeup();
    return;
  }
  const bool allowed = s->nm < s->max_threads;
  s->nm++;  // counted before it exists, so that checkdead does not miss it
  s->lock.unlock();
  if (allowed && newm(s, pp, spinning)) return;
  const int nm = without_thread(s, pp, spinning);
  if (nm == 0) {
    fatal("cannot create the first worker thread: out of threads or memory (see ulimit -u and the cgroup's pids.max)");
  }
  warn_no_thread(nm, allowed);
}

bool unlist_locked(schedt* s, m* mp) {
  for (m** link = &s->midle; *link != nullptr; link = &(*link)->schedlink) {
    if (*link != mp) continue;
    *link = mp->schedlink;
    s->nmidle--;
    return true;
  }
  return false;
}

namespace {

// Asleep until somebody hands over a P; false: the run is over. The note is clear but between a wake-up and the end of
// this.
bool wait_for_p(m* mp) {
  mp->park.sleep();
  mp->park.clear();
  bound_awake(mp);
  p* pp = mp->nextp;
  mp->nextp = nullptr;
  if (pp == nullptr) return false;
  acquirep(mp, pp);
  return true;
}

}  // namespace

bool stopm(m* mp) {
  schedt* s = mp->sched;
  p* claimed = nullptr;
  bool spare = false;
  {
    const std::lock_guard hold(s->lock);
    if (s->stopping.load(std::memory_order_relaxed)) return false;
    if (s->short_of_threads) {
      s->short_of_threads = false;
      claimed = pidleget_locked(s);
    }
    if (claimed == nullptr && !bound_claim_locked(mp, &claimed)) {
      mp->schedlink = s->midle;
      s->midle = mp;
      s->nmidle++;
      // The list is a stack: those at its bottom, as many as can run at once, sleep for as long as it takes; of those
      // above, whoever is not needed for a while ends. Not one to which goroutines are bound.
      spare = mp->bound == nullptr && s->nmidle > s->nprocs.load(std::memory_order_relaxed);
      checkdead_locked(s);
    }
  }
  if (claimed != nullptr) {
    acquirep(mp, claimed);
    return true;
  }
  if (spare && !mp->park.sleep_for(idle_thread_ns.load(std::memory_order_relaxed))) {
    const std::lock_guard hold(s->lock);
    if (unlist_locked(s, mp)) return false;
  }
  return wait_for_p(mp);
}

bool stoplockedm(m* mp) {
  schedt* s = mp->sched;
  if (mp->pp != nullptr) handoffp(s, releasep(mp));
  {
    const std::lock_guard hold(s->lock);
    if (s->stopping.load(std::memory_order_relaxed)) return false;
    s->nmidlelocked++;
    mp->waits_for_lockedg = true;
    checkdead_locked(s);
  }
  return wait_for_p(mp);
}

bool startlockedm(m* mp, g* gp) {
  schedt* s = mp->sched;
  m* owner = gp->lockedm;
  {
    const std::lock_guard hold(s->lock);
    s->nmidlelocked--;
    owner->waits_for_lockedg = false;
  }
  owner->nextp = releasep(mp);
  owner->park.wakeup();
  return stopm(mp);
}

void take_timers(p* pp) {
  schedt* s = pp->sched;
  const std::int64_t when = pp->timers.first_when();
  if (when == never || s->stopping.load(std::memory_order_relaxed)) return;
  s->allp[0]->timers.take(pp->timers);  // never retired
  wake_netpoller(s, when);
}

void retire(schedt* s, p* pp) {
  // On the end of a run these goroutines are never scheduled again, so that it does not matter where they are.
  if (!s->stopping.load(std::memory_order_relaxed)) {
    while (g* gp = pp->rq.take_next()) s->global.push(gp);
    while (g* gp = pp->rq.pop()) s->global.push(gp);
  }
  gfpurge(pp);
  if (hooks.release_pool != nullptr) hooks.release_pool(pp);
  take_timers(pp);
  {
    const std::lock_guard hold(s->lock);
    if (pp->stop.load(std::memory_order_relaxed)) {
      pp->status.store(pstatus::dead, std::memory_order_release);
    } else {
      pidleput_locked(s, pp);  // gomaxprocs has changed its mind meanwhile (revive_locked)
    }
  }
  const bool unpolled = s->lastpoll.load(std::memory_order_seq_cst) != 0 && netpoll_any_waiters();
  if (s->global.size() > 0 || unpolled) wakep(s);
}

void handoffp(schedt* s, p* pp) {
  if (pp->stop.load(std::memory_order_relaxed)) {
    retire(s, pp);
    return;
  }
  if (s->nwanting.load(std::memory_order_relaxed) > 0) {
    const std::lock_guard hold(s->lock);
    if (bound_give_locked(s, pp)) return;
  }
  const bool busy = !pp->rq.empty() || s->global.size() > 0;
  if (busy) {
    startm(s, pp, false);
    return;
  }
  std::int32_t none = 0;
  if (s->nmspinning.load(std::memory_order_seq_cst) + s->npidle.load(std::memory_order_seq_cst) == 0 &&
      s->nmspinning.compare_exchange_strong(none, 1, std::memory_order_seq_cst, std::memory_order_relaxed)) {
    startm(s, pp, true);
    return;
  }
  s->lock.lock();
  // The last busy P, and nobody blocks in the poller though goroutines wait there: somebody must (Go's handoffp).
  const bool unpolled = s->npidle.load(std::memory_order_relaxed) == s->nprocs.load(std::memory_order_relaxed) - 1 &&
                        s->lastpoll.load(std::memory_order_relaxed) != 0 && netpoll_any_waiters();
  if (s->global.size() > 0 || unpolled) {
    s->lock.unlock();
    startm(s, pp, false);
    return;
  }
  const std::int64_t when = pp->timers.first_when();
  pidleput_locked(s, pp);
  s->lock.unlock();
  // Nobody may be watching this P's timers now.
  if (when != never) wake_netpoller(s, when);
}

void wake_netpoller(schedt* s, std::int64_t when) {
  if (s->lastpoll.load(std::memory_order_seq_cst) == 0) {
    const std::int64_t until = s->polluntil.load(std::memory_order_seq_cst);
    if (until == 0 || until > when) netpoll_break();
  } else if (s->npidle.load(std::memory_order_seq_cst) != 0) {
    // Nobody blocks in the poller: let somebody look, who will block there until `when`.
    wakep(s);
  }
}

}  // namespace gofer::sched
