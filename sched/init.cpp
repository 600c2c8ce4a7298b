// Starting and ending the scheduler, GOMAXPROCS.
//
// Each run has its own schedt and Ps (a later one takes over those of one that left nothing behind). Ending one means:
// every P is told to stop, idle workers are woken and end, busy ones end when they next come to the scheduler. A worker
// that does not come (its goroutine computes for ever, or blocks in a system call) is left behind with its P; nothing
// it does can reach the next run, because everything it holds belongs to the old schedt.
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <mutex>

#include "sched/bound.hpp"
#include "sched/clock.hpp"
#include "sched/cpulimit.hpp"
#include "sched/fork.hpp"
#include "sched/netpoll.hpp"
#include "sched/proc.hpp"
#include "sched/retake.hpp"
#include "sched/schedule.hpp"
#include "sched/stack.hpp"

namespace gofer::sched {

atomic<schedt*> the_sched{nullptr};

std::mutex& admin() {
  static auto* mu = new std::mutex;
  return *mu;
}

namespace {

// Guarded by admin().
schedt* ended = nullptr;

p* new_p(schedt* s, std::int32_t id) {
  auto* pp = new p;
  pp->id = id;
  pp->sched = s;
  return pp;
}

// Takes back up to `missing` Ps that were retired, with the timers that are still in them. One whose M has not come to
// leave it goes on as if nothing had been (retire has the other half).
void revive_locked(schedt* s, std::int32_t missing) {
  const std::int32_t nallp = s->nallp.load(std::memory_order_relaxed);
  for (std::int32_t i = 0; i < nallp && missing > 0; i++) {
    p* pp = s->allp[i];
    if (!pp->stop.load(std::memory_order_relaxed)) continue;
    pp->stop.store(false, std::memory_order_relaxed);
    missing--;
    if (pp->status.load(std::memory_order_acquire) == pstatus::dead) pidleput_locked(s, pp);
  }
  for (; missing > 0; missing--) {
    const std::int32_t id = s->nallp.load(std::memory_order_relaxed);
    s->allp[id] = new_p(s, id);
    s->nallp.store(id + 1, std::memory_order_release);  // release; pairs with the acquires of those who walk allp
    pidleput_locked(s, s->allp[id]);
  }
}

void set_procs_locked(schedt* s, std::int32_t n) {
  const std::int32_t old = s->nprocs.load(std::memory_order_relaxed);
  if (n > old) revive_locked(s, n - old);
  std::int32_t surplus = old - n;
  for (std::int32_t i = s->nallp.load(std::memory_order_relaxed) - 1; i > 0 && surplus > 0; i--) {
    if (s->allp[i]->stop.exchange(true, std::memory_order_relaxed)) continue;
    surplus--;
  }
  // Idle ones among them leave the list now, so that npidle counts only usable Ps.
  p* keep = nullptr;
  while (p* pp = pidleget_locked(s)) {
    pp->link = keep;
    keep = pp;
  }
  while (keep != nullptr) {
    p* pp = keep;
    keep = pp->link;
    pidleput_locked(s, pp);
  }
  s->nprocs.store(n, std::memory_order_seq_cst);
}

void set_procs(schedt* s, std::int32_t n) {
  {
    const std::lock_guard hold(s->lock);
    set_procs_locked(s, n);
  }
  // Of those that were idle; a busy one's are taken when its M leaves it (retire).
  for (std::int32_t i = 0; i < s->nallp.load(std::memory_order_relaxed); i++) {
    if (s->allp[i]->status.load(std::memory_order_acquire) == pstatus::dead) take_timers(s->allp[i]);
  }
}

// An instance whose run has left neither a worker nor a goroutine behind, as good as new. Others are kept as they are:
// what is left of their runs still looks at them.
schedt* reuse_ended() {
  for (schedt** link = &ended; *link != nullptr; link = &(*link)->older) {
    schedt* s = *link;
    if (!s->reusable) continue;
    *link = s->older;
    return s;
  }
  return nullptr;
}

void make_reusable(schedt* s) {
  for (std::int32_t i = 0; i < s->nallp.load(std::memory_order_relaxed); i++) {
    p* pp = s->allp[i];
    pp->status.store(pstatus::dead, std::memory_order_relaxed);
    pp->link = nullptr;
    pp->mp.store(nullptr, std::memory_order_relaxed);
    pp->gcount.store(0, std::memory_order_relaxed);
    pp->goidcache = pp->goidcache_end = 0;
  }
  s->midle = nullptr;
  s->nmidle = s->nmidlelocked = s->nm = 0;
  s->pidle = nullptr;
  s->mid = 0;
  s->npidle.store(0, std::memory_order_relaxed);
  s->nmspinning.store(0, std::memory_order_relaxed);
  s->nprocs.store(0, std::memory_order_relaxed);
  s->polluntil.store(0, std::memory_order_relaxed);
  s->goidgen.store(1, std::memory_order_relaxed);
  s->gcount.store(0, std::memory_order_relaxed);
  s->main_started.store(false, std::memory_order_relaxed);
  s->main_goexited.store(false, std::memory_order_relaxed);
  s->main_done.clear();
  s->sysmon_rests.store(sysmon_rest::no, std::memory_order_relaxed);
  s->sysmon_tid.store(0, std::memory_order_relaxed);
  s->short_of_threads = false;
  s->wanting = nullptr;
  s->nwanting.store(0, std::memory_order_relaxed);
  while (bound_queue* b = s->all_bound) {
    s->all_bound = b->all_link;
    delete b;
  }
  s->reusable = true;
}

}  // namespace

schedt* sched_start(const start_params& params) {
  const std::lock_guard only(admin());
  if (schedt* s = the_sched.load(std::memory_order_acquire)) {
    // Started by go(): those that have begun stay what they are.
    if (params.pinned) s->pinned.store(true, std::memory_order_relaxed);
    return s;
  }
  GOFER_CHECK(::sysconf(_SC_PAGESIZE) == static_cast<long>(page_size), "gofer is built for pages of 4096 bytes");
  if (params.stack_size != 0) set_default_stack_size(params.stack_size);
  netpoll_init();
  install_signal_handlers();
  install_quit_handler();
  install_fork_handlers();
  retake_init();
  schedt* s = reuse_ended();
  if (s == nullptr) s = new schedt;
  s->reusable = false;
  s->stopping.store(false, std::memory_order_relaxed);
  s->max_threads = params.max_threads > 0 ? params.max_threads : default_max_threads;
  s->follow_processors = params.procs <= 0;
  s->pinned.store(params.pinned, std::memory_order_relaxed);
  pthread_sigmask(SIG_SETMASK, nullptr, &s->sigmask);
  s->started = s->trace_next = nanotime();
  s->lastpoll.store(s->started, std::memory_order_relaxed);
  int procs = params.procs > 0 ? params.procs : usable_processors();
  if (procs > max_procs) procs = max_procs;
  set_procs(s, procs);
  if (pthread_create(&s->sysmon_thread, nullptr, sysmon_main, s) != 0) {
    fatal("cannot create the monitor thread: out of threads or memory (see ulimit -u and the cgroup's pids.max)");
  }
  while (s->sysmon_tid.load(std::memory_order_relaxed) == 0) ::sched_yield();
  the_sched.store(s, std::memory_order_release);
  return s;
}

schedt* run_of_plain_thread() {
  schedt* s = the_sched.load(std::memory_order_acquire);
  return s != nullptr ? s : sched_start({});
}

void sched_run_main(schedt* s, void (*entry)(void*), void* arg, void* gopc) {
  g* gp = newproc_prepare({.stack_size = 0, .name = nullptr, .gopc = gopc}, 0, 16);
  GOFER_CHECK(gp->sched == s, "run: another run began meanwhile");
  gp->goid = 1;
  gp->parent_goid = 0;
  gp->entry_arg = arg;
  newproc_start(gp, entry);
  {
    // Only now: a worker that goes idle before main is on a queue would report a deadlock. And one that went idle
    // since, because main is blocked already, did not: hence the look.
    const std::lock_guard hold(s->lock);
    s->main_started.store(true, std::memory_order_seq_cst);
    checkdead_locked(s);
  }
  s->main_done.sleep();
}

void sched_main_done() {
  schedt* s = getm()->sched;
  // From here on nothing is scheduled, and nobody reports a deadlock because main is gone.
  s->stopping.store(true, std::memory_order_seq_cst);
  s->main_done.wakeup();
  goexit0();
}

void freeze_the_world() {
  schedt* s = the_sched.load(std::memory_order_acquire);
  if (s == nullptr) return;
  s->stopping.store(true, std::memory_order_seq_cst);
  const std::int32_t n = s->nallp.load(std::memory_order_acquire);
  for (std::int32_t i = 0; i < n; i++) s->allp[i]->stop.store(true, std::memory_order_seq_cst);
}

void sched_main_goexited() { getm()->sched->main_goexited.store(true, std::memory_order_seq_cst); }

void sched_stop(schedt* s) {
  const std::lock_guard only(admin());
  {
    const std::lock_guard hold(s->lock);
    s->stopping.store(true, std::memory_order_seq_cst);
    const std::int32_t n = s->nallp.load(std::memory_order_relaxed);
    for (std::int32_t i = 0; i < n; i++) s->allp[i]->stop.store(true, std::memory_order_seq_cst);
    while (m* mp = s->midle) {
      s->midle = mp->schedlink;
      s->nmidle--;
      mp->nextp = nullptr;
      mp->park.wakeup();
    }
    for (m* mp = s->allm; mp != nullptr; mp = mp->alllink) {
      if (mp->waits_for_lockedg) mp->park.wakeup();
    }
    bound_stop_locked(s);
  }
  s->older = ended;
  ended = s;
  the_sched.store(nullptr, std::memory_order_release);
  netpoll_break();
  wake_sysmon(s);
  pthread_join(s->sysmon_thread, nullptr);
  // A tenth of a second is enough for a worker between two calls into gofer; who computes longer is left behind.
  const std::int64_t deadline = nanotime() + 100'000'000;
  std::uint32_t left;
  while ((left = s->workers_left.load(std::memory_order_acquire)) != 0) {
    const std::int64_t wait = deadline - nanotime();
    if (wait <= 0) break;
    futex_wait(&s->workers_left, left, wait);
  }
  netpoll_forget(s);
  const std::lock_guard hold(s->lock);
  for (m* mp = s->allm; mp != nullptr;) {
    m* next = mp->alllink;
    if (mp->ended) {
      pthread_join(mp->thread, nullptr);
      delete mp;
    } else {
      pthread_detach(mp->thread);
    }
    mp = next;
  }
  s->allm = nullptr;
  const std::int32_t n = s->nallp.load(std::memory_order_relaxed);
  for (std::int32_t i = 0; i < n; i++) {
    p* pp = s->allp[i];
    const bool unused = left == 0 || pp->status.load(std::memory_order_acquire) == pstatus::dead;
    if (!unused) continue;
    pp->timers.abandon();
    gfpurge(pp);
    if (hooks.release_pool != nullptr) hooks.release_pool(pp);
  }
  if (left == 0 && gcount_of(s) == 0) make_reusable(s);
}

void follow_processors(schedt* s) {
  // Not while the run is being ended, which waits for sysmon, the caller.
  const std::unique_lock only(admin(), std::try_to_lock);
  if (!only || !s->follow_processors || s->stopping.load(std::memory_order_relaxed)) return;
  const int n = std::min(usable_processors(), max_procs);
  const int old = s->nprocs.load(std::memory_order_relaxed);
  if (n == old) return;
  set_procs(s, n);
  if (n > old) wakep(s);
}

int gomaxprocs(int n) {
  const std::lock_guard only(admin());
  schedt* s = the_sched.load(std::memory_order_acquire);
  if (s == nullptr) return usable_processors();
  const int old = s->nprocs.load(std::memory_order_relaxed);
  if (n < 1) return old;
  s->follow_processors = false;
  if (n == old) return old;
  set_procs(s, n > max_procs ? max_procs : n);
  wakep(s);
  return old;
}

}  // namespace gofer::sched
