// The operating system of virtual threads: what sched/ calls is led here by the linker (--wrap, see CMakeLists.txt), so
// that its sources stay what they are. Outside of a schedule, and for what is not of this world, the real one answers.
//
// A call is one step, and its effect happens at once. Timers are the explorer's clock. State lies in global variables,
// which are restored before every schedule.
#include <dirent.h>
#include <linux/futex.h>
#include <linux/membarrier.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdarg>
#include <cstring>

#include "engine.hpp"
#include "sched/schedule.hpp"
#include "world.hpp"

namespace gofer::explore {

namespace {

void step(op what, const void* at, const char* name, bool drains = true) {
  before(what, at, {.file = "system call", .function = name, .line = 0});
  if (drains) store_fence();
}

std::int64_t after(const timespec* ts) {
  return ts == nullptr ? -1 : now() + std::int64_t{ts->tv_sec} * 1'000'000'000 + ts->tv_nsec;
}

long futex(const std::uint32_t* word, int operation, std::uint32_t value, const timespec* timeout) {
  if (operation == FUTEX_WAKE_PRIVATE) {
    step(op::wake, word, "futex_wake");
    return wake(word, static_cast<int>(value));
  }
  step(op::wait, word, "futex_wait");
  if (*word != value) {
    errno = EAGAIN;
    return -1;
  }
  if (wait_on(word, after(timeout))) return 0;
  errno = ETIMEDOUT;
  return -1;
}

// --- The poller's descriptors: one epoll instance, and eventfds.

constexpr int epoll_fd = 1 << 20;
constexpr int first_eventfd = epoll_fd + 1;
constexpr std::size_t most_eventfds = 8;

struct event_counter {
  std::uint64_t count;
  bool registered;
  bool edge;  // edge-triggered, and there has been one
  epoll_event want;
};
std::array<event_counter, most_eventfds> counters;
int ncounters = 0;

event_counter* counter_of(int fd) {
  if (fd < first_eventfd || fd >= first_eventfd + ncounters) return nullptr;
  return &counters[static_cast<std::size_t>(fd - first_eventfd)];
}

bool reported(const event_counter& c) {
  return c.registered && ((c.want.events & EPOLLET) != 0 ? c.edge : c.count > 0);
}

int collect(epoll_event* events, int max) {
  int n = 0;
  bool more = false;
  for (event_counter& c : counters) {
    if (!reported(c)) continue;
    if (n < max) {
      const std::uint32_t ready = EPOLLOUT | (c.count > 0 ? std::uint32_t{EPOLLIN} : 0);
      events[n++] = {.events = ready & c.want.events, .data = c.want.data};
      c.edge = false;
    }
    more = more || reported(c);
  }
  if (more) wake(&counters, 1);  // level-triggered: the next one that waits is told too
  return n;
}

int wait_for_events(epoll_event* events, int max, std::int64_t deadline, bool may_wait) {
  step(op::wait, &counters, "epoll_wait");
  for (;;) {
    if (const int n = collect(events, max); n > 0 || !may_wait) return n;
    if (!wait_on(&counters, deadline)) may_wait = false;
  }
}

// --- Threads

struct thread_key {
  void (*destructor)(void*);
};
std::array<thread_key, 4> keys;
unsigned nkeys = 0;

// /proc/self/task, one entry for each.
struct task_directory {
  int left;
  dirent entry;
};
task_directory tasks;

}  // namespace

}  // namespace gofer::explore

using namespace gofer::explore;  // NOLINT: the whole file is of it

extern "C" {

#define REAL(type, name, ...) type __real_##name(__VA_ARGS__)
REAL(int, sched_yield);
REAL(int, pthread_create, pthread_t*, const pthread_attr_t*, void* (*)(void*), void*);
REAL(int, pthread_join, pthread_t, void**);
REAL(int, pthread_detach, pthread_t);
REAL(int, pthread_sigmask, int, const sigset_t*, sigset_t*);
REAL(int, pthread_getattr_np, pthread_t, pthread_attr_t*);
REAL(int, pthread_attr_getstack, const pthread_attr_t*, void**, size_t*);
REAL(int, pthread_attr_destroy, pthread_attr_t*);
REAL(int, pthread_key_create, pthread_key_t*, void (*)(void*));
REAL(int, pthread_setspecific, pthread_key_t, const void*);
REAL(int, pthread_mutex_lock, pthread_mutex_t*);
REAL(int, pthread_mutex_unlock, pthread_mutex_t*);
REAL(pid_t, gettid);
REAL(int, sigaction, int, const struct sigaction*, struct sigaction*);
REAL(int, sigaltstack, const stack_t*, stack_t*);
REAL(DIR*, opendir, const char*);
REAL(dirent*, readdir, DIR*);
REAL(int, closedir, DIR*);
REAL(int, epoll_create1, int);
REAL(int, eventfd, unsigned, int);
REAL(int, epoll_ctl, int, int, int, epoll_event*);
REAL(int, epoll_wait, int, epoll_event*, int, int);
REAL(int, epoll_pwait2, int, epoll_event*, int, const timespec*, const sigset_t*);
REAL(ssize_t, read, int, void*, size_t);
REAL(ssize_t, write, int, const void*, size_t);
REAL(void*, mmap, void*, size_t, int, int, int, off_t);
REAL(int, madvise, void*, size_t, int);
REAL(int, pause);
REAL(void, _exit, int) __attribute__((noreturn));
#undef REAL

long __wrap_syscall(long number, ...) {
  if (!live()) fail("system call %ld outside of a schedule", number);
  std::va_list args;
  va_start(args, number);
  const auto next = [&] { return va_arg(args, long); };
  long result = 0;
  if (number == SYS_futex) {
    const auto* word = reinterpret_cast<const std::uint32_t*>(next());
    const auto operation = static_cast<int>(next());
    const auto value = static_cast<std::uint32_t>(next());
    result = futex(word, operation, value, reinterpret_cast<const timespec*>(next()));
  } else if (number == SYS_process_madvise) {
    errno = ENOSYS;
    result = -1;
  } else if (number != SYS_membarrier) {
    fail("system call %ld", number);
  } else if (next() == MEMBARRIER_CMD_PRIVATE_EXPEDITED) {
    step(op::call, &counters, "membarrier");
    drain_everybody();
  }
  va_end(args);
  return result;
}

int __wrap_sched_yield() {
  if (!live()) return __real_sched_yield();
  store_fence();
  spin({.file = "system call", .function = "sched_yield", .line = 0});
  return 0;
}

int __wrap_pthread_create(pthread_t* id, const pthread_attr_t* attr, void* (*f)(void*), void* arg) {
  if (!live()) return __real_pthread_create(id, attr, f, arg);
  const bool sysmon = f == gofer::sched::sysmon_main;
  step(op::call, id, "pthread_create");
  *id = static_cast<pthread_t>(start_thread(
      sysmon ? "sysmon" : "worker", [f, arg] { f(arg); }, sysmon));
  return 0;
}

int __wrap_pthread_join(pthread_t id, void** result) {
  if (!live()) return __real_pthread_join(id, result);
  join(static_cast<int>(id));
  return 0;
}

int __wrap_pthread_detach(pthread_t id) { return live() ? 0 : __real_pthread_detach(id); }

int __wrap_pthread_sigmask(int how, const sigset_t* set, sigset_t* old) {
  return live() ? 0 : __real_pthread_sigmask(how, set, old);
}

// The attributes are not filled: only their stack is asked for.
int __wrap_pthread_getattr_np(pthread_t id, pthread_attr_t* attr) {
  return live() ? 0 : __real_pthread_getattr_np(id, attr);
}
int __wrap_pthread_attr_getstack(const pthread_attr_t* attr, void** lo, size_t* size) {
  if (!live()) return __real_pthread_attr_getstack(attr, lo, size);
  char* bottom = nullptr;
  thread_bounds(&bottom, size);
  *lo = bottom;
  return 0;
}
int __wrap_pthread_attr_destroy(pthread_attr_t* attr) { return live() ? 0 : __real_pthread_attr_destroy(attr); }

int __wrap_pthread_key_create(pthread_key_t* key, void (*destructor)(void*)) {
  if (!live()) return __real_pthread_key_create(key, destructor);
  keys[nkeys] = {destructor};
  *key = nkeys++;
  return 0;
}
int __wrap_pthread_setspecific(pthread_key_t key, const void* value) {
  if (!live()) return __real_pthread_setspecific(key, value);
  at_thread_end(keys[key].destructor, const_cast<void*>(value));
  return 0;
}

// Its first word: 1 while it is held.
int __wrap_pthread_mutex_lock(pthread_mutex_t* mutex) {
  if (!live()) return __real_pthread_mutex_lock(mutex);
  step(op::update, mutex, "pthread_mutex_lock");
  while (mutex->__data.__lock != 0) wait_on(mutex, -1);
  mutex->__data.__lock = 1;
  return 0;
}
int __wrap_pthread_mutex_unlock(pthread_mutex_t* mutex) {
  if (!live()) return __real_pthread_mutex_unlock(mutex);
  step(op::update, mutex, "pthread_mutex_unlock");
  mutex->__data.__lock = 0;
  wake(mutex, 1);
  return 0;
}

pid_t __wrap_gettid() { return live() ? 1000 + current_thread() : __real_gettid(); }

// A fault is the end of the schedule: the explorer's handlers stay.
int __wrap_sigaction(int sig, const struct sigaction* set, struct sigaction* old) {
  if (!live()) return __real_sigaction(sig, set, old);
  if (old != nullptr) *old = {};
  return 0;
}

int __wrap_sigaltstack(const stack_t* set, stack_t* old) {
  if (!live()) return __real_sigaltstack(set, old);
  if (old != nullptr) *old = {};  // there is one already
  return 0;
}

DIR* __wrap_opendir(const char* name) {
  if (!live()) return __real_opendir(name);
  tasks.left = threads_alive();
  return reinterpret_cast<DIR*>(&tasks);
}
dirent* __wrap_readdir(DIR* dir) {
  if (!live()) return __real_readdir(dir);
  if (tasks.left-- <= 0) return nullptr;
  std::strcpy(tasks.entry.d_name, "1");
  return &tasks.entry;
}
int __wrap_closedir(DIR* dir) { return live() ? 0 : __real_closedir(dir); }

int __wrap_epoll_create1(int flags) { return live() ? epoll_fd : __real_epoll_create1(flags); }

int __wrap_eventfd(unsigned initial, int flags) {
  if (!live()) return __real_eventfd(initial, flags);
  if (static_cast<std::size_t>(ncounters) == most_eventfds) fail("more than %zu eventfds", most_eventfds);
  counters[static_cast<std::size_t>(ncounters)] = {.count = initial, .registered = false, .edge = false, .want = {}};
  return first_eventfd + ncounters++;
}

int __wrap_epoll_ctl(int epfd, int operation, int fd, epoll_event* event) {
  if (!live()) return __real_epoll_ctl(epfd, operation, fd, event);
  step(op::call, &counters, "epoll_ctl");
  event_counter* c = counter_of(fd);
  c->registered = true;
  c->want = *event;
  c->edge = true;  // writable
  wake(&counters, 1);
  return 0;
}

int __wrap_epoll_wait(int epfd, epoll_event* events, int max, int ms) {
  if (!live()) return __real_epoll_wait(epfd, events, max, ms);
  return wait_for_events(events, max, ms < 0 ? -1 : now() + std::int64_t{ms} * 1'000'000, ms != 0);
}

int __wrap_epoll_pwait2(int epfd, epoll_event* events, int max, const timespec* timeout, const sigset_t* mask) {
  if (!live()) return __real_epoll_pwait2(epfd, events, max, timeout, mask);
  return wait_for_events(events, max, after(timeout), true);
}

ssize_t __wrap_read(int fd, void* to, size_t n) {
  event_counter* c = live() ? counter_of(fd) : nullptr;
  if (c == nullptr) return __real_read(fd, to, n);
  step(op::call, &counters, "read");
  if (c->count == 0) {
    errno = EAGAIN;
    return -1;
  }
  std::memcpy(to, &c->count, sizeof c->count);
  c->count = 0;
  return sizeof c->count;
}

ssize_t __wrap_write(int fd, const void* from, size_t n) {
  if (live() && fd == STDERR_FILENO) {
    report(static_cast<const char*>(from), n);
    return static_cast<ssize_t>(n);
  }
  event_counter* c = live() ? counter_of(fd) : nullptr;
  if (c == nullptr) return __real_write(fd, from, n);
  step(op::call, &counters, "write");
  std::uint64_t add = 0;
  std::memcpy(&add, from, sizeof add);
  c->count += add;
  c->edge = true;
  if (c->registered) wake(&counters, 1);
  return sizeof add;
}

void* __wrap_mmap(void* at, size_t size, int protection, int flags, int fd, off_t offset) {
  if (!live()) return __real_mmap(at, size, protection, flags, fd, offset);
  void* p = world::map(size);
  return p == nullptr ? MAP_FAILED : p;
}

// Guards are not installed: other memory will lie there in the next schedule.
int __wrap_madvise(void* at, size_t size, int advice) {
  if (!live() || advice == MADV_DONTNEED) return __real_madvise(at, size, advice);
  return 0;
}

// No signal comes.
int __wrap_pause() {
  if (!live()) return __real_pause();
  wait_on(&counters + 1, -1);
  return -1;
}

void __wrap__exit(int status) {
  if (live()) process_ends(status);
  __real__exit(status);
}

}  // extern "C"
