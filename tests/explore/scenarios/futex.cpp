// What threads of the runtime wait for each other with.
#include "sched/futex.hpp"

#include "explore.hpp"
#include "sched/clock.hpp"

namespace gofer::explore {
namespace {

using sched::futex_mutex;
using sched::note;

// Three threads enter a section by lock and by try_lock.
void three_lock() {
  futex_mutex m;
  sched::atomic<int> within{0};
  int entered = 0;
  const auto section = [&] {
    EXPLORE_CHECK(within.fetch_add(1) == 0);
    entered++;
    EXPLORE_CHECK(within.fetch_sub(1) == 1);
    m.unlock();
  };
  for (int i = 0; i < 2; i++) {
    spawn("locker", [&] {
      m.lock();
      section();
      if (m.try_lock()) section();
    });
  }
  begin();
  m.lock();
  section();
  m.lock();
  section();
  join_all();
  EXPLORE_CHECK(entered >= 4 && !m.held());
}

SCENARIO(futex_mutex, "three threads enter a section, and spin until the one within has left") { three_lock(); }
SCENARIO(futex_mutex_sleep, "three threads enter a section, and go to sleep before it") {
  spinners_give_up();
  three_lock();
}

SCENARIO(note, "a note is used again and again: who wakes does so once, who sleeps clears") {
  note asked, answered;
  int value = 0;
  spawn("server", [&] {
    for (int i = 1; i <= 3; i++) {
      asked.sleep();
      asked.clear();
      EXPLORE_CHECK(value == 2 * i - 1);
      value++;
      answered.wakeup();
    }
  });
  begin();
  for (int i = 1; i <= 3; i++) {
    value++;
    asked.wakeup();
    answered.sleep();
    EXPLORE_CHECK(value == 2 * i);
    answered.clear();
  }
  join_all();
}

SCENARIO(note_time, "a note's sleeper is woken or goes by itself, and says which") {
  sleepers_may_wake();
  note n;
  spawn("waker", [&] { n.wakeup(); });
  begin();
  const std::int64_t begun = sched::nanotime();
  const bool woken = n.sleep_for(1'000);
  if (woken) {
    EXPLORE_CHECK(n.signalled());
  } else {
    EXPLORE_CHECK(sched::nanotime() - begun >= 1'000);
    n.sleep();
  }
  join_all();
}

}  // namespace
}  // namespace gofer::explore
