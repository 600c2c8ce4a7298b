#include "sched/newm.hpp"

#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>
#include <mutex>
#include <new>

#include "sched/fatal.hpp"
#include "sched/schedule.hpp"

namespace gofer::sched {

namespace {

void* mstart(void* arg) {
  auto* mp = static_cast<m*>(arg);
  schedt* s = mp->sched;
  init_thread_m(mp);
  mp->altstack = ensure_altstack();
  acquirep(mp, mp->nextp);
  mp->nextp = nullptr;
  schedule_loop(mp);
  wait_for_report();
  // The run is over. What is left of this thread is its end.
  drop_altstack(mp->altstack);
  tls()->mp = nullptr;
  {
    const std::lock_guard hold(s->lock);
    s->nm--;
    mp->ended = true;
  }
  s->workers_left.fetch_sub(1, std::memory_order_release);  // release; pairs with the acquire in sched_stop
  futex_wake(&s->workers_left, 1);
  return nullptr;
}

}  // namespace

bool newm(schedt* s, p* pp, bool spinning) {
  auto* mp = new (std::nothrow) m;
  if (mp == nullptr) return false;
  mp->sched = s;
  mp->nextp = pp;
  mp->spinning = spinning;
  {
    const std::lock_guard hold(s->lock);
    mp->id = s->mid++;
    mp->alllink = s->allm;
    s->allm = mp;
  }
  s->workers_left.fetch_add(1, std::memory_order_relaxed);
  // The mask of the thread that started the runtime, not of whoever happens to need a worker now (it may block
  // everything).
  sigset_t old;
  pthread_sigmask(SIG_SETMASK, &s->sigmask, &old);
  const int err = pthread_create(&mp->thread, nullptr, mstart, mp);
  pthread_sigmask(SIG_SETMASK, &old, nullptr);
  if (err == 0) return true;
  s->workers_left.fetch_sub(1, std::memory_order_relaxed);
  const std::lock_guard hold(s->lock);
  for (m** link = &s->allm; *link != nullptr; link = &(*link)->alllink) {
    if (*link == mp) {
      *link = mp->alllink;
      break;
    }
  }
  delete mp;
  return false;
}

}  // namespace gofer::sched
