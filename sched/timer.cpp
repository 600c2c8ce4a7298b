#include "sched/timer.hpp"

#include "sched/keep_p.hpp"
#include "sched/proc.hpp"
#include "sched/schedule.hpp"

namespace gofer::sched {

namespace {

struct place {
  schedt* s;
  timerheap* heap;
};

// The current P's heap; without one the first P's of the run that this thread works for, which somebody always watches.
place heap_here() {
  m* mp = getm();
  {
    // The heap has a lock of its own: it may be used after the P is gone.
    const keep_p keep(mp);
    if (mp->pp != nullptr) return {mp->pp->sched, &mp->pp->timers};
  }
  schedt* s = run_of(mp);
  return {s, &s->allp[0]->timers};
}

}  // namespace

void timer_start(timer* t, std::int64_t when, std::int64_t period) {
  GOFER_CHECK(t->heap.load(std::memory_order_relaxed) == nullptr, "timer_start: timer is armed");
  if (when < 0) when = never - 1;  // the caller's sum overflowed
  const place at = heap_here();
  if (at.heap->add(t, when, period)) wake_netpoller(at.s, when);
}

bool timer_stop(timer* t) {
  // A timer moves between heaps through its owner's resets, which the owner serializes with this, and when its P is
  // retired: then it is in the next one.
  timerheap* heap = t->heap.load(std::memory_order_acquire);
  while (heap != nullptr) {
    if (heap->remove(t)) return true;
    timerheap* const now = t->heap.load(std::memory_order_acquire);
    if (now == heap) return false;
    heap = now;
  }
  return false;
}

bool timer_reset(timer* t, std::int64_t when, std::int64_t period) {
  if (when < 0) when = never - 1;
  bool earliest = false;
  while (timerheap* heap = t->heap.load(std::memory_order_acquire)) {
    if (!heap->move(t, when, period, &earliest)) continue;  // fired, or moved to another heap
    if (earliest) wake_netpoller(heap_here().s, when);
    return true;
  }
  timer_start(t, when, period);
  return false;
}

}  // namespace gofer::sched
