// "all goroutines are asleep": no worker runs, no timer is armed, nobody waits in the poller or in a blocking call, and
// no thread of the program is left that could wake a goroutine.
//
// The last condition is C++'s: a plain thread may send on a channel without gofer having met it. So before the report
// the process's threads are counted (/proc/self/task) against those that are known to be ours or asleep in run().
#include <dirent.h>

#include <cstdlib>

#include "sched/netpoll.hpp"
#include "sched/plain.hpp"
#include "sched/proc.hpp"
#include "sched/schedule.hpp"

namespace gofer::sched {

namespace {

int threads_of_process() {
  DIR* dir = ::opendir("/proc/self/task");
  if (dir == nullptr) return 1 << 20;  // cannot tell: report nothing
  int n = 0;
  while (const dirent* entry = ::readdir(dir)) {
    if (entry->d_name[0] != '.') n++;
  }
  ::closedir(dir);
  return n;
}

int known_threads(const schedt* s) {
  // Workers, sysmon, and the thread that sleeps in run().
  int n = s->nm + (s->sysmon_tid.load(std::memory_order_relaxed) != 0 ? 1 : 0);
  if (s->main_started.load(std::memory_order_relaxed)) n++;
#if GOFER_TSAN
  n++;  // ThreadSanitizer's own background thread
#endif
  return n;
}

}  // namespace

void checkdead_locked(schedt* s) {
  // A worker in the poller or in a blocking call counts as running: it is not on the idle list.
  if (s->nm - s->nmidle - s->nmidlelocked > 0 || s->stopping.load(std::memory_order_relaxed)) return;
  if (netpoll_any_waiters() || s->global.size() > 0) return;
  const std::int32_t n = s->nallp.load(std::memory_order_acquire);
  for (std::int32_t i = 0; i < n; i++) {
    if (s->allp[i]->timers.first_when() != never || !s->allp[i]->rq.empty()) return;
  }
  if (!s->main_started.load(std::memory_order_relaxed))
    return;  // started by go(): the program's threads are still there
  if (threads_of_process() > known_threads(s)) return;
  s->lock.unlock();  // the report may take its time; nobody else is awake
  // Go's distinction: with goroutines left they are asleep, whether main is among them or not.
  if (s->main_goexited.load(std::memory_order_relaxed) && gcount() == 0) {
    fatal_all("no goroutines (main called runtime.Goexit) - deadlock!");
  }
  fatal_all("all goroutines are asleep - deadlock!");
}

}  // namespace gofer::sched
