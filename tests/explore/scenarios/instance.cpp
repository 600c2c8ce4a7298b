#include "instance.hpp"

#include <mutex>
#include <new>

#include "sched/clock.hpp"
#include "sched/fatal.hpp"
#include "sched/schedule.hpp"
#include "sched/timer.hpp"

namespace gofer::explore {

namespace {

using namespace sched;  // NOLINT: everything here looks inside

constexpr std::int64_t late = 60'000'000'000;

void life(g* gp) {
  gp->entry(gp->entry_arg);
  if (gp->goid == 1) sched_main_done();
}

void call(void* arg) {
  auto* f = static_cast<std::function<void()>*>(arg);
  (*f)();
  f->~function();
}

void no_p_is_held_twice(const schedt* s) {
  if (s->stopping.load()) return;
  for (const m* a = s->allm; a != nullptr; a = a->alllink) {
    if (a->pp == nullptr) continue;
    for (const m* b = a->alllink; b != nullptr; b = b->alllink) {
      if (a->pp == b->pp)
        fail("P %d is held by M %lld and by M %lld", a->pp->id, static_cast<long long>(a->id),
             static_cast<long long>(b->id));
    }
  }
}

void nothing_waits_in_vain(const schedt* s) {
  if (s->stopping.load()) return;
  EXPLORE_CHECK(!s->lock.held());
  EXPLORE_CHECK(s->nmspinning.load() == 0);
  int idle = 0;
  for (const p* pp = s->pidle; pp != nullptr; pp = pp->link) idle++;
  EXPLORE_CHECK(idle == s->npidle.load());
  bool work = s->global.size() > 0;
  bool blocked = false;  // sysmon has to see to it
  std::int64_t first_timer = never;
  for (int i = 0; i < s->nallp.load(); i++) {
    const p* pp = s->allp[i];
    blocked = blocked || pp->status.load() == pstatus::syscall;
    work = work || !pp->rq.empty();
    if (pp->timers.first_when() < first_timer) first_timer = pp->timers.first_when();
  }
  if (work && idle > 0) fail("a goroutine is runnable, a P is idle, and everybody sleeps");
  // Somewhat late is right: who was held up between his look at the clock and his sleep sleeps for too long.
  if (!blocked && first_timer != never && first_wake_up() > first_timer + late) {
    fail("a timer is armed for %lld, and nobody will wake up before %lld", static_cast<long long>(first_timer),
         static_cast<long long>(first_wake_up()));
  }
}

}  // namespace

void go(std::function<void()> f) {
  using function = std::function<void()>;
  g* gp = newproc_prepare({}, sizeof(function), alignof(function));
  new (gp->entry_arg) function(std::move(f));
  newproc_start(gp, call);
}

sched::schedt* start(int procs) {
  hooks.entry = life;
  schedt* s = sched_start({.procs = procs, .stack_size = std::size_t{64} << 10});
  always([s] { no_p_is_held_twice(s); });
  at_rest([s] { nothing_waits_in_vain(s); });
  return s;
}

void run(int procs, std::function<void()> main) {
  schedt* s = start(procs);
  sched_run_main(
      s, [](void* arg) { (*static_cast<std::function<void()>*>(arg))(); }, &main, nullptr);
  sched_stop(s);
}

void event::set() {
  lock_.lock();
  set_ = true;
  g* gp = std::exchange(waiter_, nullptr);
  lock_.unlock();
  if (gp != nullptr) goready(gp);
}

void event::wait() {
  lock_.lock();
  if (set_) {
    lock_.unlock();
    return;
  }
  waiter_ = getg();
  gopark_unlock(&lock_, wait_reason::sleep);
  EXPLORE_CHECK(set_);
}

void latch::done() {
  bool last;
  {
    const std::lock_guard hold(lock_);
    last = --left_ == 0;
  }
  if (last) all_.set();
}

void sleep_for(std::int64_t ns) {
  struct sleeper {
    timer t;
    g* gp;
    std::int64_t when;
  } me;
  me.gp = getg();
  me.when = nanotime() + ns;
  me.t.arg = &me;
  me.t.f = [](timer*, void* arg) { goready(static_cast<sleeper*>(arg)->gp); };
  // Armed when it has parked: from then on it may be readied.
  const auto arm = [](g*, void* arg) {
    auto* s = static_cast<sleeper*>(arg);
    timer_start(&s->t, s->when);
  };
  gopark(arm, &me, wait_reason::sleep);
  EXPLORE_CHECK(nanotime() >= me.when);
}

}  // namespace gofer::explore
