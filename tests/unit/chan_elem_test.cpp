// Channels of types with code of their own: move-only, over-aligned, counted; whose moves throw, panic or block.
#include <array>
#include <cstdint>
#include <gofer/chan.hpp>
#include <gofer/select.hpp>
#include <gofer/sync.hpp>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "chan_helpers.hpp"

namespace {

using namespace chan_test;
using gofer::chan;
using gofer::go;
using gofer::recv_status;

TEST(ChanElem, MoveOnly) {
  sweep([] {
    for (int cap : {0, 1, 3}) {
      chan<std::unique_ptr<int>> c{cap};
      go([c] {
        for (int i = 0; i < 10; i++) c.send(std::make_unique<int>(i));
        c.close();
      });
      int expected = 0;
      for (std::unique_ptr<int> p : c) EXPECT_EQ(*p, expected++);
      EXPECT_EQ(expected, 10);
    }
    chan<std::unique_ptr<int>> full{0};
    auto kept = std::make_unique<int>(7);
    EXPECT_FALSE(full.try_send(std::move(kept)));
    ASSERT_TRUE(kept);  // untouched: NOLINT(bugprone-use-after-move)
    EXPECT_FALSE(full.try_send_for(std::move(kept), 1ms));
    ASSERT_TRUE(kept);  // NOLINT(bugprone-use-after-move)
    std::unique_ptr<int> into = std::make_unique<int>(1);
    EXPECT_EQ(full.try_recv(into), recv_status::empty);
    EXPECT_TRUE(into);
  });
}

struct no_default {
  explicit no_default(int value) : v(value) {}
  no_default(no_default&&) = default;
  no_default& operator=(no_default&&) = delete;
  int v;
};

TEST(ChanElem, NeitherDefaultConstructibleNorAssignable) {
  chan<no_default> c{2};
  c.send(no_default(1));
  c.send(no_default(2));
  EXPECT_EQ(c.recv()->v, 1);
  c.close();
  for (no_default d : c) EXPECT_EQ(d.v, 2);
}

struct alignas(256) aligned_bytes {
  char id;
  std::array<char, 300> fill{};
};
struct alignas(128) aligned_string {
  std::string s;
};

template <class T>
bool well_aligned(const T& v) {
  return reinterpret_cast<std::uintptr_t>(&v) % alignof(T) == 0;
}

TEST(ChanElem, OverAligned) {
  sweep([] {
    for (int cap : {0, 3}) {
      chan<aligned_bytes> c{cap};
      chan<aligned_string> d{cap};
      go([=] {
        for (char i = 0; i < 5; i++) {
          c.send(aligned_bytes{.id = i});
          d.send(aligned_string{std::string(100, i)});
        }
      });
      for (char i = 0; i < 5; i++) {
        auto a = c.recv();
        EXPECT_TRUE(well_aligned(*a));
        EXPECT_EQ(a->id, i);
        auto b = d.recv();
        EXPECT_TRUE(well_aligned(*b));
        EXPECT_EQ(b->s, std::string(100, i));
      }
    }
  });
}

struct empty {};
struct big {
  std::array<std::uint64_t, 40> words;
};

TEST(ChanElem, EmptyAndBig) {
  sweep([] {
    chan<empty> e{3};
    e.send({});
    e.send(empty{});
    EXPECT_EQ(e.len(), 2u);
    EXPECT_TRUE(e.recv());
    for (int cap : {0, 2}) {
      chan<big> c{cap};
      go([=] {
        for (std::uint64_t i = 0; i < 20; i++) {
          big b;
          b.words.fill(i);
          c.send(b);
        }
      });
      for (std::uint64_t i = 0; i < 20; i++) {
        const auto b = c.recv();
        for (const std::uint64_t w : b->words) EXPECT_EQ(w, i);
      }
    }
  });
}

template <class T>
void there_and_back(T a, T b) {
  for (int cap : {0, 1, 5}) {
    chan<T> c{cap};
    go([=] {
      for (int i = 0; i < 9; i++) c.send(i % 2 == 0 ? a : b);
    });
    for (int i = 0; i < 9; i++) EXPECT_TRUE(*c.recv() == (i % 2 == 0 ? a : b));
  }
}

TEST(ChanElem, EverySize) {
  sweep([] {
    there_and_back<bool>(false, true);
    there_and_back<std::int16_t>(1, -2);
    there_and_back<int>(1, -2);
    there_and_back<double>(1.5, -2);
    there_and_back<std::pair<long, long>>({1, 2}, {3, 4});
    there_and_back<std::array<char, 3>>({1, 2, 3}, {4, 5, 6});
    there_and_back<std::array<int, 3>>({1, 2, 3}, {4, 5, 6});
    there_and_back<std::array<char, 33>>({1, 2, 3}, {4, 5, 6});
    there_and_back<std::string>("short", std::string(1000, 'x'));
    there_and_back<std::vector<std::string>>({"a"}, {"b", "c"});
  });
}

/// Counts its living instances; may throw, panic or block when moved.
struct tracked {
  static inline std::atomic<int> alive{0};
  static inline std::atomic<int> fail_moves{0};   // that many moves from now on throw
  static inline std::atomic<int> fail_value{-1};  // moves of this one throw
  static inline std::atomic<bool> panics{false};  // by panic instead
  static inline std::atomic<bool> yields{false};  // each move lets others run

  explicit tracked(int value) : v(value) { alive++; }
  tracked(tracked&& from) : v(from.v) {  // NOLINT: not noexcept on purpose
    if (yields) gofer::gosched();
    if (from.v == fail_value || (fail_moves > 0 && fail_moves-- > 0)) {
      if (panics) gofer::panic("move");
      throw std::runtime_error("move");
    }
    from.v = -1;
    alive++;
  }
  tracked& operator=(tracked&& from) noexcept {
    v = std::exchange(from.v, -1);
    return *this;
  }
  ~tracked() { alive--; }
  int v;
};

struct tracked_test : testing::Test {
  ~tracked_test() override {
    EXPECT_EQ(tracked::alive, 0);
    tracked::alive = 0;
    tracked::fail_moves = 0;
    tracked::panics = false;
    tracked::yields = false;
  }
};

TEST_F(tracked_test, EveryValueIsDestroyedOnce) {
  sweep([] {
    for (int cap : {0, 1, 4}) {
      {
        chan<tracked> c{cap};
        gofer::wait_group wg;
        for (int s = 0; s < 3; s++) {
          wg.go([&, s] {
            for (int i = 0; i < 50; i++) c.send(tracked(100 * s + i));
          });
        }
        for (int i = 0; i < 150; i++) {
          if (i % 2 == 0) {
            EXPECT_GE(c.recv()->v, 0);
          } else {
            gofer::select(gofer::recv(c, [](std::optional<tracked> t) { EXPECT_GE(t->v, 0); }));
          }
        }
        wg.wait();
      }
      EXPECT_EQ(tracked::alive, 0);
    }
  });
}

TEST_F(tracked_test, TheLastHandleDestroysWhatIsBuffered) {
  {
    chan<tracked> c{5};
    for (int i = 0; i < 3; i++) c.send(tracked(i));
    c.recv();
    c.send(tracked(3));
    c.close();
    chan<tracked> copy = c;
    c = nullptr;
    EXPECT_EQ(tracked::alive, 3);
    EXPECT_EQ(copy.recv()->v, 1);
  }
  EXPECT_EQ(tracked::alive, 0);
}

// Who runs the move gets the exception; what was to be moved stays where it was, and the channel goes on working.
TEST_F(tracked_test, AThrowingMoveIntoTheBuffer) {
  sweep([] {
    chan<tracked> c{2};
    tracked t(1);
    tracked::fail_moves = 1;
    EXPECT_THROW(c.send(std::move(t)), std::runtime_error);
    EXPECT_EQ(c.len(), 0u);
    EXPECT_EQ(t.v, 1);
    c.send(std::move(t));
    EXPECT_EQ(c.len(), 1u);
    tracked::fail_moves = 1;
    EXPECT_THROW(c.recv(), std::runtime_error);
    EXPECT_EQ(c.len(), 1u);
    EXPECT_EQ(c.recv()->v, 1);
  });
}

TEST_F(tracked_test, AThrowingHandOverLeavesTheOtherWaiting) {
  sweep([] {
    for (const bool panics : {false, true}) {
      tracked::panics = panics;
      const auto fails = [&](const auto& f) {
        if (!panics) {
          EXPECT_THROW(f(), std::runtime_error);
        } else {
          const auto text = gofer::func([&](std::string& what) {
            gofer::defer d{[&] { what = gofer::recover().what(); }};
            f();
          });
          EXPECT_EQ(text, "move");
        }
      };
      {
        chan<tracked> c{0};
        gofer::wait_group wg;
        wg.go([&] { EXPECT_EQ(c.recv()->v, 2); });
        eventually([&] { return receivers_waiting(c) == 1; });
        tracked::fail_moves = 1;
        fails([&] { c.send(tracked(1)); });
        c.send(tracked(2));
        wg.wait();
      }
      {
        chan<tracked> c{0};
        gofer::wait_group wg;
        wg.go([&] { c.send(tracked(3)); });
        eventually([&] { return senders_waiting(c) == 1; });
        tracked::fail_moves = 1;
        fails([&] { c.recv(); });
        EXPECT_EQ(c.recv()->v, 3);
        wg.wait();
      }
      {
        // The same with a select on the other side.
        chan<tracked> c{0};
        chan<> never{0};
        gofer::wait_group wg;
        wg.go([&] {
          gofer::select(gofer::recv(c, [](std::optional<tracked> t) { EXPECT_EQ(t->v, 5); }), gofer::recv(never));
        });
        eventually([&] { return receivers_waiting(c) == 1; });
        tracked::fail_moves = 1;
        fails([&] { c.send(tracked(4)); });
        c.send(tracked(5));
        wg.wait();
        wg.go([&] { EXPECT_EQ(gofer::select(gofer::send(c, tracked(6)), gofer::recv(never)), 0); });
        eventually([&] { return senders_waiting(c) == 1; });
        tracked::fail_moves = 1;
        fails([&] { c.recv(); });
        EXPECT_EQ(c.recv()->v, 6);
        wg.wait();
        EXPECT_EQ(receivers_waiting(never), 0u);
      }
    }
  });
}

// Senders that wait at a full buffer of values whose moves may fail put their values in themselves, still in order.
TEST_F(tracked_test, WaitingSendersOfThrowingTypesKeepTheirOrder) {
  sweep([] {
    for (int cap : {1, 2}) {
      chan<tracked> c{cap};
      for (int i = 0; i < cap; i++) c.send(tracked(i));
      gofer::wait_group wg;
      constexpr int n = 12;
      for (int i = 0; i < n; i++) {
        wg.go([&, i] {
          if (i % 3 == 2) {
            chan<> never{0};
            EXPECT_EQ(gofer::select(gofer::send(c, tracked(cap + i)), gofer::recv(never)), 0);
          } else {
            c.send(tracked(cap + i));
          }
        });
        eventually([&] { return senders_waiting(c) == static_cast<std::size_t>(i) + 1; });
      }
      for (int i = 0; i < cap + n; i++) {
        EXPECT_EQ(c.recv()->v, i);
        // Nobody who comes now gets in before those who wait.
        if (i < n - 2) {
          EXPECT_FALSE(c.try_send(tracked(99)));
        }
      }
      wg.wait();
      EXPECT_EQ(c.len(), 0u);
    }
  });
}

TEST_F(tracked_test, AFailedGrantGoesToTheNext) {
  sweep([] {
    chan<tracked> c{1};
    c.send(tracked(0));
    gofer::wait_group wg;
    std::atomic<int> failed{0};
    for (int i = 1; i <= 3; i++) {
      wg.go([&, i] {
        try {
          c.send(tracked(i));
        } catch (const std::runtime_error&) {
          failed++;
        }
      });
      eventually([&] { return senders_waiting(c) == static_cast<std::size_t>(i); });
    }
    tracked::fail_value = 1;
    EXPECT_EQ(c.recv()->v, 0);  // the first sender's turn; its move fails
    eventually([&] { return failed == 1 && c.len() == 1; });
    EXPECT_EQ(c.recv()->v, 2);
    EXPECT_EQ(c.recv()->v, 3);
    wg.wait();
    tracked::fail_value = -1;

    // Closed while a sender has its grant: it panics as any blocked sender does.
    c.send(tracked(0));
    wg.go([&] { EXPECT_EQ(runtime_error_of([&] { c.send(tracked(1)); }), "send on closed channel"); });
    eventually([&] { return senders_waiting(c) == 1; });
    c.close();
    wg.wait();
  });
}

// Random failures on both sides, with several of each: every value that a send did not throw for is received once.
TEST_F(tracked_test, ThrowingMovesUnderLoad) {
  sweep([] {
    for (int cap : {0, 1, 3}) {
      for (const bool yields : {false, true}) {
        tracked::yields = yields;
        chan<tracked> c{cap};
        std::vector<std::atomic<int>> sent(400), received(400);
        gofer::wait_group senders, receivers;
        for (int s = 0; s < 4; s++) {
          senders.go([&, s] {
            for (int i = 0; i < 100; i++) {
              const int id = 100 * s + i;
              if (i % 7 == 0) tracked::fail_moves = 1;
              tracked t(id);
              for (bool done = false; !done;) {
                try {
                  c.send(std::move(t));
                  done = true;
                } catch (const std::runtime_error&) {
                  t.v = id;  // a failed move of the other side's may have emptied it
                }
              }
              sent[static_cast<std::size_t>(id)]++;
            }
          });
        }
        for (int r = 0; r < 3; r++) {
          receivers.go([&] {
            int got = 0;
            for (bool open = true; open;) {
              try {
                // By select, so that the value passes through no further move of the test's.
                gofer::select(gofer::recv(c, [&](std::optional<tracked> t) {
                  open = t.has_value();
                  got = open ? t->v : -1;
                  if (got >= 0) received[static_cast<std::size_t>(got)]++;
                }));
              } catch (const std::runtime_error&) {
              }
            }
          });
        }
        senders.wait();
        c.close();
        receivers.wait();
        int lost = 0;
        for (std::size_t i = 0; i < sent.size(); i++) {
          EXPECT_EQ(sent[i], 1);
          EXPECT_LE(received[i], 1);
          lost += received[i] == 0;
        }
        // A value is lost only when the move out of the receiver's own slot fails, after it was received.
        EXPECT_LE(lost, 4 * 15);
        tracked::fail_moves = 0;
      }
    }
  });
}

// A move that waits for something must not stop others, nor the thread.
TEST(ChanElem, AMoveThatBlocks) {
  struct guarded {
    static gofer::mutex& mu() {
      static gofer::mutex m;
      return m;
    }
    explicit guarded(int value) : v(value) {}
    guarded(guarded&& from) noexcept {
      const std::lock_guard hold(mu());
      v = from.v;
    }
    int v;
  };
  sweep([] {
    for (int cap : {0, 1, 2}) {
      chan<guarded> c{cap};
      gofer::wait_group wg;
      guarded::mu().lock();
      for (int i = 0; i < 4; i++) {
        wg.go([&, i] {
          guarded g(i);
          c.send(std::move(g));
        });
        wg.go([&] { EXPECT_TRUE(c.recv()); });
      }
      gofer::sleep(1ms);  // others run, with even one processor
      guarded::mu().unlock();
      wg.wait();
    }
  });
}

TEST(ChanElem, StringsBetweenThreadsAndGoroutines) {
  chan<std::string> c{3};
  std::thread t([=] {
    for (int i = 0; i < 1000; i++) c.send("number " + std::to_string(i) + std::string(20, '.'));
    c.close();
  });
  gofer::run(gofer::options{.maxprocs = 2}, [=] {
    int i = 0;
    for (const std::string& s : c) EXPECT_EQ(s.substr(0, s.find('.')), "number " + std::to_string(i++));
    EXPECT_EQ(i, 1000);
  });
  t.join();
}

}  // namespace
