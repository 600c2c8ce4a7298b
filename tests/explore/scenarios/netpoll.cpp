// The poller: edges, deadlines and close against goroutines that are about to wait; and the break that gets a worker
// out of it. The descriptors are the explorer's eventfds.
#include "sched/netpoll.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>

#include "instance.hpp"
#include "sched/clock.hpp"

namespace gofer::explore {
namespace {

using sched::poll_error;
using sched::poll_mode;

sched::polldesc* open(int* fd) {
  *fd = ::eventfd(0, EFD_NONBLOCK);
  int errnum = 0;
  sched::polldesc* pd = sched::pollopen(*fd, &errnum);
  EXPLORE_CHECK(pd != nullptr);
  return pd;
}

// Reads until there is something.
poll_error read_one(sched::polldesc* pd, int fd) {
  std::uint64_t n = 0;
  while (::read(fd, &n, sizeof n) < 0) {
    EXPLORE_CHECK(errno == EAGAIN);
    const poll_error failed = sched::pollwait(pd, poll_mode::read);
    if (failed != poll_error::none) return failed;
  }
  return poll_error::none;
}

void write_one(int fd) {
  const std::uint64_t one = 1;
  EXPLORE_CHECK(::write(fd, &one, sizeof one) == sizeof one);
}

SCENARIO(netpoll, "a goroutine reads what another one and a plain thread write") {
  run(2, [] {
    int a = 0, b = 0;
    sched::polldesc* pa = open(&a);
    sched::polldesc* pb = open(&b);
    latch done(2);
    begin();
    const int plain = spawn("plain", [&] { write_one(a); });
    go([&] {
      EXPLORE_CHECK(read_one(pa, a) == poll_error::none);
      write_one(b);
      done.done();
    });
    go([&] {
      EXPLORE_CHECK(read_one(pb, b) == poll_error::none);
      done.done();
    });
    done.wait();
    (void)plain;
  });
  join_all();
}

SCENARIO(netpoll_deadline, "a deadline, a write and a close, in whatever order") {
  run(2, [] {
    int fd = 0;
    sched::polldesc* pd = open(&fd);
    latch done(2);
    event over;
    begin();
    go([&] {
      // Whatever ends it, it ends.
      (void)read_one(pd, fd);
      over.set();
      done.done();
    });
    go([&] {
      sched::pollset_deadline(pd, sched::nanotime() + 5'000, true, true);
      sched::gosched();
      write_one(fd);
      sched::pollset_deadline(pd, sched::nanotime() + hour, true, true);
      over.wait();
      sched::pollunblock(pd);
      done.done();
    });
    done.wait();
    sched::pollclose(pd);
  });
}

SCENARIO(netpoll_close, "a descriptor is closed under a goroutine that is about to wait, and used again") {
  run(2, [] {
    int fd = 0;
    sched::polldesc* pd = open(&fd);
    latch done(2);
    event over;
    begin();
    go([&] {
      EXPLORE_CHECK(read_one(pd, fd) == poll_error::closing);
      over.set();
      done.done();
    });
    go([&] {
      sched::pollunblock(pd);
      over.wait();
      sched::pollclose(pd);
      int next = 0;
      sched::polldesc* again = open(&next);
      go([=] { write_one(next); });
      EXPLORE_CHECK(read_one(again, next) == poll_error::none);
      done.done();
    });
    done.wait();
  });
}

}  // namespace
}  // namespace gofer::explore
