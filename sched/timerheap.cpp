#include "sched/timerheap.hpp"

#include <algorithm>
#include <mutex>
#include <utility>

namespace gofer::sched {

namespace {

// `never` in first_when() means that there is no timer: one that is armed for the end of time must not look like none.
constexpr std::int64_t latest = never - 1;

}  // namespace

void timerheap::place(std::size_t i, const entry& e) {
  entries_[i] = e;
  place_[e.slot] = static_cast<std::uint32_t>(i);
}

void timerheap::sift_up(std::size_t i) {
  const entry moving = entries_[i];
  while (i > 0) {
    const std::size_t parent = (i - 1) / 4;
    if (moving.when >= entries_[parent].when) break;
    place(i, entries_[parent]);
    i = parent;
  }
  place(i, moving);
}

void timerheap::sift_down(std::size_t i) {
  const entry moving = entries_[i];
  const std::size_t n = entries_.size();
  for (;;) {
    const std::size_t first_child = 4 * i + 1;
    if (first_child >= n) break;
    const std::size_t last = std::min(first_child + 4, n);
    std::size_t least = first_child;
    for (std::size_t c = first_child + 1; c < last; c++) {
      if (entries_[c].when < entries_[least].when) least = c;
    }
    if (entries_[least].when >= moving.when) break;
    place(i, entries_[least]);
    i = least;
  }
  place(i, moving);
}

void timerheap::insert(timer* t, std::int64_t when) {
  if (free_slot_ == no_slot) {
    timer_.resize(place_.size() + 1);  // in this order, nothing is lost when there is no memory for one of the three
    place_.push_back(no_slot);
    free_slot_ = static_cast<std::uint32_t>(place_.size() - 1);
  }
  entries_.push_back({when, free_slot_});
  t->slot = free_slot_;
  free_slot_ = place_[t->slot];
  timer_[t->slot] = t;
  t->heap.store(this, std::memory_order_release);  // release; pairs with the acquire in timer_stop
  sift_up(entries_.size() - 1);
}

void timerheap::erase_at(std::size_t i) {
  const std::uint32_t slot = entries_[i].slot;
  timer_[slot]->heap.store(nullptr, std::memory_order_release);
  place_[slot] = std::exchange(free_slot_, slot);
  const entry last = entries_.back();
  entries_.pop_back();
  if (i == entries_.size()) return;
  place(i, last);
  sift_up(i);
  sift_down(place_[last.slot]);
}

bool timerheap::add(timer* t, std::int64_t when, std::int64_t period) {
  const std::lock_guard hold(lock_);
  when = std::min(when, latest);
  t->when = when;
  t->period = period;
  insert(t, when);
  publish_first();
  return place_[t->slot] == 0;
}

bool timerheap::remove(timer* t) {
  const std::lock_guard hold(lock_);
  if (t->heap.load(std::memory_order_relaxed) != this) return false;
  erase_at(place_[t->slot]);
  publish_first();
  return true;
}

bool timerheap::move(timer* t, std::int64_t when, std::int64_t period, bool* earliest) {
  const std::lock_guard hold(lock_);
  if (t->heap.load(std::memory_order_relaxed) != this) return false;
  when = std::min(when, latest);
  t->when = when;
  t->period = period;
  entries_[place_[t->slot]].when = when;
  sift_up(place_[t->slot]);
  sift_down(place_[t->slot]);
  publish_first();
  *earliest = place_[t->slot] == 0;
  return true;
}

int timerheap::run(std::int64_t now) {
  int ran = 0;
  for (;;) {
    timer* t;
    timer::callback f;
    void* arg;
    {
      const std::lock_guard hold(lock_);
      if (entries_.empty() || entries_[0].when > now) break;
      t = timer_[entries_[0].slot];
      f = t->f;
      arg = t->arg;
      if (t->period > 0) {
        const std::int64_t due = t->when;
        // The next tick keeps the ticker's phase however late this one is (Go's unlockAndRun); a sum past the end of
        // time is never.
        const std::int64_t missed = (now - t->when) / t->period;
        if (__builtin_mul_overflow(t->period, 1 + missed, &t->when) || __builtin_add_overflow(t->when, due, &t->when)) {
          t->when = latest;
        }
        entries_[0].when = t->when;
        sift_down(0);
      } else {
        erase_at(0);
      }
      publish_first();
      // Often due as well, and as often on a stack that nobody has looked at for long.
      if (!entries_.empty()) __builtin_prefetch(timer_[entries_[0].slot]);
    }
    // From here on t may be gone: a sleeper's timer lies on the stack that f wakes.
    f(t, arg);
    ran++;
  }
  return ran;
}

void timerheap::forget() {
  entries_.clear();
  place_.clear();
  timer_.clear();
  free_slot_ = no_slot;
}

void timerheap::take(timerheap& from) {
  const std::scoped_lock both(lock_, from.lock_);
  // First: without memory all of them are where they were.
  const std::size_t more = from.entries_.size();
  entries_.reserve(entries_.size() + more);
  place_.reserve(place_.size() + more);
  timer_.reserve(place_.size() + more);
  for (const entry& e : from.entries_) insert(from.timer_[e.slot], e.when);
  from.forget();
  from.publish_first();
  publish_first();
}

void timerheap::abandon() {
  struct owner {
    timer* t;
    timer::callback dropped;
    void* arg;
  };
  std::vector<owner> owners;
  {
    const std::lock_guard hold(lock_);
    for (const entry& e : entries_) {
      // Read here: once its heap is null, a timer without an owner to tell may be gone.
      timer* const t = timer_[e.slot];
      if (t->dropped != nullptr) owners.push_back({t, t->dropped, t->arg});
      t->heap.store(nullptr, std::memory_order_release);
    }
    forget();
    publish_first();
  }
  for (const owner& o : owners) o.dropped(o.t, o.arg);
}

std::size_t timerheap::size() const {
  const std::lock_guard hold(lock_);
  return entries_.size();
}

bool timerheap::well_formed() const {
  const std::lock_guard hold(lock_);
  for (std::size_t i = 0; i < entries_.size(); i++) {
    const std::uint32_t slot = entries_[i].slot;
    const timer* const t = timer_[slot];
    if (place_[slot] != i || t->slot != slot || t->when != entries_[i].when) return false;
    if (i > 0 && entries_[(i - 1) / 4].when > entries_[i].when) return false;
  }
  return first_when() == (entries_.empty() ? never : entries_[0].when);
}

}  // namespace gofer::sched
