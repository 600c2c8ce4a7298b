// Waiting for a descriptor on a plain thread, one that the scheduler does not own.
//
// Such a thread cannot count on anybody polling: there may be no worker at all. Rejected: parking it in the poller like
// a goroutine and letting one of the waiting threads poll (a leader to elect, for a case that is never hot), and waking
// up every few milliseconds to look. It sleeps in poll(2), on its descriptor and on an eventfd, which is what a close
// or a changed deadline writes to; the deadline is the time-out of the poll, so that no timer has to run either. Edges
// that the scheduler's poller sees meanwhile wake it through the same eventfd.
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <mutex>
#include <new>

#include "sched/clock.hpp"
#include "sched/fatal.hpp"
#include "sched/netpoll.hpp"

namespace gofer::sched {

/// Pooled, never freed: as many as threads ever waited at once.
struct poll_waiter {
  int eventfd = -1;
  poll_waiter* link = nullptr;
};

namespace {

struct waiter_pool {
  futex_mutex lock;
  poll_waiter* free = nullptr;
};
constinit waiter_pool pool;

poll_waiter* waiter_get() {
  {
    const std::lock_guard hold(pool.lock);
    if (poll_waiter* w = pool.free) {
      pool.free = w->link;
      return w;
    }
  }
  const int fd = ::eventfd(0, EFD_CLOEXEC);
  if (fd < 0) return nullptr;
  auto* w = new (std::nothrow) poll_waiter;
  if (w == nullptr) {
    ::close(fd);
    return nullptr;
  }
  w->eventfd = fd;
  return w;
}

void waiter_put(poll_waiter* w) {
  const std::lock_guard hold(pool.lock);
  w->link = pool.free;
  pool.free = w;
}

// Without an eventfd (no descriptor left, say) the thread looks again after this long; a guess.
constexpr std::int64_t recheck_ns = 10'000'000;

// Sleeps until the descriptor is ready (true), somebody writes to the eventfd, or the deadline is reached.
bool sleep_in_poll(polldesc* pd, poll_mode mode, int eventfd) {
  const short wanted = mode == poll_mode::read ? POLLIN | POLLRDHUP : POLLOUT;
  pollfd fds[2] = {{pd->fd, wanted, 0}, {eventfd, POLLIN, 0}};
  const std::int64_t deadline = (mode == poll_mode::read ? pd->rd : pd->wd).load(std::memory_order_relaxed);
  std::int64_t left = -1;
  if (deadline < 0) return false;
  if (deadline > 0) left = deadline - nanotime();
  if (eventfd < 0 && (deadline == 0 || left > recheck_ns)) left = recheck_ns;
  if (left < 0 && deadline > 0) left = 0;
  timespec ts{};
  if (left >= 0) {
    ts.tv_sec = left / 1'000'000'000;
    ts.tv_nsec = left % 1'000'000'000;
  }
  const int n = ::ppoll(fds, eventfd >= 0 ? 2 : 1, left >= 0 ? &ts : nullptr, nullptr);
  if (n > 0 && fds[0].revents != 0) return true;
  if (deadline > 0) {
    const std::int64_t now = nanotime();
    if (now >= deadline) poll_expire(pd, now);
  }
  return false;
}

}  // namespace

void poll_wake_plain(std::uintptr_t tagged) {
  const auto* w = reinterpret_cast<const poll_waiter*>(tagged & ~std::uintptr_t{1});
  const std::uint64_t one = 1;
  const int saved = errno;
  const ssize_t n = ::write(w->eventfd, &one, sizeof one);
  errno = saved;
  GOFER_CHECK(n == sizeof one, "netpoll: cannot wake a thread");
}

bool netpollblock_plain(polldesc* pd, poll_mode mode, const atomic<bool>* ended) {
  atomic<std::uintptr_t>& word = pollword(pd, mode);
  std::uintptr_t expected = pd_ready;
  if (word.compare_exchange_strong(expected, pd_nil, std::memory_order_seq_cst)) return true;
  poll_waiter* w = waiter_get();
  if (w == nullptr) return sleep_in_poll(pd, mode, -1) || word.exchange(pd_nil, std::memory_order_acq_rel) == pd_ready;

  const std::uintptr_t tagged = reinterpret_cast<std::uintptr_t>(w) | 1;
  expected = pd_nil;
  // seq_cst: publish, then look at info; see the head of netpoll.hpp
  if (!word.compare_exchange_strong(expected, tagged, std::memory_order_seq_cst)) {
    GOFER_CHECK(expected == pd_ready, "netpoll: two threads wait for the same thing");
    waiter_put(w);
    word.store(pd_nil, std::memory_order_relaxed);
    return true;
  }
  bool ready = false;
  if (poll_may_sleep(pd, mode, ended)) ready = sleep_in_poll(pd, mode, w->eventfd);
  expected = tagged;
  if (!word.compare_exchange_strong(expected, pd_nil, std::memory_order_acq_rel)) {
    // Somebody took this thread out of the word and is writing, or has written: take that in before the eventfd is
    // another's.
    std::uint64_t count;
    ssize_t n;
    do {
      n = ::read(w->eventfd, &count, sizeof count);
    } while (n < 0 && errno == EINTR);
    GOFER_CHECK(n == sizeof count, "netpoll: cannot read an eventfd");
    if (word.exchange(pd_nil, std::memory_order_acq_rel) == pd_ready) ready = true;
  }
  waiter_put(w);
  return ready;
}

}  // namespace gofer::sched
