#include "explore.hpp"

#include <cstdarg>
#include <cstdio>
#include <limits>
#include <utility>

#include "state.hpp"
#include "world.hpp"

namespace gofer::explore {

void begin() {
  drain_everybody();
  e->choosing = true;
}

void end() {
  drain_everybody();
  e->choosing = false;
}

int spawn(const char* name, std::function<void()> f) { return start_thread(name, std::move(f), false); }

void join(int i) {
  while (!thread_over(i)) wait_on(&thread(i), -1);
}

void join_all() {
  for (int i = 1; i < e->n; i++) {
    if (!thread(i).lazy) join(i);
  }
}

void fail(const char* format, ...) {
  char text[512];
  std::va_list args;
  va_start(args, format);
  std::vsnprintf(text, sizeof text, format, args);
  va_end(args);
  {
    const world::outside mine;
    e->result->good = false;
    e->result->text = text;
    if (!e->result->report.empty()) e->result->text += "\n" + e->result->report;
  }
  back_to_driver();
}

void at_rest(std::function<void()> f) { e->rest_check = new std::function<void()>(std::move(f)); }
void always(std::function<void()> f) { e->step_check = new std::function<void()>(std::move(f)); }
void sleepers_may_wake() { e->may_wake = true; }
void spinners_give_up() { e->pauses_per_spin = 500; }
void sysmon_sleeps() { e->sysmon = false; }

void expect_exit(int status) { e->expected_exit = status; }

std::int64_t first_wake_up() {
  std::int64_t first = std::numeric_limits<std::int64_t>::max();
  for (int i = 0; i < e->n; i++) {
    const vthread& t = thread(i);
    if (sleeps_for_some_time(t) && !t.lazy && t.deadline < first) first = t.deadline;
  }
  return first;
}

void report(const char* text, std::size_t n) {
  const world::outside mine;
  e->result->report.append(text, n);
}

void process_ends(int status) {
  if (status != e->expected_exit) fail("the runtime ended the process with status %d", status);
  back_to_driver();
}

}  // namespace gofer::explore
