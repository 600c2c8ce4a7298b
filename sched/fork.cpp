// fork: the child has one thread, the one that called it, and that thread goes on.
//
// None of the other workers exist there, nor sysmon, and the poller's epoll instance is the parent's. So in the child
// the run under way is over: its goroutines are never scheduled, and the thread that forked is a plain one from there
// on, whichever goroutine it was in. It may use everything as a plain thread does, start a new run() included; what it
// must not do is let that goroutine end, because there is nothing to return to (goexit0). The usual child calls exec or
// _exit and notices nothing.
//
// Locks of the runtime's own are held across the fork, so that the child finds what they guard in one piece. Rejected:
// forbidding gofer in the child (destructors that unlock and close would have to know), and a fork that all workers
// take part in (posix_spawn and vfork ask nobody anyway).
#include "sched/fork.hpp"

#include <pthread.h>

#include <mutex>

#include "sched/fatal.hpp"
#include "sched/netpoll.hpp"
#include "sched/plain.hpp"
#include "sched/schedule.hpp"
#include "sched/stack.hpp"

namespace gofer::sched {

namespace {

// In the order in which they nest, if they do: those of the layer above, which arms timers and readies under them, the
// instance, then what is below it.
void before_fork() {
  if (hooks.before_fork != nullptr) hooks.before_fork();
  admin().lock();
  if (schedt* s = the_sched.load(std::memory_order_acquire)) s->lock.lock();
  stack_pool_lock().lock();
  netpoll_before_fork();
}

void unlock_all() {
  netpoll_after_fork();
  stack_pool_lock().unlock();
  if (schedt* s = the_sched.load(std::memory_order_acquire)) s->lock.unlock();
  admin().unlock();
  if (hooks.after_fork != nullptr) hooks.after_fork();
}

void become_plain(m* mp) {
  g* gp = mp->curg;
  gp->plain = true;
  gp->goid = 0;
  gp->lockedm = nullptr;
  gp->status.store(gstatus::running, std::memory_order_relaxed);
  mp->plain = true;
  mp->pp = nullptr;
  mp->lockedg = nullptr;
  mp->lockedcount = 0;
  mp->sched = nullptr;
  mp->theft.store(theft_state::none, std::memory_order_relaxed);
  mp->inside.store(1, std::memory_order_relaxed);
  adopt_thread(mp);
}

void in_child() {
  schedt* s = the_sched.load(std::memory_order_acquire);
  if (s != nullptr) s->stopping.store(true, std::memory_order_relaxed);
  m* mp = getm_or_null();
  if (mp != nullptr && !mp->plain) become_plain(mp);
  unlock_all();
  the_sched.store(nullptr, std::memory_order_release);
  if (hooks.in_child != nullptr) hooks.in_child();
  netpoll_in_child();
}

}  // namespace

void install_fork_handlers() {
  static std::once_flag once;
  std::call_once(
      once, [] { GOFER_CHECK(pthread_atfork(before_fork, unlock_all, in_child) == 0, "no memory for fork handlers"); });
}

}  // namespace gofer::sched
