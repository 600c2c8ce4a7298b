// The poller itself, below the network.
#include "sched/netpoll.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstring>
#include <gofer/runtime.hpp>
#include <gofer/sync.hpp>
#include <memory>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

#include "sched/clock.hpp"
#include "sched/schedt.hpp"

namespace {

using namespace std::chrono_literals;
using namespace gofer::sched;

// A non-blocking stream pair, the first end in the poller.
class polled_pair {
 public:
  polled_pair() {
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    int errnum = -1;
    pd = pollopen(fds[0], &errnum);
    EXPECT_NE(pd, nullptr);
    EXPECT_EQ(errnum, 0);
  }
  polled_pair(const polled_pair&) = delete;
  polled_pair& operator=(const polled_pair&) = delete;
  ~polled_pair() {
    if (pd != nullptr) close();
    ::close(fds[1]);
  }
  void close() {
    if (pollcheck(pd, poll_mode::read) != poll_error::closing) pollunblock(pd);
    pollclose(pd);
    ::close(fds[0]);
    pd = nullptr;
  }
  bool read_would_block() {
    char c;
    return ::read(fds[0], &c, 1) < 0 && errno == EAGAIN;
  }
  // Waits for room: a few hundred single bytes fill the socket.
  void put() {
    while (::write(fds[1], "x", 1) != 1) {
      ASSERT_EQ(errno, EAGAIN);
      pollfd room{fds[1], POLLOUT, 0};
      ::poll(&room, 1, -1);
    }
  }

  int fds[2];
  polldesc* pd;
};

template <class F>
void on_procs(F main) {
  for (const int procs : {1, 2, 4, 8}) {
    SCOPED_TRACE("GOMAXPROCS " + std::to_string(procs));
    gofer::run({.maxprocs = procs}, main);
  }
}

TEST(Netpoll, WaitSeesAnEdgeBeforeAndAfter) {
  on_procs([] {
    polled_pair p;
    // Joining the poller reports room for writing.
    EXPECT_EQ(pollwait(p.pd, poll_mode::write), poll_error::none);
    gofer::wait_group done;
    std::atomic<int> woken{0};
    done.go([&] {
      for (int i = 0; i < 100; i++) {
        while (p.read_would_block()) EXPECT_EQ(pollwait(p.pd, poll_mode::read), poll_error::none);
        woken++;
      }
    });
    for (int i = 0; i < 100; i++) {
      p.put();
      if (i % 3 == 0) gofer::gosched();
    }
    done.wait();
    EXPECT_EQ(woken, 100);
  });
}

TEST(Netpoll, CountsItsWaiters) {
  on_procs([] {
    polled_pair p;
    EXPECT_FALSE(netpoll_any_waiters());
    gofer::wait_group done;
    done.go([&] {
      while (p.read_would_block()) pollwait(p.pd, poll_mode::read);
    });
    while (!netpoll_any_waiters()) gofer::gosched();
    p.put();
    done.wait();
    EXPECT_FALSE(netpoll_any_waiters());
    done.go([&] { EXPECT_EQ(pollwait(p.pd, poll_mode::read), poll_error::closing); });
    while (!netpoll_any_waiters()) gofer::gosched();
    pollunblock(p.pd);
    done.wait();
    EXPECT_FALSE(netpoll_any_waiters());
    EXPECT_EQ(pollwait(p.pd, poll_mode::read), poll_error::closing);
    EXPECT_FALSE(pollset_deadline(p.pd, nanotime() + 1000, true, true));
  });
}

// What waited in a run that is over must not keep the next one from seeing that everybody is asleep.
TEST(Netpoll, ForgetsTheWaitersOfARunThatIsOver) {
  polled_pair p;
  gofer::run([&] {
    gofer::go([pd = p.pd] { pollwait(pd, poll_mode::read); });
    while (!netpoll_any_waiters()) gofer::gosched();
  });
  EXPECT_FALSE(netpoll_any_waiters());
  p.put();
  gofer::run([&] { EXPECT_EQ(pollwait(p.pd, poll_mode::read), poll_error::none); });
}

TEST(Netpoll, DeadlineExpiresOnlyItsSide) {
  on_procs([] {
    polled_pair p;
    const std::int64_t start = nanotime();
    EXPECT_TRUE(pollset_deadline(p.pd, start + 5'000'000, true, false));
    EXPECT_EQ(pollwait(p.pd, poll_mode::read), poll_error::timeout);
    EXPECT_GE(nanotime(), start + 5'000'000);
    EXPECT_EQ(pollcheck(p.pd, poll_mode::read), poll_error::timeout);
    EXPECT_EQ(pollcheck(p.pd, poll_mode::write), poll_error::none);
    EXPECT_TRUE(pollset_deadline(p.pd, 0, true, false));
    EXPECT_EQ(pollcheck(p.pd, poll_mode::read), poll_error::none);
    EXPECT_TRUE(pollset_deadline(p.pd, -1, false, true));
    EXPECT_EQ(pollcheck(p.pd, poll_mode::write), poll_error::timeout);
    EXPECT_EQ(pollcheck(p.pd, poll_mode::read), poll_error::none);
  });
}

// A deadline that moves away leaves the alarm where it was; the alarm finds nothing due and sets itself again.
TEST(Netpoll, AlarmThatComesTooEarlyIsSetAgain) {
  on_procs([] {
    polled_pair p;
    const std::int64_t start = nanotime();
    pollset_deadline(p.pd, start + 5'000'000, true, false);
    const auto armed = [&] {
      const std::lock_guard hold(p.pd->lock);
      return p.pd->armed;
    };
    const std::int64_t first = armed();
    pollset_deadline(p.pd, start + 30'000'000, true, false);
    // On a machine that is too busy the alarm has come already.
    if (const std::int64_t now = armed(); nanotime() < start + 5'000'000) {
      EXPECT_EQ(now, first);
    }
    EXPECT_EQ(pollwait(p.pd, poll_mode::read), poll_error::timeout);
    EXPECT_GE(nanotime(), start + 30'000'000);
    EXPECT_EQ(p.pd->alarm.heap.load(), nullptr);
  });
}

TEST(Netpoll, CloseDisarms) {
  gofer::run([] {
    polled_pair p;
    pollset_deadline(p.pd, nanotime() + 3'600'000'000'000, true, true);
    polldesc* pd = p.pd;
    EXPECT_NE(pd->alarm.heap.load(), nullptr);
    p.close();
    EXPECT_EQ(pd->alarm.heap.load(), nullptr);
  });
}

TEST(Netpoll, PolldescsAreUsedAgainUnderAnotherNumber) {
  polldesc* first;
  std::uint32_t seq;
  {
    polled_pair p;
    first = p.pd;
    seq = first->seq;
  }
  polled_pair p;
  EXPECT_EQ(p.pd, first);
  EXPECT_NE(p.pd->seq.load(), seq);
  // An event for the former use wakes nobody.
  g* list = nullptr;
  EXPECT_EQ(p.pd->rg.load(), pd_nil);
  netpollready(&list,
               {.data = std::uint64_t{seq} << 32 | first->index, .readable = true, .writable = true, .eventful = true});
  EXPECT_EQ(list, nullptr);
  EXPECT_EQ(p.pd->rg.load(), pd_nil);
  EXPECT_TRUE(poll_drained_means_empty(p.pd));
  netpollready(
      &list,
      {.data = std::uint64_t{p.pd->seq} << 32 | first->index, .readable = true, .writable = false, .eventful = true});
  EXPECT_EQ(p.pd->rg.load(), pd_ready);
  EXPECT_FALSE(poll_drained_means_empty(p.pd));
  EXPECT_EQ(pollwait(p.pd, poll_mode::read), poll_error::none);
  EXPECT_EQ(p.pd->rg.load(), pd_nil);
}

TEST(Netpoll, ManyPolldescs) {
  // More than the first chunks of the pool hold.
  std::vector<std::unique_ptr<polled_pair>> pairs;
  std::set<std::uint32_t> indexes;
  for (int i = 0; i < 300; i++) {
    pairs.push_back(std::make_unique<polled_pair>());
    indexes.insert(pairs.back()->pd->index);
  }
  EXPECT_EQ(indexes.size(), 300u);
  gofer::run([&] {
    gofer::wait_group done;
    for (auto& p : pairs) {
      done.go([&p] {
        while (p->read_would_block()) EXPECT_EQ(pollwait(p->pd, poll_mode::read), poll_error::none);
      });
    }
    for (auto& p : pairs) p->put();
    done.wait();
  });
}

TEST(Netpoll, WhatCannotBePolledSaysSo) {
  const int fd = ::open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
  int errnum = 0;
  EXPECT_EQ(pollopen(fd, &errnum), nullptr);
  EXPECT_EQ(errnum, EPERM);
  ::close(fd);
}

TEST(Netpoll, BreakEndsABlockingPoll) {
  if (the_sched.load() != nullptr) GTEST_SKIP() << "a runtime that another test started takes the breaks";
  netpoll_init();
  for (int i = 0; i < 100; i++) {
    std::atomic<bool> back{false};
    std::thread poller([&] {
      EXPECT_EQ(netpoll(-1), nullptr);
      back = true;
    });
    if (i % 2 == 0) std::this_thread::sleep_for(100us);
    netpoll_break();
    poller.join();
    EXPECT_TRUE(back);
  }
  // A break that nobody waited for is kept for the next who does, once.
  netpoll_break();
  netpoll_break();
  EXPECT_EQ(netpoll(0), nullptr);
  EXPECT_EQ(netpoll(-1), nullptr);
  const std::int64_t start = nanotime();
  EXPECT_EQ(netpoll(2'000'000), nullptr);
  EXPECT_GE(nanotime() - start, 2'000'000);
}

TEST(Netpoll, KeepsErrno) {
  netpoll_init();
  errno = ENOTTY;
  netpoll(1000);
  netpoll(0);
  EXPECT_EQ(errno, ENOTTY);
}

// --- Plain threads, nobody polling.

TEST(NetpollPlain, WaitsForItsDescriptor) {
  polled_pair p;
  std::thread writer([&] {
    std::this_thread::sleep_for(5ms);
    p.put();
  });
  while (p.read_would_block()) EXPECT_EQ(pollwait(p.pd, poll_mode::read), poll_error::none);
  writer.join();
  EXPECT_EQ(pollwait(p.pd, poll_mode::write), poll_error::none);
}

TEST(NetpollPlain, DeadlineAndClose) {
  polled_pair p;
  const std::int64_t start = nanotime();
  pollset_deadline(p.pd, start + 5'000'000, true, false);
  EXPECT_EQ(pollwait(p.pd, poll_mode::read), poll_error::timeout);
  EXPECT_GE(nanotime(), start + 5'000'000);
  pollset_deadline(p.pd, 0, true, true);
  for (int i = 0; i < 2; i++) {
    std::thread other([&] {
      std::this_thread::sleep_for(5ms);
      if (i == 0) {
        pollset_deadline(p.pd, -1, true, false);
      } else {
        pollunblock(p.pd);
      }
    });
    EXPECT_EQ(pollwait(p.pd, poll_mode::read), i == 0 ? poll_error::timeout : poll_error::closing);
    other.join();
    if (i == 0) pollset_deadline(p.pd, 0, true, true);
  }
}

// The scheduler's poller may see the edge first.
TEST(NetpollPlain, IsWokenByAnotherPoller) {
  polled_pair p;
  std::atomic<bool> stop{false};
  std::thread poller([&] {
    while (!stop) EXPECT_EQ(netpoll(100'000), nullptr);
  });
  std::thread writer([&] {
    for (int i = 0; i < 1000; i++) {
      p.put();
      if (i % 10 == 0) std::this_thread::yield();
    }
  });
  for (int i = 0; i < 1000; i++) {
    while (p.read_would_block()) ASSERT_EQ(pollwait(p.pd, poll_mode::read), poll_error::none);
  }
  writer.join();
  stop = true;
  poller.join();
}

}  // namespace
