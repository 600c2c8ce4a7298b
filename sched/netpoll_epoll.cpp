// The poller's backend on Linux: one epoll instance for the process, and an eventfd to interrupt whoever waits in it.
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "sched/atomic.hpp"
#include "sched/fatal.hpp"
#include "sched/netpoll.hpp"

namespace gofer::sched {

namespace {

struct epoll_state {
  int epfd = -1;
  int breakfd = -1;
  atomic<std::uint32_t> break_pending{0};  // 1: breakfd was written and not read since
  atomic<bool> no_pwait2{false};           // the kernel has no epoll_pwait2 (before 5.11)
};
constinit epoll_state st;

// Index 0xffffffff is no polldesc's.
constexpr std::uint64_t break_data = ~std::uint64_t{0};

// Go's number: enough that a busy server rarely fills it, and 1.5 KiB of a system stack.
constexpr int max_events = 128;

int wait_for_events(epoll_event* events, std::int64_t delay_ns) {
  if (delay_ns > 0 && !st.no_pwait2.load(std::memory_order_relaxed)) {
    timespec ts{};
    ts.tv_sec = delay_ns / 1'000'000'000;
    ts.tv_nsec = delay_ns % 1'000'000'000;
    const int n = ::epoll_pwait2(st.epfd, events, max_events, &ts, nullptr);
    // EPERM: a seccomp filter that has not heard of it.
    if (n >= 0 || (errno != ENOSYS && errno != EPERM)) return n;
    st.no_pwait2.store(true, std::memory_order_relaxed);
  }
  int ms = -1;
  if (delay_ns == 0) {
    ms = 0;
  } else if (delay_ns > 0) {
    // Rounded up: a timer that is not due yet when we wake means another round through the scheduler.
    constexpr std::int64_t most = 1'000'000'000;
    const std::int64_t rounded = delay_ns / 1'000'000 + (delay_ns % 1'000'000 != 0 ? 1 : 0);
    ms = static_cast<int>(rounded < most ? rounded : most);
  }
  return ::epoll_wait(st.epfd, events, max_events, ms);
}

}  // namespace

void netpoll_backend_init() {
  st.epfd = ::epoll_create1(EPOLL_CLOEXEC);
  if (st.epfd < 0) fatal("netpoll: epoll_create1 failed");
  st.breakfd = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (st.breakfd < 0) fatal("netpoll: eventfd failed");
  epoll_event ev{};
  ev.events = EPOLLIN;
  ev.data.u64 = break_data;
  if (::epoll_ctl(st.epfd, EPOLL_CTL_ADD, st.breakfd, &ev) != 0) fatal("netpoll: epoll_ctl failed");
}

void netpoll_backend_in_child() {
  ::close(st.epfd);
  ::close(st.breakfd);
  st.break_pending.store(0, std::memory_order_relaxed);
  netpoll_backend_init();
}

int netpoll_backend_open(int fd, std::uint64_t data) {
  epoll_event ev{};
  ev.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLPRI | EPOLLET;
  ev.data.u64 = data;
  return ::epoll_ctl(st.epfd, EPOLL_CTL_ADD, fd, &ev) == 0 ? 0 : errno;
}

void netpoll_break() {
  if (!netpoll_inited()) return;
  // acq_rel, and a write even when one is pending; pairs with the exchange in netpoll. Either that one comes later and
  // sees what was done before this break, or it came earlier and this break writes again.
  if (st.break_pending.exchange(1, std::memory_order_acq_rel) == 1) return;
  const std::uint64_t one = 1;
  const int saved = errno;
  const ssize_t n = ::write(st.breakfd, &one, sizeof one);
  const int failed = n < 0 ? errno : 0;
  errno = saved;
  // EAGAIN: the counter is at its maximum, so it is readable.
  GOFER_CHECK(n == sizeof one || failed == EAGAIN, "netpoll: cannot write to the eventfd");
}

g* netpoll(std::int64_t delay_ns) {
  if (!netpoll_inited()) return nullptr;
  const int saved = errno;
  epoll_event events[max_events];
  g* list = nullptr;
  int n;
  do {
    n = wait_for_events(events, delay_ns);
    // Interrupted while it was to wait for some time: let the scheduler compute anew for how long.
  } while (n < 0 && errno == EINTR && delay_ns < 0);
  GOFER_CHECK(n >= 0 || errno == EINTR, "netpoll: epoll_wait failed");
  for (int i = 0; i < n; i++) {
    const epoll_event& ev = events[i];
    if (ev.data.u64 == break_data) {
      // A look in passing (delay 0) leaves the wake-up for the thread that it was meant for.
      if (delay_ns != 0) {
        std::uint64_t count;
        // Nothing to read: another blocking netpoll was woken by the same write.
        if (::read(st.breakfd, &count, sizeof count) == sizeof count) {
          st.break_pending.exchange(0, std::memory_order_acq_rel);
        }
      }
      continue;
    }
    constexpr std::uint32_t hangup = EPOLLRDHUP | EPOLLHUP | EPOLLERR;
    netpollready(&list, {.data = ev.data.u64,
                         .readable = (ev.events & (EPOLLIN | hangup)) != 0,
                         .writable = (ev.events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0,
                         .eventful = (ev.events & (EPOLLPRI | hangup)) != 0});
  }
  errno = saved;
  return list;
}

}  // namespace gofer::sched
