// What Go's own programs about channels and select (test/chan, runtime/chan_test.go) show, and chan_test.cpp and
// select_test.cpp do not yet.
#include <array>
#include <functional>
#include <gofer/select.hpp>
#include <gofer/sync.hpp>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "chan_helpers.hpp"

namespace {

using namespace chan_test;
using gofer::after;
using gofer::chan;
using gofer::go;
using gofer::otherwise;
using gofer::recv;
using gofer::select;
using gofer::send;

// fifo.go: who receives the first value lets the next receive the second one, and so on.
TEST(ChanGo, ADaisyChainReadsInOrder) {
  sweep([] {
    constexpr int n = 100;
    const chan<int> values{0};
    const chan<> first{0};
    chan<> in = first;
    for (int i = 0; i < n; i++) {
      const chan<> out{0};
      go([=] {
        in.recv();
        EXPECT_EQ(values.recv(), i);
        out.send();
      });
      in = out;
    }
    first.send();
    for (int i = 0; i < n; i++) values.send(i);
    in.recv();
  });
}

// goroutines.go: a value that goes through many goroutines.
TEST(ChanGo, AHundredInARow) {
  sweep([] {
    const chan<int> leftmost{0};
    chan<int> left = leftmost;
    chan<int> right = left;
    for (int i = 0; i < 100; i++) {
      right = chan<int>(0);
      go([=] { left.send(*right.recv() + 1); });
      left = right;
    }
    go([=] { right.send(0); });
    EXPECT_EQ(leftmost.recv(), 100);
  });
}

// sieve1.go: filters that are linked up one after the other.
TEST(ChanGo, PrimeSieve) {
  sweep([] {
    chan<int> numbers{0};
    const chan<> stop{0};
    go([=] {
      for (int i = 2; select(send(numbers, i), recv(stop)) == 0; i++) {
      }
    });
    std::vector<int> primes;
    for (int i = 0; i < 25; i++) {
      const int prime = *numbers.recv();
      primes.push_back(prime);
      const chan<int> out{0};
      go([=] {
        for (;;) {
          int n = 0;
          if (select(recv(numbers, [&](auto v) { n = *v; }), recv(stop)) == 1) return;
          if (n % prime != 0 && select(send(out, n), recv(stop)) == 1) return;
        }
      });
      numbers = out;
    }
    stop.close();
    EXPECT_EQ(primes, (std::vector<int>{2,  3,  5,  7,  11, 13, 17, 19, 23, 29, 31, 37, 41,
                                        43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97}));
  });
}

// doubleselect.go: one value is never sent twice, however many of the select's channels become ready at once.
TEST(ChanGo, ASelectSendsOnce) {
  sweep([] {
    constexpr int n = 3000;
    std::array<chan<int>, 4> c{chan<int>(0), chan<int>(0), chan<int>(0), chan<int>(0)};
    const chan<int> all{0};
    gofer::wait_group muxes;
    for (const auto& in : c) {
      muxes.go([&all, in] {
        for (const int v : in) all.send(v);
      });
    }
    go([&] {
      for (int i = 0; i < n; i++) select(send(c[0], i), send(c[1], i), send(c[2], i), send(c[3], i));
      for (const auto& out : c) out.close();
      muxes.wait();
      all.close();
    });
    std::vector<bool> seen(n);
    int count = 0;
    for (const int v : all) {
      EXPECT_FALSE(seen[static_cast<std::size_t>(v)]) << v;
      seen[static_cast<std::size_t>(v)] = true;
      count++;
    }
    EXPECT_EQ(count, n);
  });
}

// select6.go (issue 2075): a select that leaves the middle of a queue leaves the others in it.
TEST(ChanGo, LeavingTheMiddleOfAQueue) {
  sweep([] {
    const chan<int> c{0};
    const chan<> other{0};
    gofer::wait_group first, middle, last;
    std::vector<int> order;
    first.go([&] { order.push_back(*c.recv()); });
    eventually([&] { return receivers_waiting(c) == 1; });
    middle.go([&] { EXPECT_EQ(select(recv(c), recv(other)), 1); });
    eventually([&] { return receivers_waiting(c) == 2; });
    last.go([&] { EXPECT_EQ(c.recv(), 2); });
    eventually([&] { return receivers_waiting(c) == 3; });
    other.send();
    middle.wait();
    EXPECT_EQ(receivers_waiting(c), 2u);
    c.send(1);
    first.wait();
    c.send(2);
    last.wait();
    EXPECT_EQ(order, std::vector<int>{1});
  });
}

// select7.go: every way of sending meets every way of receiving, the receiver waiting first, and the sender.
TEST(ChanGo, EveryWayOfSendingMeetsEveryWayOfReceiving) {
  sweep([] {
    const std::array<std::function<void(const chan<int>&)>, 6> sends{
        [](const chan<int>& c) { c.send(1); },
        [](const chan<int>& c) { select(send(c, 1)); },
        [](const chan<int>& c) { select(send(c, 1), send(chan<int>(0), 1)); },
        [](const chan<int>& c) { select(send(chan<int>(), 1), send(c, 1), recv(chan<int>(0))); },
        [](const chan<int>& c) { EXPECT_TRUE(c.try_send_for(1, 1h)); },
        [](const chan<int>& c) { select(send(c, 1), after(1h, [] {})); },
    };
    const std::array<std::function<std::optional<int>(const chan<int>&)>, 6> receives{
        [](const chan<int>& c) { return c.recv(); },
        [](const chan<int>& c) {
          std::optional<int> got;
          select(recv(c, [&](auto v) { got = v; }));
          return got;
        },
        [](const chan<int>& c) {
          std::optional<int> got;
          select(recv(c, [&](auto v) { got = v; }), recv(chan<int>(0)));
          return got;
        },
        [](const chan<int>& c) {
          int v = 0;
          EXPECT_EQ(c.try_recv_for(v, 1h), gofer::recv_status::ok);
          return std::optional(v);
        },
        [](const chan<int>& c) {
          for (const int v : c) return std::optional(v);
          return std::optional<int>();
        },
        [](const chan<int>& c) {
          std::optional<int> got;
          std::vector<gofer::select_case> cases{recv(c, [&](auto v) { got = v; }), send(chan<int>(), 1)};
          select(cases);
          return got;
        },
    };
    for (const auto& sender : sends) {
      for (const auto& receiver : receives) {
        const chan<int> c{0};
        gofer::wait_group wg;
        wg.go([&] { EXPECT_EQ(receiver(c), 1); });
        eventually([&] { return receivers_waiting(c) == 1; });
        sender(c);
        wg.wait();
        wg.go([&] { sender(c); });
        eventually([&] { return senders_waiting(c) == 1; });
        EXPECT_EQ(receiver(c), 1);
        wg.wait();
        EXPECT_EQ(receivers_waiting(c) + senders_waiting(c), 0u);
      }
    }
  });
}

// select.go: two channels that are shifted between ready and nil.
TEST(ChanGo, CasesAreSwitchedOffByNil) {
  sweep([] {
    std::array<chan<int>, 2> in{chan<int>(0), chan<int>(2)};
    for (std::size_t k = 0; k < 2; k++) {
      go([c = in[k], k] {
        for (int i = 0; i < 50; i++) c.send(static_cast<int>(k));
        c.close();
      });
    }
    int sum = 0;
    int n = 0;
    while (in[0] || in[1]) {
      std::optional<int> got;
      const auto take = [&](std::optional<int> v) { got = v; };
      const int k = select(recv(in[0], take), recv(in[1], take));
      if (!got) {
        in[static_cast<std::size_t>(k)] = nullptr;
        continue;
      }
      EXPECT_EQ(*got, k);
      sum += *got;
      n++;
    }
    EXPECT_EQ(n, 100);
    EXPECT_EQ(sum, 50);
  });
}

// TestPseudoRandomSend: a choice between two sends on one channel takes both.
TEST(ChanGo, TheSameChannelTwiceIsAChoiceAsWell) {
  sweep([] {
    for (const int cap : {0, 300}) {
      const chan<int> c{cap};
      std::array<int, 2> count{};
      gofer::wait_group wg;
      wg.go([&] {
        for (int i = 0; i < 300; i++) count[static_cast<std::size_t>(*c.recv())]++;
      });
      for (int i = 0; i < 300; i++) {
        // Who parks, parks with the first case in front.
        if (cap == 0) eventually([&] { return receivers_waiting(c) == 1; });
        select(send(c, 0), send(c, 1));
      }
      wg.wait();
      // 1 in 10^12 by chance.
      EXPECT_GT(count[0], 85);
      EXPECT_GT(count[1], 85);
    }
  });
}

// sendstmt.go and TestChanSendInterface: channels of channels, and of whatever.
TEST(ChanGo, ChannelsOfChannelsAndOfVariants) {
  sweep([] {
    const chan<chan<int>> cc{1};
    const chan<int> c{1};
    cc.send(c);
    cc.recv()->send(2);
    EXPECT_EQ(c.recv(), 2);
    using any = std::variant<std::monostate, int, std::string, chan<int>>;
    const chan<any> anything{1};
    anything.send(any());
    EXPECT_EQ(anything.recv()->index(), 0u);
    anything.send(any("text"));
    EXPECT_EQ(std::get<std::string>(*anything.recv()), "text");
    EXPECT_EQ(select(send(anything, any(c)), otherwise()), 0);
    EXPECT_EQ(std::get<chan<int>>(*anything.recv()), c);
  });
}

// select3.go: what blocks, blocks until somebody comes; what does not, does not.
TEST(ChanGo, WhatBlocksAndWhatDoesNot) {
  sweep([] {
    const chan<int> nil;
    const chan<int> closed{0};
    closed.close();
    const auto one = [] {
      chan<int> c{1};
      c.send(7);
      return c;
    };
    // Nobody ever comes for these: they are given a moment, and end with the run.
    const auto through = std::make_shared<std::atomic<int>>(0);
    const std::vector<std::function<void()>> blocks{
        [nil] { nil.send(7); },
        [nil] { nil.recv(); },
        [] { chan<int>(0).recv(); },
        [] { chan<int>(0).send(7); },
        [] { select(); },
        [nil] { select(recv(nil)); },
        [nil] { select(send(nil, 7)); },
        [nil] { select(recv(nil), send(nil, 7)); },
        [] { select(recv(chan<int>(0))); },
        [] {
          const chan<int> c{0};
          select(send(c, 1), recv(c));
        },
        [] { select(std::span<gofer::select_case>()); },
    };
    for (const auto& f : blocks) {
      go([f, through] {
        f();
        ++*through;
      });
    }
    for (int i = 0; i < 10; i++) {
      EXPECT_EQ(closed.recv(), std::nullopt);
      EXPECT_EQ(select(recv(closed, [](auto v) { EXPECT_FALSE(v); })), 0);
      EXPECT_EQ(select(recv(nil), otherwise()), 1);
      EXPECT_EQ(select(send(nil, 7), otherwise()), 1);
      EXPECT_EQ(select(otherwise()), 0);
      EXPECT_EQ(select(send(chan<int>(1), 7), otherwise()), 0);
      EXPECT_EQ(select(recv(one()), otherwise()), 0);
      EXPECT_EQ(runtime_error_of([&] { select(send(closed, 7)); }), "send on closed channel");
      EXPECT_EQ(runtime_error_of([&] { closed.send(7); }), "send on closed channel");
    }
    gofer::sleep(1ms);
    EXPECT_EQ(*through, 0);
  });
}

// TestMultiConsumer and TestNonblockRecvRace over one channel: a try never misses what is there all the time.
TEST(ChanGo, ATryFindsWhatIsThere) {
  sweep([] {
    for (int round = 0; round < 200; round++) {
      const chan<int> c{1};
      c.send(1);
      gofer::wait_group wg;
      wg.go([&] { EXPECT_EQ(select(recv(c), otherwise()), 0); });
      c.close();  // after which it is ready as well
      wg.wait();
    }
  });
}

}  // namespace
