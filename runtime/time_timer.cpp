#include "runtime/time_timer.hpp"

#include <gofer/panic.hpp>
#include <gofer/runtime.hpp>
#include <mutex>

namespace gofer {

namespace {

using detail::timer_state;

void on_timer(sched::timer*, void* arg);
void on_dropped(sched::timer*, void* arg) {
  auto* s = static_cast<timer_state*>(arg);
  {
    const std::lock_guard hold(s->lock);
    s->armings--;
  }
  detail::timer_release(s);
}

// An arming owns a reference: on_timer, on_dropped or whoever disarms gives it back.
void arm_locked(timer_state* s, std::int64_t when) {
  s->when.store(when, std::memory_order_relaxed);
  if (s->armings > 0 && s->armed_at <= when) return;  // that call will see to it
  detail::timer_retain(s);
  if (sched::timer_reset(&s->t, when)) {
    s->refs.fetch_sub(1, std::memory_order_relaxed);  // it was in the heap already. Never the last: the caller has one
  } else {
    s->armings++;
  }
  s->armed_at = when;
}

// True: a reference is to be given back, without the lock.
bool disarm_locked(timer_state* s) {
  if (!sched::timer_stop(&s->t)) return false;
  s->armings--;
  return true;
}

// From now on it is not due, and nothing of it is left to be received. True: it had not had its effect yet.
bool take_back_locked(timer_state* s) {
  bool pending = s->when.load(std::memory_order_relaxed) != sched::never;
  s->when.store(sched::never, std::memory_order_relaxed);
  // Only who has the lock sends.
  if (s->c != nullptr && s->c->qcount.load(std::memory_order_relaxed) > 0) {
    time_point stale;
    if (runtime::chan_take(s->c, &stale) == detail::recv_result::ok) pending = true;
  }
  return pending;
}

// It is due. True: its function is to be started, without the lock.
bool fire_locked(timer_state* s, std::int64_t now) {
  const std::int64_t due = s->when.load(std::memory_order_relaxed);
  s->when.store(sched::never, std::memory_order_relaxed);
  if (s->period > 0) arm_locked(s, due + s->period * (1 + (now - due) / s->period));
  if (s->c != nullptr) {
    time_point sent{std::chrono::nanoseconds(due)};  // not now: nobody may have looked at the clock for long
    runtime::chan_offer(s->c, &sent);
  }
  return s->f != nullptr;
}

void destroy(timer_state* s) noexcept { delete s; }

bool last_reference(timer_state* s) noexcept {
  // acq_rel: the last owner destroys what the others have finished with
  return s->refs.fetch_sub(1, std::memory_order_acq_rel) == 1;
}

// Called by the scheduler, on a system stack, holding the arming's reference.
void on_timer(sched::timer*, void* arg) {
  auto* s = static_cast<timer_state*>(arg);
  const std::int64_t now = sched::nanotime();
  bool call = false;
  {
    const std::lock_guard hold(s->lock);
    s->armings--;
    const std::int64_t when = s->when.load(std::memory_order_relaxed);
    if (when <= now) {
      call = fire_locked(s, now);
    } else if (when != sched::never && s->armings == 0) {
      arm_locked(s, when);  // put off since
    }
  }
  if (call) {
    go([ref = detail::timer_ref(s)] { ref.get()->f->run(); });
  } else if (last_reference(s)) {
    // What the function holds may do anything when it is destroyed, which is not for a system stack.
    if (s->f != nullptr) {
      go([s] { destroy(s); });
    } else {
      destroy(s);
    }
  }
}

timer_state* new_state(std::int64_t period) {
  auto* s = new timer_state;
  s->period = period;
  s->t.f = on_timer;
  s->t.dropped = on_dropped;
  s->t.arg = s;
  return s;
}

void start(timer_state* s, std::int64_t ns) {
  const std::lock_guard hold(s->lock);
  arm_locked(s, sched::nanotime() + ns);
}

bool reset(timer_state* s, std::int64_t ns, std::int64_t period) {
  const std::lock_guard hold(s->lock);
  const bool pending = take_back_locked(s);
  s->period = period;
  arm_locked(s, sched::nanotime() + ns);
  return pending;
}

bool stop(timer_state* s) {
  bool pending;
  bool disarmed;
  {
    const std::lock_guard hold(s->lock);
    pending = take_back_locked(s);
    disarmed = disarm_locked(s);
  }
  if (disarmed) detail::timer_release(s);
  return pending;
}

}  // namespace

namespace detail {

void timer_retain(timer_state* s) noexcept { s->refs.fetch_add(1, std::memory_order_relaxed); }

void timer_release(timer_state* s) noexcept {
  if (last_reference(s)) destroy(s);
}

timer_and_chan new_timer(std::int64_t ns, std::int64_t period) {
  timer_ref ref(new_state(period));
  chan<time_point> c(1);
  timer_state* s = ref.get();
  s->c = runtime::full(chan_access::ref(c).get());
  timer_retain(s);  // the channel's
  s->c->timer = s;
  start(s, ns);
  return {std::move(ref), std::move(c)};
}

timer_ref new_func_timer(std::int64_t ns, std::unique_ptr<timer_func> f) {
  timer_ref ref(new_state(0));
  ref.get()->f = std::move(f);
  start(ref.get(), ns);
  return ref;
}

timer_and_chan new_ticker(std::int64_t ns) {
  if (ns <= 0) panic("non-positive interval for NewTicker");
  return new_timer(ns, ns);
}

bool timer_stop(timer_state* s) {
  if (s == nullptr) panic("time: Stop called on uninitialized Timer");
  return stop(s);
}

bool timer_reset(timer_state* s, std::int64_t ns) {
  if (s == nullptr) panic("time: Reset called on uninitialized Timer");
  return reset(s, ns, 0);
}

void ticker_stop(timer_state* s) {
  if (s != nullptr) stop(s);
}

void ticker_reset(timer_state* s, std::int64_t ns) {
  if (ns <= 0) panic("non-positive interval for Ticker.Reset");
  if (s == nullptr) panic("time: Reset called on uninitialized Ticker");
  reset(s, ns, ns);
}

}  // namespace detail

namespace runtime {

void timer_poll(timer_state* s) {
  // relaxed: decided again under the lock
  const std::int64_t when = s->when.load(std::memory_order_relaxed);
  if (when == sched::never) return;
  const std::int64_t now = sched::nanotime();
  if (when > now) return;
  const std::lock_guard hold(s->lock);
  if (s->when.load(std::memory_order_relaxed) <= now) fire_locked(s, now);
}

void timer_chan_gone(timer_state* s) noexcept {
  bool disarmed;
  {
    const std::lock_guard hold(s->lock);
    s->c = nullptr;
    s->when.store(sched::never, std::memory_order_relaxed);
    disarmed = disarm_locked(s);
  }
  if (disarmed) detail::timer_release(s);
  detail::timer_release(s);
}

}  // namespace runtime

}  // namespace gofer
