#include "sched/bound.hpp"

#include <mutex>
#include <utility>

#include "sched/clock.hpp"
#include "sched/netpoll.hpp"
#include "sched/schedule.hpp"

namespace gofer::sched {

namespace {

// How long a P stays while other threads want one: cputicks, about 1 ms at 2 to 4 GHz. A hundredth of it goes into the
// change of threads.
constexpr std::uint64_t slice_ticks = 3'000'000;

void append(bound_queue* b, g* gp) {
  gp->schedlink = nullptr;
  if (b->head == nullptr) {
    b->head = gp;
  } else {
    b->tail->schedlink = gp;
  }
  b->tail = gp;
}

// The inbox goes behind the list, oldest first.
void empty_inbox(bound_queue* b) {
  if (b->inbox.load(std::memory_order_relaxed) == nullptr) return;
  g* newest = b->inbox.exchange(nullptr, std::memory_order_acquire);  // acquire; pairs with the CAS in bound_ready
  g* oldest = nullptr;
  while (newest != nullptr) {
    g* older = newest->schedlink;
    newest->schedlink = oldest;
    oldest = newest;
    newest = older;
  }
  while (oldest != nullptr) {
    g* gp = oldest;
    oldest = gp->schedlink;
    append(b, gp);
  }
}

g* pop(bound_queue* b) {
  empty_inbox(b);
  g* gp = b->head;
  if (gp != nullptr) b->head = gp->schedlink;
  return gp;
}

// seq_cst: after the write of `rest`, see bound.hpp.
bool has_work(const bound_queue* b) {
  return b->head != nullptr || b->inbox.load(std::memory_order_seq_cst) != nullptr;
}

void want_locked(bound_queue* b) {
  schedt* s = b->sched;
  b->link = nullptr;
  bound_queue** last = &s->wanting;
  while (*last != nullptr) last = &(*last)->link;
  *last = b;
  s->nwanting.fetch_add(1, std::memory_order_relaxed);
}

void wake(bound_queue* b) {
  schedt* s = b->sched;
  m* mp = b->mp;
  {
    const std::lock_guard hold(s->lock);
    if (s->stopping.load(std::memory_order_relaxed)) return;
    if (!unlist_locked(s, mp)) return;
    p* pp = pidleget_locked(s);
    if (pp == nullptr) {
      want_locked(b);
      return;
    }
    mp->spinning = false;
    mp->nextp = pp;
  }
  mp->park.wakeup();
}

}  // namespace

bound_queue* new_bound(m* mp) {
  auto* b = new bound_queue;
  b->mp = mp;
  b->sched = mp->sched;
  mp->bound = b;
  const std::lock_guard hold(b->sched->lock);
  b->all_link = b->sched->all_bound;
  b->sched->all_bound = b;
  return b;
}

void bound_ready(g* gp) {
  bound_queue* b = gp->bound;
  if (getm_or_null() == b->mp) {
    append(b, gp);
    return;
  }
  g* newest = b->inbox.load(std::memory_order_relaxed);
  do {
    gp->schedlink = newest;
  } while (!b->inbox.compare_exchange_weak(newest, gp, std::memory_order_seq_cst, std::memory_order_relaxed));
  if (newest != nullptr) return;
  switch (b->rest.load(std::memory_order_seq_cst)) {
    case resting::awake:
      return;
    case resting::asleep:
      wake(b);
      return;
    case resting::polling:
      netpoll_break();
      return;
  }
}

g* bound_pick(m* mp) {
  bound_queue* b = mp->bound;
  b->turn = !b->turn;
  g* gp = b->turn ? pop(b) : nullptr;
  if (gp == nullptr) gp = mp->pp->rq.take_next();
  if (gp == nullptr) gp = mp->pp->rq.pop();
  if (gp == nullptr && !b->turn) gp = pop(b);
  return gp;
}

bool bound_slice_over(m* mp) {
  bound_queue* b = mp->bound;
  if (mp->sched->nwanting.load(std::memory_order_relaxed) == 0) {
    b->wanted_since = 0;
    return false;
  }
  const std::uint64_t now = cputicks();
  if (b->wanted_since == 0) b->wanted_since = now;
  return now - b->wanted_since > slice_ticks;
}

bool bound_yield_p(m* mp) {
  if (!bound_slice_over(mp)) return false;
  mp->bound->wanted_since = 0;
  schedt* s = mp->sched;
  const std::lock_guard hold(s->lock);
  if (s->wanting == nullptr || s->stopping.load(std::memory_order_relaxed)) return false;
  return bound_give_locked(s, releasep(mp));
}

bool bound_before_poll(m* mp) {
  if (mp->bound == nullptr) return false;
  mp->bound->rest.store(resting::polling, std::memory_order_seq_cst);
  return has_work(mp->bound);
}

bool bound_claim_locked(m* mp, p** pp) {
  bound_queue* b = mp->bound;
  if (b == nullptr) return false;
  b->rest.store(resting::asleep, std::memory_order_seq_cst);
  if (!has_work(b)) return false;
  b->rest.store(resting::awake, std::memory_order_relaxed);
  *pp = pidleget_locked(mp->sched);
  if (*pp == nullptr) want_locked(b);
  return true;
}

void bound_awake(m* mp) {
  if (mp->bound == nullptr) return;
  mp->bound->rest.store(resting::awake, std::memory_order_relaxed);
  mp->bound->wanted_since = 0;
}

bool bound_give_locked(schedt* s, p* pp) {
  bound_queue* b = s->wanting;
  if (b == nullptr || s->stopping.load(std::memory_order_relaxed)) return false;
  s->wanting = b->link;
  s->nwanting.fetch_sub(1, std::memory_order_relaxed);
  pp->status.store(pstatus::idle, std::memory_order_release);
  b->mp->spinning = false;
  b->mp->nextp = pp;
  b->mp->park.wakeup();
  return true;
}

void bound_stop_locked(schedt* s) {
  while (bound_queue* b = s->wanting) {
    s->wanting = b->link;
    b->mp->nextp = nullptr;
    b->mp->park.wakeup();
  }
}

}  // namespace gofer::sched
