// Who runs next: the standard order, and what a strategy makes of it.
#include <algorithm>
#include <string>
#include <utility>

#include "state.hpp"
#include "world.hpp"

namespace gofer::explore {

namespace {

void wake_up(vthread& t, bool by_time) {
  t.st = vthread::state::ready;
  t.timed_out = by_time;
  t.waits_on = nullptr;
}

// sysmon stays asleep until it is chosen, or everybody else spins.
void expire(bool lazy_ones = false) {
  for (int i = 0; i < e->n; i++) {
    vthread& t = thread(i);
    if (sleeps_for_some_time(t) && (!t.lazy || lazy_ones) && t.deadline <= e->now) wake_up(t, true);
  }
}

std::string sleepers() {
  std::string text;
  for (int i = 0; i < e->n; i++) {
    const vthread& t = thread(i);
    if (t.st == vthread::state::over) continue;
    text += text.empty() ? "" : ", ";
    text += std::to_string(i) + " " + t.name;
  }
  return text;
}

int first_in_circle(bool (*f)(const vthread&)) {
  for (int k = 1; k <= e->n; k++) {
    const int i = (e->current + k) % e->n;
    if (f(thread(i))) return i;
  }
  return -1;
}

// The standard order when the current thread cannot or should not go on. Moves the clock when nothing else is left.
int standard_next() {
  for (;;) {
    const auto busy = [](const vthread& t) { return ready(t) && !t.spins && !t.lazy; };
    if (const int i = first_in_circle(busy); i >= 0) return i;
    const auto awake = [](const vthread& t) { return ready(t) && !t.spins; };
    if (const int i = first_in_circle(awake); i >= 0) return i;
    drain_everybody();
    bool spinners = false;
    for (int i = 0; i < e->n; i++) {
      vthread& t = thread(i);
      spinners = spinners || ready(t);
      t.spins = false;
    }
    if (spinners) {
      e->now += 1'000;
      expire(e->sysmon);
      continue;
    }
    check(e->rest_check);
    int soonest = -1;
    for (int i = 0; i < e->n; i++) {
      const vthread& t = thread(i);
      if (!sleeps_for_some_time(t)) continue;
      if (soonest < 0 || std::pair(t.lazy, t.deadline) < std::pair(thread(soonest).lazy, thread(soonest).deadline)) {
        soonest = i;
      }
    }
    if (soonest < 0 || (thread(soonest).lazy && ++e->idle_rounds > most_idle_rounds)) {
      fail("deadlock: nobody runs any more (%s)", sleepers().c_str());
    }
    vthread& t = thread(soonest);
    if (t.deadline > e->now) e->now = t.deadline;
    expire();
    if (t.lazy) wake_up(t, true);
  }
}

void switch_to(int next, bool keep) {
  vthread& from = self();
  if (!keep) drain(from);
  vthread& to = thread(next);
  if (!ready(to)) {
    if (to.deadline > e->now) e->now = to.deadline;
    wake_up(to, true);
    expire();
  }
  to.spins = false;
  if (!to.lazy) e->idle_rounds = 0;
  e->on_end = 0;
  if (next == e->current) return;
  e->current = next;
  jump(from, to, from.st == vthread::state::over);
}

}  // namespace

void check(const std::function<void()>* f) {
  if (f == nullptr) return;
  e->checking = true;
  (*f)();
  e->checking = false;
}

void decide(why w, bool contended) {
  // Who goes on and on waits for somebody, by a loop without a pause.
  if (w == why::access && ++e->on_end > e->slice) {
    e->slice = std::max(shortest_slice, e->slice * 3 / 4);
    self().spins = true;
    w = why::spins;
  }
  const int standard = w == why::access ? e->current : standard_next();
  if (!e->choosing) {
    if (standard != e->current || w != why::access) switch_to(standard, false);
    return;
  }
  question q{};
  q.step = e->result->steps++;
  q.current = w == why::waits ? -1 : e->current;
  q.standard = standard;
  q.spinning = w == why::spins;
  q.contended = contended;
  q.may_keep = w == why::access && self().nbuffer > 0;
  if (contended) e->result->contended++;
  for (int k = 1; k <= e->n; k++) {
    const int i = (e->current + k) % e->n;
    const vthread& t = thread(i);
    if (i == standard || (i == e->current && w != why::waits)) continue;
    const auto id = static_cast<std::int8_t>(i);
    if (ready(t) && !t.spins && !t.lazy) {
      q.able[static_cast<std::size_t>(q.nable++)] = id;
    } else if (ready(t) || (sleeps_for_some_time(t) && (t.lazy ? e->sysmon : e->may_wake))) {
      q.sleepy[static_cast<std::size_t>(q.nsleepy++)] = id;
    }
  }
  answer a{standard, false};
  {
    const world::outside mine;
    if (q.nable + q.nsleepy > 0) a = e->how->pick(q);
    if (a.thread != standard) {
      e->result->deviations.push_back({q.step, static_cast<std::int8_t>(a.thread), a.keep});
    }
  }
  if (a.thread != e->current || w != why::access) switch_to(a.thread, a.keep);
}

bool wait_on(const void* what, std::int64_t deadline) {
  vthread& t = self();
  drain(t);
  t.st = vthread::state::waiting;
  t.waits_on = what;
  t.deadline = deadline;
  t.since = e->waits++;
  t.timed_out = false;
  decide(why::waits, true);
  return !self().timed_out;
}

int wake(const void* what, int count) {
  int woken = 0;
  while (woken < count) {
    vthread* longest = nullptr;
    for (int i = 0; i < e->n; i++) {
      vthread& t = thread(i);
      if (t.st != vthread::state::waiting || t.waits_on != what) continue;
      if (longest == nullptr || t.since < longest->since) longest = &t;
    }
    if (longest == nullptr) break;
    wake_up(*longest, false);
    woken++;
  }
  return woken;
}

}  // namespace gofer::explore
