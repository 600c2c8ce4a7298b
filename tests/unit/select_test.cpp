// select: Go's runtime/chan_test.go and test/chan/select*.go, and the forms that C++ adds.
#include <array>
#include <gofer/select.hpp>
#include <gofer/sync.hpp>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "chan_helpers.hpp"

namespace {

using namespace chan_test;
using gofer::after;
using gofer::chan;
using gofer::go;
using gofer::otherwise;
using gofer::recv;
using gofer::recv_chan;
using gofer::select;
using gofer::select_case;
using gofer::send;
using gofer::send_chan;

TEST(Select, TakesWhatIsReady) {
  sweep([] {
    chan<int> nilc;
    chan<int> closed{0};
    closed.close();
    chan<int> empty{0};
    chan<int> full{1};
    full.send(1);
    EXPECT_EQ(select(otherwise()), 0);
    EXPECT_EQ(select(recv(nilc), otherwise()), 1);
    EXPECT_EQ(select(send(nilc, 1), otherwise()), 1);
    EXPECT_EQ(select(otherwise(), recv(empty), send(full, 2)), 0);
    EXPECT_EQ(select(recv(closed, [](std::optional<int> v) { EXPECT_FALSE(v); }), otherwise()), 0);
    EXPECT_EQ(select(recv(nilc), recv(empty), recv(closed)), 2);
    EXPECT_EQ(select(send(full, 2), recv(full, [](std::optional<int> v) { EXPECT_EQ(v, 1); })), 1);
    bool sent = false;
    EXPECT_EQ(select(recv(empty), send(full, 3, [&] { sent = true; }), otherwise([] { ADD_FAILURE(); })), 1);
    EXPECT_TRUE(sent);
    EXPECT_EQ(full.recv(), 3);
  });
}

TEST(Select, OnlyTheChosenHandlerRuns) {
  chan<int> c{1};
  int ran = 0;
  EXPECT_EQ(select(recv(c, [&] { ran = 1; }), otherwise([&] { ran = 2; })), 1);
  EXPECT_EQ(ran, 2);
  c.send(5);
  EXPECT_EQ(select(recv(c, [&](auto v) { ran = *v; }), otherwise([&] { ran = 2; })), 0);
  EXPECT_EQ(ran, 5);
}

TEST(Select, WaitsForTheFirstToBecomeReady) {
  sweep([] {
    chan<int> a{0};
    chan<std::string> b{0};
    chan<> quit{0};
    for (int round = 0; round < 30; round++) {
      gofer::wait_group wg;
      int chosen = -1;
      wg.go([&] {
        chosen = select(recv(a, [&](auto v) { EXPECT_EQ(v, round); }), send(b, std::to_string(round)), recv(quit));
      });
      eventually([&] { return receivers_waiting(a) == 1 && senders_waiting(b) == 1 && receivers_waiting(quit) == 1; });
      switch (round % 3) {
        case 0:
          a.send(round);
          break;
        case 1:
          EXPECT_EQ(b.recv(), std::to_string(round));
          break;
        default:
          quit.send();
      }
      wg.wait();
      EXPECT_EQ(chosen, round % 3);
      EXPECT_EQ(receivers_waiting(a) + senders_waiting(b) + receivers_waiting(quit), 0u);
    }
  });
}

TEST(Select, SendOnClosedPanics) {
  sweep([] {
    chan<int> c{0};
    chan<int> never{0};
    gofer::wait_group wg;
    for (int i = 0; i < 3; i++) {
      wg.go([&] { EXPECT_EQ(runtime_error_of([&] { select(send(c, 1), recv(never)); }), "send on closed channel"); });
    }
    eventually([&] { return senders_waiting(c) == 3; });
    c.close();
    wg.wait();
    EXPECT_EQ(runtime_error_of([&] { select(send(c, 1), otherwise()); }), "send on closed channel");
    EXPECT_EQ(runtime_error_of([&] { select(recv(never), send(c, 1)); }), "send on closed channel");
    EXPECT_EQ(runtime_error_of([&] { select(recv(never), send(c, 1), after(1h, [] {})); }), "send on closed channel");
    EXPECT_EQ(receivers_waiting(never), 0u);
  });
}

TEST(Select, TheSameChannelTwice) {
  sweep([] {
    // Go's issue of dequeuing the wrong record of a channel that occurs twice.
    chan<int> c{0};
    chan<int> other{0};
    gofer::wait_group wg;
    int got = -1;
    wg.go([&] { select(recv(c, [&](auto v) { got = *v; }), recv(c, [&](auto v) { got = *v; }), recv(other)); });
    eventually([&] { return receivers_waiting(c) == 2; });
    c.send(8);
    wg.wait();
    EXPECT_EQ(got, 8);
    EXPECT_EQ(receivers_waiting(c), 0u);

    // Sending to and receiving from oneself is no match.
    wg.go([&] { EXPECT_EQ(select(send(c, 1), recv(c), after(3ms, [] {})), 2); });
    wg.wait();
    EXPECT_EQ(select(send(c, 1), recv(c), otherwise()), 2);

    // Two goroutines that both offer both do match.
    std::atomic<int> sends{0}, receives{0};
    for (int g = 0; g < 2; g++) {
      wg.go([&] {
        for (int i = 0; i < 200; i++) {
          select(send(c, i, [&] { sends++; }), recv(c, [&](auto) { receives++; }), recv(other));
        }
        // The other may have one more to do than there are partners.
        select(recv(other), otherwise());
      });
    }
    eventually([&] { return sends + receives >= 398; });
    other.close();
    wg.wait();
    EXPECT_EQ(sends, receives);
  });
}

// Locks are taken in one order, whatever the order of the cases.
TEST(Select, CrosswiseCasesDoNotDeadlock) {
  sweep([] {
    chan<int> a{0}, b{0}, c{1};
    chan<std::string> s{1};  // guarded by the other kind of lock
    gofer::wait_group wg;
    std::atomic<int> left{4 * 500};
    for (int g = 0; g < 4; g++) {
      wg.go([&, g] {
        while (left > 0) {
          switch (g) {
            case 0:
              select(send(a, 1), send(s, "x"), recv(b), recv(c), after(1ms, [] {}));
              break;
            case 1:
              select(recv(c), send(b, 1), recv(s), recv(a), after(1ms, [] {}));
              break;
            case 2:
              select(send(c, 1), recv(s), recv(a), send(b, 1), after(1ms, [] {}));
              break;
            default:
              select(recv(b), send(s, "y"), send(a, 1), send(c, 2), after(1ms, [] {}));
          }
          left--;
        }
      });
    }
    wg.wait();
    EXPECT_EQ(receivers_waiting(a) + senders_waiting(a) + receivers_waiting(s) + senders_waiting(s), 0u);
  });
}

// Go's TestNonblockSelectRace: a select with a default must find a channel that was ready all the time.
TEST(Select, OtherwiseOnlyWhenNothingIsReady) {
  sweep([] {
    for (int i = 0; i < 500; i++) {
      chan<int> c1{1}, c2{1};
      c1.send(1);
      gofer::wait_group wg;
      wg.go([&] { select(recv(c1), recv(c2), otherwise([] { ADD_FAILURE() << "nothing is ready, it says"; })); });
      // One of the two is ready at every moment.
      c2.send(1);
      select(recv(c1), otherwise());
      wg.wait();
    }
    // The same with close instead of send (TestNonblockSelectRace2).
    for (int i = 0; i < 500; i++) {
      chan<int> c1{1}, c2{0};
      c1.send(1);
      gofer::wait_group wg;
      wg.go([&] { select(recv(c1), recv(c2), otherwise([] { ADD_FAILURE() << "nothing is ready, it says"; })); });
      c2.close();
      select(recv(c1), otherwise());
      wg.wait();
    }
  });
}

// Go's TestSelfSelect.
TEST(Select, SelfSelect) {
  sweep([] {
    for (int cap : {0, 10}) {
      gofer::wait_group wg;
      chan<int> c{cap};
      std::atomic<int> running{2};
      for (int p = 0; p < 2; p++) {
        wg.go([&, p] {
          for (int i = 0; i < 500; i++) {
            const auto other = [&](std::optional<int> v) {
              // Unbuffered, nobody receives what he sent himself.
              if (cap == 0 && v) {
                EXPECT_NE(*v, p);
              }
            };
            if (p == 0 || i % 2 == 0) {
              select(send(c, p), recv(c, other));
            } else {
              select(recv(c, other), send(c, p));
            }
            if (running < 2) break;
          }
          running--;
          // Whoever is left alone must not wait for a partner.
          select(recv(c), send(c, p), after(2ms, [] {}));
        });
      }
      wg.wait();
    }
  });
}

// Go's TestSelectStress: senders and receivers of all kinds on the same four channels.
TEST(Select, Stress) {
  sweep([] {
    constexpr int n = 500;
    std::array<chan<int>, 4> c{chan<int>(0), chan<int>(0), chan<int>(2), chan<int>(3)};
    gofer::wait_group wg;
    for (std::size_t k = 0; k < 4; k++) {
      wg.go([&, k] {
        for (int i = 0; i < n; i++) c[k].send(0);
      });
      wg.go([&, k] {
        for (int i = 0; i < n; i++) c[k].recv();
      });
    }
    const auto chooser = [&](bool sends) {
      std::array<int, 4> left{n, n, n, n};
      std::array<chan<int>, 4> mine = c;
      for (int i = 0; i < 4 * n; i++) {
        const int k = sends ? select(send(mine[3], 0), send(mine[2], 0), send(mine[0], 0), send(mine[1], 0))
                            : select(recv(mine[0]), recv(mine[1]), recv(mine[2]), recv(mine[3]));
        static constexpr std::array<std::size_t, 4> order{3, 2, 0, 1};
        const std::size_t which = sends ? order[static_cast<std::size_t>(k)] : static_cast<std::size_t>(k);
        if (--left[which] == 0) mine[which] = nullptr;
      }
    };
    wg.go([&] { chooser(true); });
    wg.go([&] { chooser(false); });
    wg.wait();
    for (const auto& ch : c) EXPECT_EQ(ch.len() + receivers_waiting(ch) + senders_waiting(ch), 0u);
  });
}

double chi_squared(const std::vector<int>& counts) {
  double total = 0;
  for (int n : counts) total += n;
  const double expected = total / static_cast<double>(counts.size());
  double sum = 0;
  for (int n : counts) sum += (n - expected) * (n - expected) / expected;
  return sum;
}

TEST(Select, ChoosesUniformly) {
  sweep([] {
    constexpr int rounds = 20'000;
    chan<int> a{1}, b{1}, c{1}, d{1}, e{1};
    a.send(0), b.send(0), d.send(0);
    std::vector<int> all(4), some(3);
    chan<int> closed{0};
    closed.close();
    for (int i = 0; i < rounds; i++) {
      const int k =
          select(recv(a, [&] { a.send(0); }), recv(b, [&] { b.send(0); }), send(c, 0, [&] { c.recv(); }), recv(closed));
      all[static_cast<std::size_t>(k)]++;
    }
    // Those that are not ready, wherever they stand, change nothing.
    for (int i = 0; i < rounds; i++) {
      const int k = select(recv(e), recv(a, [&] { a.send(0); }), recv(c), recv(d, [&] { d.send(0); }), send(d, 1),
                           send(e, 1, [&] { e.recv(); }));
      some[k == 1 ? 0 : k == 3 ? 1 : 2]++;
      if (k != 1 && k != 3) {
        EXPECT_EQ(k, 5);
      }
    }
    // Quantiles for a chance of 1 in 1,000,000 that a right choice fails: 3 and 2 degrees of freedom.
    EXPECT_LT(chi_squared(all), 30.7);
    EXPECT_LT(chi_squared(some), 27.7);
  });
}

// Go's TestSelectFairness: a goroutine that always has a choice leaves none out.
TEST(Select, NobodyStarvesBesideABusyOne) {
  sweep([] {
    constexpr int trials = 4000;
    chan<int> c1{trials + 1}, c2{trials + 1};
    for (int i = 0; i < trials + 1; i++) c1.send(1), c2.send(2);
    chan<int> c3{0}, c4{0}, out{0};
    chan<> done{0};
    gofer::wait_group wg;
    wg.go([&] {
      bool on = true;
      while (on) {
        int b = 0;
        select(recv(c3, [&](auto v) { b = *v; }), recv(c4, [&](auto v) { b = *v; }), recv(c1, [&](auto v) { b = *v; }),
               recv(c2, [&](auto v) { b = *v; }));
        select(send(out, b), recv(done, [&] { on = false; }));
      }
    });
    int ones = 0, twos = 0;
    for (int i = 0; i < trials; i++) (*out.recv() == 1 ? ones : twos)++;
    done.close();
    wg.wait();
    // Ten standard deviations, as Go's test.
    const double r = static_cast<double>(ones) / trials;
    EXPECT_LT(std::abs(r - 0.5), 4.891676 / (2 * std::sqrt(trials)) * 2);
    EXPECT_EQ(ones + twos, trials);
  });
}

TEST(Select, AfterComesWhenNothingElseDoes) {
  sweep([] {
    chan<int> c{0};
    const auto begun = std::chrono::steady_clock::now();
    bool late = false;
    EXPECT_EQ(select(recv(c), after(1h, [] { ADD_FAILURE(); }), after(3ms, [&] { late = true; })), 2);
    EXPECT_TRUE(late);
    EXPECT_GE(std::chrono::steady_clock::now() - begun, 3ms);
    EXPECT_EQ(receivers_waiting(c), 0u);
    EXPECT_EQ(select(after(1ms, [] {})), 0);
    EXPECT_EQ(select(recv(chan<int>()), after(1ms, [] {})), 1);
    EXPECT_EQ(select(recv(c), after(0ms, [] {})), 1);
    EXPECT_EQ(select(recv(c), after(-1s, [] {})), 1);
    go([c] { c.send(1); });
    EXPECT_EQ(select(recv(c), after(20s, [] {})), 0);
    // Without a handler it is time.hpp's after, a channel.
    EXPECT_EQ(select(recv(c), gofer::after(1ms)), 1);
    EXPECT_EQ(select(recv(c), after(20s, [] {}), otherwise()), 2);
  });
}

// A time-out that comes together with a value: exactly one of the two happens.
TEST(Select, AfterRacingWithAValue) {
  sweep([] {
    chan<int> c{0};
    std::atomic<int> sent{0}, received{0};
    std::atomic<bool> over{false};
    gofer::wait_group wg;
    for (int g = 0; g < 3; g++) {
      wg.go([&, g] {
        for (int i = 0; !over; i++) {
          select(recv(c, [&] { received++; }), after(std::chrono::microseconds(10 * g + i % 30), [] {}));
        }
      });
    }
    wg.go([&] {
      for (int i = 0; i < 500; i++) {
        select(send(c, i, [&] { sent++; }), after(std::chrono::microseconds(i % 40), [] {}));
      }
      over = true;
    });
    wg.wait();
    EXPECT_EQ(sent, received);
    EXPECT_EQ(receivers_waiting(c) + senders_waiting(c), 0u);
  });
}

TEST(Select, HandlersMayPanicThrowAndSelectAgain) {
  sweep([] {
    chan<int> c{2};
    c.send(1), c.send(2);
    const auto text = gofer::func([&](std::string& what) {
      gofer::defer d{[&] { what = gofer::recover().what(); }};
      select(recv(c, [] { gofer::panic("in the handler"); }), otherwise());
    });
    EXPECT_EQ(text, "in the handler");
    EXPECT_THROW(select(recv(c, [] { throw 7; })), int);
    EXPECT_EQ(c.len(), 0u);
    int depth = 0;
    const std::function<void()> again = [&] {
      if (++depth < 10) select(send(c, depth, [&] { select(recv(c, again)); }), recv(chan<int>()));
    };
    again();
    EXPECT_EQ(depth, 10);
  });
}

TEST(Select, MoveOnlyValues) {
  sweep([] {
    chan<std::unique_ptr<int>> c{0};
    chan<> never{0};
    gofer::wait_group wg;
    wg.go([&] { EXPECT_EQ(select(recv(never), send(c, std::make_unique<int>(9))), 1); });
    EXPECT_EQ(select(recv(c, [](std::optional<std::unique_ptr<int>> p) { EXPECT_EQ(**p, 9); }), recv(never)), 0);
    wg.wait();
  });
}

TEST(Select, DynamicCases) {
  sweep([] {
    std::vector<chan<int>> cs;
    for (int i = 0; i < 40; i++) cs.emplace_back(i % 2);
    for (const std::size_t n : {1u, 2u, 16u, 17u, 40u}) {
      int got = -1;
      std::vector<select_case> cases;
      for (std::size_t i = 0; i < n; i++) cases.push_back(recv(cs[i], [&](std::optional<int> v) { got = *v; }));
      for (std::size_t i = 0; i < n; i++) {
        gofer::wait_group wg;
        wg.go([&] { cs[i].send(static_cast<int>(100 + i)); });
        EXPECT_EQ(select(cases), static_cast<int>(i));
        EXPECT_EQ(got, static_cast<int>(100 + i));
        wg.wait();
      }
      cases.push_back(otherwise([&] { got = -2; }));
      EXPECT_EQ(select(std::span(cases)), static_cast<int>(n));
      EXPECT_EQ(got, -2);
      cases.back() = after(1ms, [&] { got = -3; });
      EXPECT_EQ(select(cases), static_cast<int>(n));
      EXPECT_EQ(got, -3);
      for (std::size_t i = 0; i < n; i++) EXPECT_EQ(receivers_waiting(cs[i]), 0u);
    }
  });
}

TEST(Select, ErasedCasesOwnWhatTheyHold) {
  std::vector<select_case> cases;
  chan<std::string> out{3};
  {
    chan<std::string> c{3};
    cases.push_back(send(c, std::string(50, 'a')));
    out = c;
  }
  // Used again and again: a copy is sent each time.
  EXPECT_EQ(select(cases), 0);
  EXPECT_EQ(select(cases), 0);
  std::vector<select_case> copies = cases;
  EXPECT_EQ(select(copies), 0);
  for (int i = 0; i < 3; i++) EXPECT_EQ(out.recv(), std::string(50, 'a'));

  const select_case never;
  std::array<select_case, 3> some{never, recv(out), otherwise()};
  EXPECT_EQ(select(some), 2);
  select_case literal[] = {recv(out, [] {}), send(out, "b", [] {})};
  EXPECT_EQ(select(literal), 1);
  EXPECT_EQ(out.recv(), "b");
  EXPECT_EQ(select(literal[0], literal[1]), 1);
  EXPECT_EQ(out.recv(), "b");

  // Large handlers and values live on the heap, and move along.
  std::array<char, 500> large{};
  large[499] = 'x';
  char seen = 0;
  chan<int> d{2};
  select_case big = send(d, 1, [large, &seen] { seen = large[499]; });
  select_case moved = std::move(big);
  select_case copy = moved;
  EXPECT_EQ(select(std::span(&moved, 1)), 0);
  EXPECT_EQ(seen, 'x');
  seen = 0;
  EXPECT_EQ(select(std::span(&copy, 1)), 0);
  EXPECT_EQ(seen, 'x');
  copy = moved;
  moved = select_case();
  EXPECT_EQ(select(copy, otherwise()), 1);

  chan<std::unique_ptr<int>> u{1};
  select_case single = send(u, std::make_unique<int>(4));
  EXPECT_EQ(runtime_error_of([&] { const select_case twice = single; }),
            "copy of a select_case that holds what cannot be copied");
  EXPECT_EQ(select(single), 0);
  EXPECT_EQ(**u.recv(), 4);
  EXPECT_EQ(runtime_error_of([&] {
              std::vector<select_case> two{otherwise(), otherwise()};
              select(two);
            }),
            "select: multiple otherwise cases");
}

TEST(Select, TypedCasesInContainers) {
  chan<int> a{1}, b{1};
  b.send(1);
  int got = 0;
  const auto handler = [&](std::optional<int> v) { got = *v; };
  std::array both{recv(a, handler), recv(b, handler)};
  EXPECT_EQ(select(both), 1);
  EXPECT_EQ(got, 1);
  auto kept = send(a, 2);
  EXPECT_EQ(select(kept, otherwise()), 0);
  EXPECT_EQ(select(kept, otherwise()), 1);
  EXPECT_EQ(select(a), 0);
  EXPECT_EQ(select(recv_chan<int>(a), otherwise()), 1);
  const send_chan<int> in = a;
  EXPECT_EQ(select(send(in, 3)), 0);
}

TEST(Select, OnPlainThreads) {
  chan<int> a{0}, b{0};
  chan<> quit{0};
  std::thread t([=] {
    for (int i = 0; i < 500; i++) {
      if (i % 2 == 0) {
        a.send(i);
      } else {
        b.send(i);
      }
    }
    quit.close();
  });
  int sum = 0;
  bool open = true;
  while (open) {
    select(recv(a, [&](auto v) { sum += *v; }), recv(b, [&](auto v) { sum += *v; }), recv(quit, [&] { open = false; }),
           after(1h, [] { ADD_FAILURE(); }));
  }
  EXPECT_EQ(sum, 499 * 500 / 2);
  t.join();
  EXPECT_EQ(select(recv(a), after(2ms, [] {})), 1);
}

TEST(Select, WithoutCasesBlocksForEver) {
  sweep([] {
    // Of their own, since they may begin only when the run is over: nobody can wait for who never comes back.
    const auto through = std::make_shared<std::atomic<int>>(0);
    go([through] { select(), ++*through; });
    go([through] { select(recv(chan<int>()), send(chan<int>(), 1)), ++*through; });
    go([through] {
      std::vector<select_case> none;
      select(none), ++*through;
    });
    gofer::sleep(2ms);
    EXPECT_EQ(*through, 0);
  });
}

}  // namespace
