#include "sched/schedtrace.hpp"

#include <cinttypes>
#include <cstdarg>
#include <cstdio>
#include <mutex>

#include "sched/clock.hpp"
#include "sched/debug.hpp"
#include "sched/schedule.hpp"
#include "sched/stack.hpp"

namespace gofer::sched {

namespace {

__attribute__((format(printf, 2, 3))) void add(std::string& out, const char* format, ...) {
  char text[256];
  va_list args;
  va_start(args, format);
  std::vsnprintf(text, sizeof text, format, args);
  va_end(args);
  out += text;
}

std::string number_or_nil(const m* mp) { return mp == nullptr ? "nil" : std::to_string(mp->id); }

// Go's numbers for a P's status: idle, running, syscall, (gcstop,) dead.
int go_status(pstatus status) { return status == pstatus::dead ? 4 : static_cast<int>(status); }

__attribute__((no_sanitize("thread"))) void add_p(std::string& out, const p* pp) {
  const m* mp = pp->mp.load(std::memory_order_acquire);
  add(out, "  P%d: status=%d schedtick=%u syscalltick=%u m=%s runqsize=%u gfreecnt=%d timerslen=%zu\n", pp->id,
      go_status(pp->status.load(std::memory_order_relaxed)), pp->schedtick.load(std::memory_order_relaxed),
      pp->syscalltick.load(std::memory_order_relaxed), number_or_nil(mp).c_str(), pp->rq.size(), pp->gfree_n,
      pp->timers.size());
}

// What belongs to running threads is read while they change it, as Go reads it: a trace, not a proof. curg may be any
// that the thread has run, which stay readable.
__attribute__((no_sanitize("thread"))) void add_m(std::string& out, const m* mp) {
  const p* pp = mp->pp;
  const g* gp = mp->curg;
  const g* locked = mp->lockedg;
  add(out,
      "  M%" PRId64
      ": p=%s curg=%s mallocing=0 throwing=0 preemptoff= locks=%u dying=0 spinning=%s blocked=%s lockedg=%s\n",
      mp->id, pp == nullptr ? "nil" : std::to_string(pp->id).c_str(),
      gp == nullptr || gp == &mp->g0 ? "nil" : std::to_string(gp->goid).c_str(),
      mp->inside.load(std::memory_order_relaxed), mp->spinning ? "true" : "false", pp == nullptr ? "true" : "false",
      locked == nullptr ? "nil" : std::to_string(locked->goid).c_str());
}

struct listing {
  std::string* out;
  const schedt* s;
};

__attribute__((no_sanitize("thread", "address"))) void add_g(g* gp, void* arg) {
  const auto& l = *static_cast<const listing*>(arg);
  if (gp->sched != l.s) return;
  const gstatus status = gp->status.load(std::memory_order_acquire);
  const bool runs = status == gstatus::running || status == gstatus::syscall;
  const wait_reason reason = status == gstatus::waiting ? gp->waitreason : wait_reason::none;
  add(*l.out, "  G%" PRIu64 ": status=%d(%s) m=%s lockedm=%s\n", gp->goid, static_cast<int>(status),
      wait_reason_text(reason), number_or_nil(runs ? gp->mp : nullptr).c_str(), number_or_nil(gp->lockedm).c_str());
}

}  // namespace

std::string schedtrace(schedt* s, std::int64_t since, bool detailed) {
  std::string out;
  const std::lock_guard hold(s->lock);
  add(out,
      "SCHED %" PRId64
      "ms: gomaxprocs=%d idleprocs=%d threads=%d spinningthreads=%d needspinning=0 idlethreads=%d "
      "runqueue=%" PRId64,
      (nanotime() - since) / 1'000'000, s->nprocs.load(std::memory_order_relaxed),
      s->npidle.load(std::memory_order_relaxed), s->nm + 1, s->nmspinning.load(std::memory_order_relaxed), s->nmidle,
      s->global.size());
  const std::int32_t n = s->nallp.load(std::memory_order_acquire);
  if (!detailed) {
    for (std::int32_t i = 0; i < n; i++) {
      if (s->allp[i]->status.load(std::memory_order_relaxed) == pstatus::dead) continue;
      add(out, i == 0 ? " [%u" : " %u", s->allp[i]->rq.size());
    }
    return out += "]\n";
  }
  add(out, " gcwaiting=false nmidlelocked=%d stopwait=0 sysmonwait=%s\n", s->nmidlelocked,
      s->sysmon_rests.load(std::memory_order_relaxed) == sysmon_rest::idle ? "true" : "false");
  for (std::int32_t i = 0; i < n; i++) add_p(out, s->allp[i]);
  for (const m* mp = s->allm; mp != nullptr; mp = mp->alllink) add_m(out, mp);
  listing l{&out, s};
  for_each_g(add_g, &l);
  return out;
}

void schedtrace_if_due(schedt* s, std::int64_t now) {
  const std::int64_t every = debug.schedtrace_ms.load(std::memory_order_relaxed) * 1'000'000;
  if (every == 0 || now < s->trace_next) return;
  s->trace_next = now + every;
  write_err(schedtrace(s, s->started, debug.scheddetail.load(std::memory_order_relaxed)));
}

}  // namespace gofer::sched
