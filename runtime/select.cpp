// select: one of several sends and receives, whichever can go on.
//
// Go locks all channels in one order, looks at them in a random order, and, when none is ready, enqueues on all and
// parks. The rule here has the same outcomes with fewer locks:
//   1. Look without locks. Of those that seem ready choose one uniformly, and try it under its lock alone. A select may
//   take any
//      case that is ready when it is taken, so that is all the common case costs.
//   2. Nothing: lock all (in one order: those that park first, then by address) and look again. "None is ready" is only
//   true
//      if it was true of all at one moment. With `otherwise`, that is the answer.
//   3. Enqueue on all, and park; the locks are released when the goroutine has left its stack. Whoever wants to wake it
//   must
//      win g->select_done (waitq::dequeue).
//   4. Awake: leave the other queues, one lock at a time. Since this takes the lock of every channel but the waker's,
//   it cannot end
//      before step 3's commit, which reads the frame until its last unlock, is through.
//
// The selects' records are on the stack up to 16 cases.
#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <vector>

#include "runtime/hchan.hpp"
#include "runtime/panic.hpp"
#include "runtime/time_timer.hpp"
#include "runtime/timedpark.hpp"
#include "sched/clock.hpp"
#include "sched/fatal.hpp"
#include "sched/park.hpp"

namespace gofer::runtime {

namespace {

using detail::scase;
using detail::select_result;
using sched::wait_reason;

constexpr int inline_cases = 16;

/// Chooses uniformly among those it is shown, one after the other. Not across a park: it keeps the thread's m.
class chooser {
 public:
  void offer(int i) {
    seen_++;
    if (seen_ == 1 || sched::fastrandn(mp_, seen_) == 0) chosen_ = i;
  }
  int chosen() const { return chosen_; }  // -1: none was offered

 private:
  sched::m* const mp_ = sched::getm();
  std::uint32_t seen_ = 0;
  int chosen_ = -1;
};

struct tried {
  bool over;
  select_result result;
};

/// Does case i, whose channel is locked, if it still can; unlocks in any case.
tried try_case(const scase* cases, int i) {
  hchan* c = full(cases[i].c);
  const attempt a = cases[i].send ? send_locked(c, cases[i].elem) : recv_locked(c, cases[i].elem);
  if (a == attempt::blocked) {
    c->unlock();
    return {false, {}};
  }
  if (a == attempt::closed && cases[i].send) panic_send_on_closed();
  return {true, {i, a == attempt::done}};
}

bool may_go_on(const scase& sc) {
  hchan* c = full(sc.c);
  if (sc.send) return c->may_send();
  if (__builtin_expect(c->timer != nullptr, 0)) timer_poll(c->timer);
  return c->may_recv();
}

/// The same under the lock. Not exact: a queue may hold only selects that were won by others.
bool can_go_on_locked(const scase& sc) {
  const hchan* c = full(sc.c);
  if (!sc.send) return c->may_recv();
  if (c->closed.load(std::memory_order_relaxed)) return true;
  return !c->granting && (!c->recvq.empty() || c->room());
}

/// A case that is not nil: where it waits, and with what.
struct waiting_case {
  hchan* c;
  waitq* q;
  sudog* sg;
  const scase* sc;
};

/// The order in which channels are locked.
inline bool locked_before(const waiting_case& a, const waiting_case& b) {
  return a.c->parking != b.c->parking ? a.c->parking : std::less<>()(a.c, b.c);
}

/// A select that has to lock and maybe to park. (What the loops need is in local variables: the compiler must think
/// that everything else changes with every lock.)
class waiting_select {
 public:
  waiting_select(const scase* cases, int n, sudog* sgs, waiting_case* order) : cases_(cases), sgs_(sgs), order_(order) {
    int used = 0;
    for (int i = 0; i < n; i++) {
      const scase* sc = &cases[i];
      hchan* c = full(sc->c);
      if (c != nullptr) order[used++] = {c, sc->send ? &c->sendq : &c->recvq, &sgs[i], sc};
    }
    n_ = used;
    if (used > inline_cases) {
      std::sort(order, order + used, locked_before);
      return;
    }
    for (int k = 1; k < used; k++) {
      if (!locked_before(order[k], order[k - 1])) continue;
      const waiting_case moving = order[k];
      int at = k;
      for (; at > 0 && locked_before(moving, order[at - 1]); at--) order[at] = order[at - 1];
      order[at] = moving;
    }
  }

  /// Step 2. Not over: all locks are held, and none was ready.
  tried look_locked() {
    for (;;) {
      lock_all();
      chooser choice;
      const waiting_case* const order = order_;
      for (int k = 0, n = n_; k < n; k++) {
        if (can_go_on_locked(*order[k].sc)) choice.offer(k);
      }
      const int k = choice.chosen();
      if (k < 0) return {false, {}};
      // What follows may be user code: with the lock of its own channel only.
      unlock_all_but(order[k].c);
      const tried t = try_case(cases_, static_cast<int>(order[k].sc - cases_));
      if (t.over) return t;
    }
  }

  /// Steps 3 and 4: parks at most ns nanoseconds; returns what woke it, nullptr for the time.
  const sudog* wait(std::int64_t ns) {
    sched::g* const gp = sched::getg();
    gp_ = gp;
    gp->param = nullptr;
    gp->select_done.store(0, std::memory_order_relaxed);
    const waiting_case* const order = order_;
    const int n = n_;
    for (int k = 0; k < n; k++) {
      sudog* sg = order[k].sg;
      sg->gp = gp;
      sg->elem = order[k].sc->elem;
      sg->kind = waiter_kind::select;
      order[k].q->enqueue(sg);
    }
    if (ns < 0) {
      sched::gopark([](sched::g*, void* self) { commit(self); }, this, wait_reason::select);
    } else {
      park_for({commit, expire, this}, ns, wait_reason::select);
    }
    const auto* fired = static_cast<const sudog*>(gp->param);
    gp->param = nullptr;
    for (int k = 0; k < n; k++) {
      sudog* sg = order[k].sg;
      if (sg == fired) continue;
      hchan* c = order[k].c;
      c->lock(wait_reason::select);
      order[k].q->remove(sg);
      c->unlock();
    }
    return fired;
  }

  int index(const sudog* sg) const { return static_cast<int>(sg - sgs_); }

  void unlock_all() { unlock_all_but(nullptr); }

 private:
  void lock_all() {
    const waiting_case* const order = order_;
    const hchan* before = nullptr;
    for (int k = 0, n = n_; k < n; k++) {
      hchan* c = order[k].c;
      if (c != before) c->lock(wait_reason::select);
      before = c;
    }
  }

  void unlock_all_but(const hchan* kept) {
    // The last look at the frame comes before the last unlock.
    const waiting_case* const order = order_;
    int k = n_;
    hchan* c = k > 0 ? order[k - 1].c : nullptr;
    while (k-- > 0) {
      hchan* next = k > 0 ? order[k - 1].c : nullptr;
      if (c != next && c != kept) c->unlock();
      c = next;
    }
  }

  static void commit(void* self) { static_cast<waiting_select*>(self)->unlock_all(); }

  static bool expire(void* self) {
    std::uint32_t open = 0;
    sched::g* gp = static_cast<waiting_select*>(self)->gp_;
    // acq_rel; pairs with the like in waitq::dequeue
    return gp->select_done.compare_exchange_strong(open, 1, std::memory_order_acq_rel, std::memory_order_relaxed);
  }

  const scase* cases_;
  sudog* sgs_;
  waiting_case* order_;  // the cases that are not nil, in lock order
  int n_ = 0;
  sched::g* gp_ = nullptr;
};

/// Step 1.
tried look_unlocked(const scase* cases, int n, int* channels) {
  chooser choice;
  for (int i = 0; i < n; i++) {
    if (cases[i].c == nullptr) continue;
    ++*channels;
    if (may_go_on(cases[i])) choice.offer(i);
  }
  const int i = choice.chosen();
  if (i < 0) return {false, {}};
  full(cases[i].c)->lock(wait_reason::select);
  return try_case(cases, i);
}

select_result select_slow(const scase* cases, int n, bool otherwise, std::int64_t ns, sudog* sgs, waiting_case* order) {
  waiting_select s(cases, n, sgs, order);
  const std::int64_t begun = ns > 0 ? sched::nanotime() : 0;
  std::int64_t left = ns;
  for (;;) {
    if (const tried t = s.look_locked(); t.over) return t.result;
    if (otherwise || left == 0) {
      s.unlock_all();
      return {otherwise ? detail::select_otherwise : detail::select_timeout, false};
    }
    const sudog* fired = s.wait(left);
    if (fired == nullptr) return {detail::select_timeout, false};
    const int i = s.index(fired);
    switch (fired->why) {
      case wake::done:
        return {i, true};
      case wake::closed:
        if (cases[i].send) panic_send_on_closed();
        return {i, false};
      case wake::granted: {
        hchan* c = full(cases[i].c);
        c->lock(wait_reason::select);
        ungrant_locked(c);
        const tried t = try_case(cases, i);
        GOFER_CHECK(t.over, "select: no room in the slot that was granted");
        return t.result;
      }
      case wake::again:
        break;
    }
    if (ns > 0) left = std::max<std::int64_t>(0, ns - (sched::nanotime() - begun));
  }
}

}  // namespace

}  // namespace gofer::runtime

namespace gofer::detail {

select_result selectgo(const scase* cases, int n, bool otherwise, std::int64_t timeout_ns) {
  // One case is a plain send or receive, in dumps as well.
  if (n == 1 && (otherwise || timeout_ns < 0)) {
    if (cases[0].send) {
      return {chansend(cases[0].c, cases[0].elem, !otherwise) ? 0 : select_otherwise, true};
    }
    const recv_result r = chanrecv(cases[0].c, cases[0].elem, !otherwise);
    return {r == recv_result::empty ? select_otherwise : 0, r == recv_result::ok};
  }
  otherwise ? sched::rejoin_here() : sched::rejoin();
  int channels = 0;
  const runtime::tried t = runtime::look_unlocked(cases, n, &channels);
  if (t.over) return t.result;
  if (channels == 0) {
    if (otherwise) return {select_otherwise, false};
    if (timeout_ns >= 0) {
      sleep_ns(timeout_ns);
      return {select_timeout, false};
    }
    using sched::wait_reason;
    for (;;) sched::gopark(nullptr, nullptr, n == 0 ? wait_reason::select_no_cases : wait_reason::select);
  }
  if (n <= runtime::inline_cases) {
    std::array<runtime::sudog, runtime::inline_cases> sgs;
    std::array<runtime::waiting_case, runtime::inline_cases> order;
    return runtime::select_slow(cases, n, otherwise, timeout_ns, sgs.data(), order.data());
  }
  const auto count = static_cast<std::size_t>(n);
  std::vector<runtime::sudog> sgs(count);
  std::vector<runtime::waiting_case> order(count);
  return runtime::select_slow(cases, n, otherwise, timeout_ns, sgs.data(), order.data());
}

void panic_copy_of_case() { runtime::panic_plain_error("copy of a select_case that holds what cannot be copied"); }

void panic_two_otherwise() { runtime::panic_plain_error("select: multiple otherwise cases"); }

}  // namespace gofer::detail
