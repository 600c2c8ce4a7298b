// What a schedule has done, step by step, and which lines use what several threads use.
#include <cstdio>
#include <cstring>

#include "state.hpp"

namespace gofer::explore {

namespace {

site& site_of(const where& w) {
  std::size_t i = (reinterpret_cast<std::uintptr_t>(w.file) + w.line) * 0x9E37'79B9'7F4A'7C15u >> 53;
  while (e->sites[i].file != nullptr && (e->sites[i].file != w.file || e->sites[i].line != w.line)) {
    i = (i + 1) % sites_size;
  }
  e->sites[i].file = w.file;
  e->sites[i].line = w.line;
  return e->sites[i];
}

void note_use_in(site& here, const void* at) {
  std::size_t i = reinterpret_cast<std::uintptr_t>(at) * 0x9E37'79B9'7F4A'7C15u >> 51;
  while (e->uses[i].schedule == e->schedule && e->uses[i].at != at) i = (i + 1) % uses_size;
  use& u = e->uses[i];
  if (u.schedule != e->schedule) {
    if (e->nuses == uses_size / 2) return;
    e->nuses++;
    u = {at, e->schedule, &here, static_cast<std::int8_t>(e->current), false};
    return;
  }
  u.several = u.several || u.thread != e->current;
  if (u.several) {
    here.seen_shared = true;
    u.last->seen_shared = true;
  }
  u.last = &here;
}

}  // namespace

bool note_use(const void* at, const where& w) {
  site& here = site_of(w);
  note_use_in(here, at);
  return here.shared;
}

void record(op what, const void* at, const where& w) {
  e->trace[e->ntrace++ % trace_size] = {e->result->steps, static_cast<std::int8_t>(e->current), what, at, w};
  if (++e->all_steps > e->set.max_steps) fail("no end after %u steps", e->set.max_steps);
}

bool learn_shared() {
  bool grown = false;
  for (site& at : e->sites) {
    grown = grown || at.seen_shared != at.shared;
    at.shared = at.seen_shared;
  }
  return grown;
}

void print_trace(std::size_t most) {
  static constexpr const char* states[] = {"unused", "ready", "waiting", "over"};
  for (int i = 0; i < e->n; i++) {
    const vthread& t = thread(i);
    std::printf("  %d %s: %s", i, t.name, states[static_cast<int>(t.st)]);
    if (sleeps_for_some_time(t)) std::printf(" until %+lld ns", static_cast<long long>(t.deadline - e->now));
    if (t.nbuffer > 0) std::printf(", %zu stores in its buffer", t.nbuffer);
    std::printf("\n");
  }
  static constexpr const char* names[] = {"load", "store", "update", "call", "wait", "relax", "wake", "begin", "end"};
  const std::size_t kept = e->ntrace < trace_size ? e->ntrace : trace_size;
  const std::size_t n = kept < most ? kept : most;
  int last = -1;
  for (std::size_t i = e->ntrace - n; i < e->ntrace; i++) {
    const traced& t = e->trace[i % trace_size];
    if (t.thread != last) std::printf("  -- %d %s\n", t.thread, thread(t.thread).name);
    last = t.thread;
    const char* file = std::strstr(t.w.file, "sched/");
    std::printf("  %6u %-6s %p %s:%u %s\n", t.step, names[static_cast<int>(t.what)], t.at,
                file != nullptr ? file : t.w.file, t.w.line, t.w.function);
  }
}

}  // namespace gofer::explore
