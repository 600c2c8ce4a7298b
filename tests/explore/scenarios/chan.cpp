// Channels, select and the locks of runtime/, on a scheduler with two Ps.
#include <gofer/chan.hpp>
#include <gofer/select.hpp>
#include <gofer/sync/mutex.hpp>
#include <gofer/sync/shared_mutex.hpp>
#include <gofer/time.hpp>
#include <memory>

#include "instance.hpp"

namespace gofer::explore {
namespace {

// Two send, two receive; what was sent was received.
void exchange(std::int64_t capacity) {
  run(2, [=] {
    chan<int> c(capacity);
    latch done(3);
    int sum = 0;
    begin();
    for (const int n : {1, 10}) {
      go([&, n] {
        c.send(n);
        c.send(2 * n);
        done.done();
      });
    }
    go([&] {
      for (int i = 0; i < 2; i++) sum += *c.recv();
      done.done();
    });
    for (int i = 0; i < 2; i++) sum += *c.recv();
    done.wait();
    EXPLORE_CHECK(sum == 33 && c.len() == 0);
  });
}

SCENARIO(chan, "two senders and two receivers on a channel without a buffer") { exchange(0); }
SCENARIO(chan_buffer, "two senders and two receivers on a channel with room for one") { exchange(1); }

SCENARIO(chan_typed, "elements whose moves are calls, through a channel with room for one") {
  run(2, [] {
    chan<std::unique_ptr<int>> c(1);
    latch done(2);
    begin();
    for (const int n : {1, 2}) {
      go([&, n] {
        c.send(std::make_unique<int>(n));
        c.send(std::make_unique<int>(n));
        done.done();
      });
    }
    int sum = 0;
    for (int i = 0; i < 4; i++) sum += **c.recv();
    EXPLORE_CHECK(sum == 6);
    done.wait();
  });
}

SCENARIO(chan_close, "a close wakes everybody who waits, once") {
  run(2, [] {
    chan<int> c(1);
    latch done(3);
    begin();
    for (int i = 0; i < 3; i++) {
      go([&] {
        while (c.recv()) {
        }
        done.done();
      });
    }
    c.send(1);
    c.close();
    done.wait();
  });
}

SCENARIO(select, "two selects on both ends of two channels") {
  run(2, [] {
    chan<int> a(0), b(0);
    latch done(2);
    int received = 0;
    begin();
    go([&] {
      for (int i = 0; i < 2; i++) {
        gofer::select(send(a, 1), recv(b, [&](std::optional<int> v) { received += *v; }));
      }
      done.done();
    });
    go([&] {
      for (int i = 0; i < 2; i++) {
        gofer::select(recv(a, [&](std::optional<int> v) { received += *v; }), send(b, 1));
      }
      done.done();
    });
    done.wait();
    EXPLORE_CHECK(received == 2);
  });
}

SCENARIO(select_one, "of two that could wake a select one does, and the other's value is not lost") {
  run(2, [] {
    chan<int> a(0), b(0);
    latch done(2);
    int sum = 0;
    begin();
    go([&] {
      a.send(1);
      done.done();
    });
    go([&] {
      b.send(2);
      done.done();
    });
    const auto add = [&](std::optional<int> v) { sum += *v; };
    for (int i = 0; i < 2; i++) gofer::select(recv(a, add), recv(b, add));
    EXPLORE_CHECK(sum == 3);
    done.wait();
  });
}

SCENARIO(select_timeout, "a select's time runs out while somebody sends") {
  run(2, [] {
    chan<int> c(0);
    latch done(1);
    int sum = 0;
    begin();
    go([&] {
      c.send(1);
      done.done();
    });
    const auto add = [&](std::optional<int> v) { sum += *v; };
    gofer::select(recv(c, add), after(std::chrono::microseconds(5), [] {}));
    if (sum == 0) sum = *c.recv();
    EXPLORE_CHECK(sum == 1);
    done.wait();
  });
}

SCENARIO(mutex, "three goroutines and a plain thread enter a section") {
  mutex m;
  int within = 0;
  int entered = 0;
  const auto enter = [&] {
    m.lock();
    EXPLORE_CHECK(within++ == 0);
    sched::gosched();
    EXPLORE_CHECK(--within == 0);
    entered++;
    m.unlock();
  };
  const int plain = spawn("plain", enter);
  run(2, [&] {
    latch done(3);
    begin();
    for (int i = 0; i < 3; i++) {
      go([&] {
        enter();
        done.done();
      });
    }
    done.wait();
    end();
  });
  join(plain);
  EXPLORE_CHECK(entered == 4);
}

SCENARIO(shared_mutex, "two readers and two writers") {
  run(2, [] {
    shared_mutex m;
    int readers = 0;
    int writers = 0;
    latch done(4);
    begin();
    for (int i = 0; i < 2; i++) {
      go([&] {
        m.lock_shared();
        readers++;
        EXPLORE_CHECK(writers == 0);
        sched::gosched();
        EXPLORE_CHECK(writers == 0);
        readers--;
        m.unlock_shared();
        done.done();
      });
      go([&] {
        m.lock();
        EXPLORE_CHECK(writers++ == 0 && readers == 0);
        sched::gosched();
        EXPLORE_CHECK(--writers == 0 && readers == 0);
        m.unlock();
        done.done();
      });
    }
    done.wait();
  });
}

}  // namespace
}  // namespace gofer::explore
