// Channels: what Go's runtime/chan_test.go and test/chan ask of them, and what C++ adds (handles, threads).
// Element types with code of their own are in chan_elem_test.cpp.
#include <algorithm>
#include <gofer/chan.hpp>
#include <gofer/context.hpp>
#include <gofer/select.hpp>
#include <gofer/sync.hpp>
#include <numeric>
#include <ranges>
#include <thread>
#include <unordered_set>
#include <vector>

#include "chan_helpers.hpp"

namespace {

using namespace chan_test;
using gofer::chan;
using gofer::go;
using gofer::recv_chan;
using gofer::recv_status;
using gofer::send_chan;

TEST(Chan, BufferedIsFirstInFirstOut) {
  sweep([] {
    chan<int> c{3};
    EXPECT_EQ(c.cap(), 3u);
    EXPECT_EQ(c.len(), 0u);
    for (int round = 0; round < 5; round++) {
      for (int i = 0; i < 3; i++) EXPECT_TRUE(c.try_send(10 * round + i));
      EXPECT_FALSE(c.try_send(99));
      EXPECT_EQ(c.len(), 3u);
      for (int i = 0; i < 3; i++) EXPECT_EQ(c.recv(), 10 * round + i);
      int v = -1;
      EXPECT_EQ(c.try_recv(v), recv_status::empty);
      EXPECT_EQ(v, -1);
    }
  });
}

// Go's TestChan, for every small capacity.
TEST(Chan, EveryCapacity) {
  sweep([] {
    for (int cap = 0; cap < 40; cap++) {
      {
        // A receive from an empty channel blocks.
        chan<int> c{cap};
        std::atomic<bool> one{false}, two{false};
        gofer::wait_group wg;
        wg.go([&] { one = c.recv().has_value(); });
        wg.go([&] { two = c.recv().has_value(); });
        eventually([&] { return receivers_waiting(c) == 2; });
        EXPECT_FALSE(one || two);
        c.send(0);
        c.send(0);
        wg.wait();
        EXPECT_TRUE(one && two);
      }
      {
        // A send to a full channel blocks; it goes on when there is room.
        chan<int> c{cap};
        for (int i = 0; i < cap; i++) c.send(i);
        EXPECT_FALSE(c.try_send(0));
        std::atomic<bool> sent{false};
        gofer::wait_group wg;
        wg.go([&] {
          c.send(cap);
          sent = true;
        });
        eventually([&] { return senders_waiting(c) == 1; });
        EXPECT_FALSE(sent);
        for (int i = 0; i <= cap; i++) EXPECT_EQ(c.recv(), i);
        wg.wait();
      }
      {
        // A closed channel is drained first; then every receive answers at once.
        chan<int> c{cap};
        for (int i = 0; i < cap; i++) c.send(i);
        c.close();
        for (int i = 0; i < cap; i++) EXPECT_EQ(c.recv(), i);
        for (int i = 0; i < 3; i++) EXPECT_EQ(c.recv(), std::nullopt);
        int v = 7;
        EXPECT_EQ(c.try_recv(v), recv_status::closed);
        EXPECT_EQ(v, 7);
      }
      {
        // Close wakes a receiver.
        chan<int> c{cap};
        gofer::wait_group wg;
        wg.go([&] { EXPECT_EQ(c.recv(), std::nullopt); });
        eventually([&] { return receivers_waiting(c) == 1; });
        c.close();
        wg.wait();
      }
      {
        // A hundred values in order.
        chan<int> c{cap};
        go([c] {
          for (int i = 0; i < 100; i++) c.send(i);
        });
        for (int i = 0; i < 100; i++) EXPECT_EQ(c.recv(), i);
      }
      {
        // Several senders and receivers: everything arrives once.
        constexpr int per_sender = 100;
        constexpr int workers = 4;
        chan<int> c{cap};
        std::vector<std::atomic<int>> got(per_sender * workers);
        gofer::wait_group senders, receivers;
        for (int w = 0; w < workers; w++) {
          senders.go([&, w] {
            for (int i = 0; i < per_sender; i++) c.send(w * per_sender + i);
          });
          receivers.go([&] {
            for (int v : c) got[static_cast<std::size_t>(v)]++;
          });
        }
        senders.wait();
        c.close();
        receivers.wait();
        for (auto& n : got) EXPECT_EQ(n, 1);
      }
    }
  });
}

TEST(Chan, NilNeverIsReady) {
  sweep([] {
    chan<int> n;
    EXPECT_TRUE(n == nullptr);
    EXPECT_FALSE(n);
    EXPECT_EQ(n.len(), 0u);
    EXPECT_EQ(n.cap(), 0u);
    int v;
    EXPECT_FALSE(n.try_send(1));
    EXPECT_EQ(n.try_recv(v), recv_status::empty);
    EXPECT_EQ(n.try_recv_for(v, 1ms), recv_status::empty);
    EXPECT_FALSE(n.try_send_for(1, 1ms));
    // Of their own, since they may begin only when the run is over: nobody can wait for who never comes back.
    const auto through = std::make_shared<std::atomic<int>>(0);
    go([n, through] { n.recv(), ++*through; });
    go([n, through] { n.send(1), ++*through; });
    gofer::sleep(1ms);
    EXPECT_EQ(*through, 0);
  });
}

TEST(Chan, MisusePanicsWithGoTexts) {
  const auto check = [] {
    EXPECT_EQ(runtime_error_of([] { chan<int>().close(); }), "close of nil channel");
    for (int cap : {0, 2}) {
      chan<int> c{cap};
      c.close();
      EXPECT_EQ(runtime_error_of([&] { c.close(); }), "close of closed channel");
      EXPECT_EQ(runtime_error_of([&] { c.send(1); }), "send on closed channel");
      EXPECT_EQ(runtime_error_of([&] { c.try_send(1); }), "send on closed channel");
      EXPECT_EQ(runtime_error_of([&] { c.try_send_for(1, 1h); }), "send on closed channel");
      EXPECT_EQ(c.recv(), std::nullopt);
    }
    chan<int> buffered{2};
    buffered.send(5);
    buffered.close();
    EXPECT_EQ(runtime_error_of([&] { buffered.send(6); }), "send on closed channel");
    EXPECT_EQ(buffered.recv(), 5);
    EXPECT_EQ(buffered.recv(), std::nullopt);
    constexpr auto huge = std::numeric_limits<std::size_t>::max();
    EXPECT_EQ(runtime_error_of([] { chan<int>{-1}; }), "makechan: size out of range");
    EXPECT_EQ(runtime_error_of([] { chan<int>{huge}; }), "makechan: size out of range");
    EXPECT_EQ(runtime_error_of([] { chan<long>{huge / 8}; }), "makechan: size out of range");
    EXPECT_EQ(runtime_error_of([] { gofer::make_chan<int>(-1); }), "makechan: size out of range");
  };
  sweep(check);
  check();  // on a plain thread
}

TEST(Chan, CloseMakesBlockedSendersPanic) {
  sweep([] {
    for (int cap : {0, 1}) {
      chan<int> c{cap};
      for (int i = 0; i < cap; i++) c.send(-1);
      chan<std::string> outcome{3};
      for (int i = 0; i < 3; i++) {
        go([=] { outcome.send(runtime_error_of([&] { c.send(i); })); });
      }
      eventually([&] { return senders_waiting(c) == 3; });
      c.close();
      for (int i = 0; i < 3; i++) EXPECT_EQ(outcome.recv(), "send on closed channel");
      for (int i = 0; i < cap; i++) EXPECT_EQ(c.recv(), -1);
      EXPECT_EQ(c.recv(), std::nullopt);
    }
  });
}

TEST(Chan, CloseWakesEverybody) {
  sweep([] {
    chan<int> c{0};
    gofer::wait_group wg;
    for (int i = 0; i < 50; i++) {
      wg.go([&] { EXPECT_EQ(c.recv(), std::nullopt); });
    }
    eventually([&] { return receivers_waiting(c) == 50; });
    c.close();
    wg.wait();
  });
}

// The first who waits is the first who is served.
TEST(Chan, WaitersAreServedInOrder) {
  sweep([] {
    constexpr int n = 20;
    for (int cap : {0, 1, 3}) {
      chan<int> c{cap};
      std::vector<int> got(n, -1);
      gofer::wait_group wg;
      for (int i = 0; i < n; i++) {
        wg.go([&, i] { got[static_cast<std::size_t>(i)] = *c.recv(); });
        eventually([&] { return receivers_waiting(c) == static_cast<std::size_t>(i) + 1; });
      }
      for (int i = 0; i < n; i++) c.send(i);
      wg.wait();
      for (int i = 0; i < n; i++) EXPECT_EQ(got[static_cast<std::size_t>(i)], i);

      for (int i = 0; i < cap; i++) c.send(i);
      for (int i = 0; i < n; i++) {
        wg.go([&, i] { c.send(cap + i); });
        eventually([&] { return senders_waiting(c) == static_cast<std::size_t>(i) + 1; });
      }
      for (int i = 0; i < cap + n; i++) EXPECT_EQ(c.recv(), i);
      wg.wait();
    }
  });
}

// A sender that finds a receiver hands over to it: nobody who comes later gets in between.
TEST(Chan, HandsOverDirectly) {
  sweep([] {
    for (int cap : {0, 4}) {
      chan<int> c{cap};
      chan<int> got{1};
      go([=] { got.send(*c.recv()); });
      eventually([&] { return receivers_waiting(c) == 1; });
      c.send(42);
      EXPECT_EQ(c.len(), 0u);
      int v;
      EXPECT_EQ(c.try_recv(v), recv_status::empty);
      EXPECT_EQ(got.recv(), 42);
    }
  });
}

TEST(Chan, UnbufferedIsARendezvous) {
  sweep([] {
    chan<int> c{0};
    EXPECT_FALSE(c.try_send(1));
    std::atomic<bool> returned{false};
    gofer::wait_group wg;
    wg.go([&] {
      c.send(1);
      returned = true;
    });
    eventually([&] { return senders_waiting(c) == 1; });
    EXPECT_FALSE(returned);
    EXPECT_EQ(c.len(), 0u);
    EXPECT_EQ(c.recv(), 1);
    wg.wait();
  });
}

TEST(Chan, RangeEndsWhenClosedAndDrained) {
  sweep([] {
    chan<int> c{5};
    for (int i = 0; i < 5; i++) c.send(i * i);
    c.close();
    std::vector<int> seen;
    for (int v : c) seen.push_back(v);
    EXPECT_EQ(seen, (std::vector<int>{0, 1, 4, 9, 16}));
    for (int v : c) ADD_FAILURE() << v;

    static_assert(std::ranges::input_range<chan<int>>);
    static_assert(std::ranges::input_range<recv_chan<std::string>>);
    chan<int> d{0};
    go([d] {
      for (int i = 1; i <= 3; i++) d.send(i);
      d.close();
    });
    int sum = 0;
    std::ranges::for_each(d, [&](int v) { sum += v; });
    EXPECT_EQ(sum, 6);
  });
}

TEST(Chan, DirectionalViews) {
  chan<int> c{1};
  const send_chan<int> in = c;
  const recv_chan<int> out = c;
  in.send(3);
  EXPECT_EQ(out.len(), 1u);
  EXPECT_EQ(in.cap(), 1u);
  EXPECT_EQ(out.recv(), 3);
  EXPECT_TRUE(in == c && out == c);
  in.close();
  for (int v : out) ADD_FAILURE() << v;
  EXPECT_TRUE(recv_chan<int>() == nullptr);
  static_assert(std::is_convertible_v<chan<int>, send_chan<int>>);
  static_assert(std::is_convertible_v<chan<int>, recv_chan<int>>);
  static_assert(!std::is_constructible_v<chan<int>, send_chan<int>>);
  static_assert(!std::is_constructible_v<send_chan<int>, recv_chan<int>>);
  static_assert(!std::is_convertible_v<int, chan<int>>);
}

TEST(Chan, HandlesShareAndCompare) {
  chan<int> a{1};
  chan<int> b = a;
  chan<int> other{1};
  EXPECT_EQ(a, b);
  EXPECT_FALSE(a == other);
  b.send(1);
  EXPECT_EQ(a.len(), 1u);
  chan<int> moved = std::move(b);
  EXPECT_EQ(moved, a);
  EXPECT_TRUE(b == nullptr);  // NOLINT(bugprone-use-after-move)
  moved = nullptr;
  EXPECT_TRUE(moved == nullptr);
  const chan<int>& itself = a;
  a = itself;
  EXPECT_EQ(a.recv(), 1);
  std::unordered_set<chan<int>> set{a, other, a};
  EXPECT_EQ(set.size(), 2u);

  chan<chan<int>> through{1};
  through.send(a);
  through.recv()->send(7);
  EXPECT_EQ(a.recv(), 7);
}

TEST(Chan, SignalsCarryNothing) {
  sweep([] {
    chan<> done{0};
    go([done] { done.send(); });
    EXPECT_TRUE(done.recv());
    EXPECT_FALSE(done.try_send());
    EXPECT_EQ(done.try_recv(), recv_status::empty);
    const recv_chan<> end = done;
    done.close();
    EXPECT_FALSE(end.recv());
    EXPECT_EQ(end.try_recv(), recv_status::closed);
    chan<> many{1'000'000};
    for (int i = 0; i < 1000; i++) many.send();
    EXPECT_EQ(many.len(), 1000u);
    static_assert(std::is_same_v<chan<>, chan<void>>);
  });
}

TEST(Chan, TimedForms) {
  const auto check = [] {
    chan<int> c{1};
    int v = 0;
    const auto begun = std::chrono::steady_clock::now();
    EXPECT_EQ(c.try_recv_for(v, 5ms), recv_status::empty);
    EXPECT_GE(std::chrono::steady_clock::now() - begun, 5ms);
    EXPECT_TRUE(c.try_send_for(1, 1h));
    EXPECT_FALSE(c.try_send_for(2, 2ms));
    EXPECT_FALSE(c.try_send_until(2, std::chrono::system_clock::now() + 2ms));
    EXPECT_FALSE(c.try_send_for(2, -1s));
    EXPECT_EQ(c.try_recv_for(v, 0s), recv_status::ok);
    EXPECT_EQ(v, 1);
    EXPECT_EQ(c.try_recv_until(v, std::chrono::steady_clock::now() + 2ms), recv_status::empty);
    EXPECT_EQ(c.try_recv_until(v, std::chrono::steady_clock::now() - 2ms), recv_status::empty);
    go([c] {
      gofer::sleep(1ms);
      c.send(3);
    });
    EXPECT_EQ(c.try_recv_for(v, 20s), recv_status::ok);
    EXPECT_EQ(v, 3);
    c.send(4);
    go([c] {
      gofer::sleep(1ms);
      c.recv();
    });
    EXPECT_TRUE(c.try_send_for(5, 20s));
    EXPECT_EQ(c.recv(), 5);
    c.close();
    EXPECT_EQ(c.try_recv_for(v, 20s), recv_status::closed);
  };
  sweep(check);
}

struct request {
  int n;
  chan<request> next;  // a channel of its own type
  chan<int> reply;
};

TEST(Chan, OfATypeThatHoldsChannelsOfItself) {
  sweep([] {
    chan<request> first{0};
    go([=] {
      for (const request& r : first) {
        r.reply.send(r.n + 1);
        r.next.send(request{r.n + 2, {}, {}});
      }
    });
    const request r{1, chan<request>(1), chan<int>(0)};
    first.send(r);
    EXPECT_EQ(r.reply.recv(), 2);
    EXPECT_EQ(r.next.recv()->n, 3);
    first.close();
  });
}

TEST(Chan, FormsThatTakeAContext) {
  sweep([] {
    chan<int> c{1};
    const auto made = gofer::with_cancel(gofer::background());
    const gofer::context& ctx = made.first;  // Clang 14 cannot capture a structured binding
    EXPECT_FALSE(c.send(ctx, 1));
    auto got = c.recv(ctx);
    EXPECT_EQ(got.value, 1);
    EXPECT_FALSE(got.err);
    c.send(2);
    gofer::wait_group wg;
    chan<int> other{0};
    wg.go([&] { EXPECT_EQ(c.send(ctx, 3), gofer::context::canceled); });
    wg.go([&] { EXPECT_EQ(other.recv(ctx).err, gofer::context::canceled); });
    eventually([&] { return senders_waiting(c) == 1 && receivers_waiting(other) == 1; });
    made.second();
    wg.wait();
    EXPECT_EQ(c.recv(), 2);
    c.send(4);
    EXPECT_EQ(c.recv(ctx).err, gofer::context::canceled);  // done before it began
    c.close();
    auto [rest, err] = c.recv(gofer::background());
    EXPECT_EQ(rest, 4);
    EXPECT_EQ(c.recv(gofer::background()).value, std::nullopt);
    EXPECT_FALSE(c.recv(gofer::background()).err);
    chan<> signal{0};
    EXPECT_EQ(signal.send(ctx), gofer::context::canceled);
  });
}

// Time-outs that come at the very moment of a hand-over neither lose nor double a value.
TEST(Chan, TimeoutsRacingWithHandOver) {
  sweep([] {
    chan<int> c{0};
    std::atomic<int> sent{0}, received{0};
    std::atomic<bool> over{false};
    gofer::wait_group wg;
    for (int k = 0; k < 3; k++) {
      wg.go([&, k] {
        for (int i = 0; i < 300; i++) sent += c.try_send_for(i, std::chrono::microseconds(20 * k + i % 50));
      });
      wg.go([&, k] {
        int v;
        while (!over) received += c.try_recv_for(v, std::chrono::microseconds(30 * k + 10)) == recv_status::ok;
      });
    }
    wg.go([&] {
      while (sent != received || !over) {
        gofer::sleep(1ms);
        if (receivers_waiting(c) + senders_waiting(c) <= 3 && gofer::num_goroutine() <= 6) over = true;
      }
    });
    wg.wait();
    EXPECT_EQ(sent, received);
    EXPECT_EQ(receivers_waiting(c) + senders_waiting(c), 0u);
  });
}

// Go's issue 3433: a receive that does not wait finds what a blocked sender offers.
TEST(Chan, NonblockingReceiveSeesTheSender) {
  sweep([] {
    for (int i = 0; i < 500; i++) {
      chan<int> c{1};
      c.send(1);
      gofer::wait_group wg;
      wg.go([&] {
        int v;
        EXPECT_EQ(c.try_recv(v), recv_status::ok);
      });
      c.close();
      wg.wait();
    }
  });
}

TEST(Chan, ManyConsumers) {
  sweep([] {
    constexpr int workers = 16;
    constexpr int total = 3000;
    chan<int> q{workers * 3};
    chan<int> r{workers * 3};
    gofer::wait_group wg;
    for (int i = 0; i < workers; i++) {
      wg.go([&, i] {
        for (int v : q) {
          if (v % (i + 2) == 0) gofer::gosched();
          r.send(v);
        }
      });
    }
    long expected = 0;
    for (int i = 0; i < total; i++) expected += i % 61;
    go([&] {
      for (int i = 0; i < total; i++) q.send(i % 61);
      q.close();
      wg.wait();
      r.close();
    });
    long sum = 0;
    int n = 0;
    for (int v : r) {
      sum += v;
      n++;
    }
    EXPECT_EQ(n, total);
    EXPECT_EQ(sum, expected);
  });
}

TEST(Chan, BetweenPlainThreads) {
  for (int cap : {0, 1, 8}) {
    chan<int> c{cap};
    chan<int> back{cap};
    std::vector<std::thread> threads;
    for (int t = 0; t < 3; t++) {
      threads.emplace_back([=] {
        for (int v : c) back.send(v);
      });
    }
    std::thread producer([=] {
      for (int i = 1; i <= 1000; i++) c.send(i);
      c.close();
    });
    long sum = 0;
    for (int i = 0; i < 1000; i++) sum += *back.recv();
    EXPECT_EQ(sum, 500'500);
    producer.join();
    for (auto& t : threads) t.join();
    int v;
    EXPECT_EQ(back.try_recv_for(v, 1ms), recv_status::empty);
  }
}

TEST(Chan, BetweenGoroutinesAndPlainThreads) {
  for (int cap : {0, 4}) {
    chan<int> to{cap};
    chan<int> from{cap};
    std::thread doubler([=] {
      for (int v : to) from.send(2 * v);
      from.close();
    });
    gofer::run(gofer::options{.maxprocs = 2}, [=] {
      go([=] {
        for (int i = 0; i < 2000; i++) to.send(i);
        to.close();
      });
      int expected = 0;
      for (int v : from) {
        EXPECT_EQ(v, expected);
        expected += 2;
      }
      EXPECT_EQ(expected, 4000);
    });
    doubler.join();
  }
}

// Receivers of a run() that is over must not swallow what the next run sends.
TEST(Chan, WaitersOfAFinishedRunAreForgotten) {
  chan<int> c{0};
  gofer::run(gofer::options{.maxprocs = 2}, [&] {
    go([&] { c.recv(); });
    go([&] { gofer::select(gofer::recv(c), gofer::after(1h, [] {})); });
    eventually([&] { return receivers_waiting(c) == 2; });
  });
  gofer::run(gofer::options{.maxprocs = 2}, [&] {
    EXPECT_FALSE(c.try_send(1));
    chan<int> got{1};
    go([&] { got.send(*c.recv()); });
    eventually([&] { return receivers_waiting(c) == 1; });
    c.send(2);
    EXPECT_EQ(got.recv(), 2);
  });
}

}  // namespace
