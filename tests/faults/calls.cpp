// --wrap of the linker: what gofer calls as mmap arrives in __wrap_mmap, and __real_mmap is the C library's.
#include "calls.hpp"

#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <cstring>

#include "sched/config.hpp"

namespace gofer::test {

namespace {

enum call_id : int {
  c_mmap,
  c_madvise,
  c_mprotect,
  c_pthread_create,
  c_epoll_create1,
  c_epoll_ctl,
  c_epoll_pwait2,
  c_epoll_wait,
  c_eventfd,
  c_syscall,
  c_sigaltstack,
  c_pthread_getattr_np,
  n_calls
};

constexpr std::array<const char*, n_calls> names = {"mmap",          "madvise",   "mprotect",     "pthread_create",
                                                    "epoll_create1", "epoll_ctl", "epoll_pwait2", "epoll_wait",
                                                    "eventfd",       "syscall",   "sigaltstack",  "pthread_getattr_np"};

int chosen = -1;
int always = -1;
int failing_use = 0;
bool from_then_on = false;
std::atomic<int> count{0};

int id_of(const std::string& name) {
  const auto* at = std::find(names.begin(), names.end(), name);
  return at == names.end() ? -1 : static_cast<int>(at - names.begin());
}

bool fails(call_id id) {
  if (id == always) return true;
  if (id != chosen) return false;
  const int n = ++count;
  return from_then_on ? n >= failing_use : n == failing_use;
}

int failed(int error) {
  errno = error;
  return -1;
}

}  // namespace

bool set_fault(const std::string& call, int n, bool for_ever) {
  const std::size_t plus = call.find('+');
  if (plus != call.npos) always = id_of(call.substr(0, plus));
  chosen = id_of(plus == call.npos ? call : call.substr(plus + 1));
  failing_use = n;
  from_then_on = for_ever;
  // Without the newer call its elder is used.
  if (chosen == c_epoll_wait) always = c_epoll_pwait2;
  return chosen >= 0 && (plus == call.npos || always >= 0);
}

int uses() { return count.load(); }

}  // namespace gofer::test

using namespace gofer::test;

extern "C" {

void* __real_mmap(void*, std::size_t, int, int, int, off_t);
void* __wrap_mmap(void* at, std::size_t size, int prot, int flags, int fd, off_t offset) {
  if (!fails(c_mmap)) return __real_mmap(at, size, prot, flags, fd, offset);
  errno = ENOMEM;
  return MAP_FAILED;
}

int __real_madvise(void*, std::size_t, int);
int __wrap_madvise(void* at, std::size_t size, int advice) {
  return fails(c_madvise) ? failed(EINVAL) : __real_madvise(at, size, advice);
}

int __real_mprotect(void*, std::size_t, int);
int __wrap_mprotect(void* at, std::size_t size, int prot) {
  return fails(c_mprotect) ? failed(ENOMEM) : __real_mprotect(at, size, prot);
}

int __real_pthread_create(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*);
int __wrap_pthread_create(pthread_t* thread, const pthread_attr_t* attr, void* (*start)(void*), void* arg) {
  return fails(c_pthread_create) ? EAGAIN : __real_pthread_create(thread, attr, start, arg);
}

int __real_epoll_create1(int);
int __wrap_epoll_create1(int flags) { return fails(c_epoll_create1) ? failed(EMFILE) : __real_epoll_create1(flags); }

int __real_epoll_ctl(int, int, int, epoll_event*);
int __wrap_epoll_ctl(int ep, int op, int fd, epoll_event* event) {
  return fails(c_epoll_ctl) ? failed(ENOSPC) : __real_epoll_ctl(ep, op, fd, event);
}

int __real_epoll_pwait2(int, epoll_event*, int, const timespec*, const sigset_t*);
int __wrap_epoll_pwait2(int ep, epoll_event* events, int most, const timespec* wait, const sigset_t* mask) {
  // Once: a signal. For good: a kernel before 5.11.
  if (fails(c_epoll_pwait2)) return failed(from_then_on || always == c_epoll_pwait2 ? ENOSYS : EINTR);
  return __real_epoll_pwait2(ep, events, most, wait, mask);
}

int __real_epoll_wait(int, epoll_event*, int, int);
int __wrap_epoll_wait(int ep, epoll_event* events, int most, int ms) {
  return fails(c_epoll_wait) && !from_then_on ? failed(EINTR) : __real_epoll_wait(ep, events, most, ms);
}

int __real_eventfd(unsigned, int);
int __wrap_eventfd(unsigned value, int flags) {
  return fails(c_eventfd) ? failed(EMFILE) : __real_eventfd(value, flags);
}

int __real_sigaltstack(const stack_t*, stack_t*);
int __wrap_sigaltstack(const stack_t* wanted, stack_t* old) {
  return fails(c_sigaltstack) ? failed(ENOMEM) : __real_sigaltstack(wanted, old);
}

int __real_pthread_getattr_np(pthread_t, pthread_attr_t*);
int __wrap_pthread_getattr_np(pthread_t thread, pthread_attr_t* attr) {
  return fails(c_pthread_getattr_np) ? ENOMEM : __real_pthread_getattr_np(thread, attr);
}

// futex and membarrier. A futex wait that fails has been interrupted, for whatever reason; one that always does is a
// spin. A wake-up does not fail.
long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...) {
  std::array<long, 6> a;
  va_list args;
  va_start(args, number);
  for (long& arg : a) arg = va_arg(args, long);
  va_end(args);
  constexpr int futex_wait_private = 128;
  const bool may_fail = number == SYS_membarrier || (number == SYS_futex && a[1] == futex_wait_private);
  if (may_fail && fails(c_syscall)) return failed(number == SYS_membarrier ? ENOSYS : EINTR);
  return __real_syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
}
