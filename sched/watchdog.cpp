// The watchdog: reports who holds a P in one stretch for longer than GOFER_DEBUG=watchdog=MS allows, once a stretch,
// and where it is just then. sysmon runs it.
//
// A P's stretch ends with its next switch (schedtick). A goroutine whose P was taken away goes on with the same
// stretch: that it no longer keeps the others waiting is no reason not to name it.
#include "sched/watchdog.hpp"

#include <array>
#include <mutex>

#include "sched/debug.hpp"
#include "sched/sample.hpp"
#include "sched/schedule.hpp"
#include "sched/traceback.hpp"

namespace gofer::sched {

debug_settings debug;

namespace {

// Its thread may be changing it: then the report is about a goroutine that has just let go.
__attribute__((noinline, no_sanitize("thread"))) const g* goroutine_of(const m* mp) { return mp->curg; }

void report(m* mp, std::int64_t ns) {
  std::array<void*, max_traceback> pcs;
  const int n = sample_thread(mp->tid, pcs.data(), max_traceback);
  if (hooks.report_hog != nullptr) hooks.report_hog(goroutine_of(mp), ns, pcs.data(), n);
}

// Whether the thread is in a goroutine's own code; else it schedules, or sleeps in the scheduler.
bool computes(const m* mp) { return mp->inside.load(std::memory_order_relaxed) == 0; }

// With a P: sysmon's own notes on it say since when (retake).
void watch_p(p* pp, std::int64_t now, std::int64_t allowed) {
  const std::uint32_t tick = pp->schedtick.load(std::memory_order_relaxed);
  if (pp->status.load(std::memory_order_acquire) != pstatus::running || pp->sysmon_schedtick != tick) return;
  const std::int64_t held = now - pp->sysmon_schedwhen;
  m* mp = pp->mp.load(std::memory_order_acquire);
  if (held < allowed || mp == nullptr || !computes(mp)) return;
  if (pp->watchdog_tick == tick) return;
  pp->watchdog_tick = tick;
  report(mp, held);
}

// Without: retake has left a note with the thread.
void watch_m(m* mp, std::int64_t now, std::int64_t allowed) {
  if (mp->theft.load(std::memory_order_relaxed) != theft_state::taken || mp->watchdog_told || !computes(mp)) return;
  if (now - mp->hog_since < allowed) return;
  mp->watchdog_told = true;
  report(mp, now - mp->hog_since);
}

}  // namespace

void watchdog(schedt* s, std::int64_t now) {
  const std::int64_t allowed = debug.watchdog_ms.load(std::memory_order_relaxed) * 1'000'000;
  if (allowed == 0) return;
  const std::int32_t n = s->nallp.load(std::memory_order_acquire);
  for (std::int32_t i = 0; i < n; i++) watch_p(s->allp[i], now, allowed);
  m* first = nullptr;
  {
    const std::lock_guard hold(s->lock);
    first = s->allm;
  }
  // Threads are added in front, and removed by sysmon alone, that is, here.
  for (m* mp = first; mp != nullptr; mp = mp->alllink) watch_m(mp, now, allowed);
}

}  // namespace gofer::sched
