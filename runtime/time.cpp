// sleep: a timer on the sleeper's own stack, armed when it has left it.
#include <time.h>

#include <cerrno>
#include <gofer/time.hpp>

#include "sched/clock.hpp"
#include "sched/park.hpp"
#include "sched/timer.hpp"

namespace gofer {

namespace {

void arm(sched::g*, void* arg) {
  auto* t = static_cast<sched::timer*>(arg);
  sched::timer_start(t, t->when);
}

// Not a timer of the runtime's: a plain thread sleeps as well when no runtime runs, or ends meanwhile.
void sleep_thread(std::int64_t until) {
  const int saved = errno;
  timespec ts;
  ts.tv_sec = until / 1'000'000'000;
  ts.tv_nsec = until % 1'000'000'000;
  while (::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, nullptr) == EINTR) {
  }
  errno = saved;
}

}  // namespace

void detail::sleep_ns(std::int64_t ns) {
  if (ns <= 0) return;
  const std::int64_t until = sched::nanotime() + ns;  // no overflow: timeout_ns leaves room
  sched::g* gp = sched::getg();
  if (gp->plain) {
    sleep_thread(until);
    return;
  }
  sched::timer t;
  // To the tail: of many that wake at once none has a claim to be next.
  t.f = [](sched::timer*, void* sleeper) { sched::goready_tail(static_cast<sched::g*>(sleeper)); };
  t.arg = gp;
  t.when = until;
  sched::gopark(arm, &t, sched::wait_reason::sleep);
}

}  // namespace gofer
