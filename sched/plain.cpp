#include "sched/plain.hpp"

#include <cxxabi.h>
#include <pthread.h>
#include <unistd.h>

#include <cerrno>

#include "sched/clock.hpp"
#include "sched/schedule.hpp"

namespace gofer::sched {

namespace {

void detach_thread(void* arg) {
  auto* mp = static_cast<m*>(arg);
  if (hooks.plain_exit != nullptr) hooks.plain_exit(&mp->g0);
  tls()->mp = nullptr;
  delete mp;
}

pthread_key_t exit_key() {
  static const pthread_key_t key = [] {
    pthread_key_t k;
    GOFER_CHECK(pthread_key_create(&k, detach_thread) == 0, "out of pthread keys");
    return k;
  }();
  return key;
}

}  // namespace

void init_thread_m(m* mp) {
  // And a mention of the variable that link-time optimization sees: it does not read assembly.
  GOFER_CHECK(tls() == &gofer_tls, "the thread-local accessor's address is not the compiler's");
  mp->eh = reinterpret_cast<eh_globals*>(__cxxabiv1::__cxa_get_globals());
  mp->errno_addr = &errno;
  mp->tid = ::gettid();
  mp->fastrand_state = static_cast<std::uint32_t>(cputicks()) | 1;
  mp->curg = &mp->g0;
  mp->g0.mp = mp;
  mp->g0.status.store(gstatus::running, std::memory_order_relaxed);
  mp->g0.sched = mp->sched;
  pthread_attr_t attr;
  if (pthread_getattr_np(pthread_self(), &attr) == 0) {
    void* lo = nullptr;
    std::size_t size = 0;
    pthread_attr_getstack(&attr, &lo, &size);
    pthread_attr_destroy(&attr);
    mp->g0.stk = {static_cast<char*>(lo), static_cast<char*>(lo) + size};
  }
#if GOFER_TSAN
  mp->g0.tsan_fiber = __tsan_get_current_fiber();
#endif
  tls()->mp = mp;
}

m* attach_thread() {
  auto* mp = new m;
  mp->plain = true;
  mp->g0.plain = true;
  init_thread_m(mp);
  adopt_thread(mp);
  return mp;
}

void adopt_thread(m* mp) { pthread_setspecific(exit_key(), mp); }

}  // namespace gofer::sched
