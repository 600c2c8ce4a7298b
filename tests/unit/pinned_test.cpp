// Goroutines that stay on their threads: gofer::pin for a while, options.pinned from the beginning.
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <functional>
#include <gofer/gofer.hpp>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>

namespace gofer::test {
namespace {

using namespace std::chrono_literals;

constexpr int all_procs[] = {1, 2, 4, 8};

// A thread's own variable, read and written as on no other thread: the address is not to be kept across a park.
thread_local int owner = 0;
[[gnu::noinline]] int get_owner() {
  asm volatile("");
  return owner;
}
[[gnu::noinline]] void set_owner(int v) {
  owner = v;
  asm volatile("");
}

// Everything that parks.
void park_in_every_way(int round) {
  chan<int> c{0};
  mutex mu;
  gosched();
  go([&] {
    const std::lock_guard hold(mu);
    c.send(1);
  });
  c.recv();
  { const std::lock_guard hold(mu); }
  blocking([] { ::usleep(1); });
  if (round % 8 == 0) sleep(20us);
  select(recv(c, [](std::optional<int>) {}), after(1us, [] {}));
}

void wait_alone() {
  while (num_goroutine() > 1) gosched();
}

TEST(Pin, KeepsTheThreadForItself) {
  for (const int procs : all_procs) {
    run(options{.maxprocs = procs}, [] {
      std::atomic<bool> done{false};
      for (int i = 0; i < 4; i++) {
        go([&] {
          while (!done) {
            set_owner(-1);
            gosched();
          }
        });
      }
      wait_group pinned;
      for (int id = 1; id <= 3; id++) {
        pinned.go([id] {
          const pin stay;
          const pid_t tid = ::gettid();
          set_owner(id);
          for (int i = 0; i < 30; i++) {
            park_in_every_way(i);
            ASSERT_EQ(::gettid(), tid);
            ASSERT_EQ(get_owner(), id);
          }
        });
      }
      pinned.wait();
      done = true;
      wait_alone();
    });
  }
}

TEST(Pin, NestsAndIsApartFromLockOsThread) {
  run(options{.maxprocs = 2}, [] {
    std::atomic<bool> done{false};
    go([&] {
      while (!done) {
        set_owner(-1);
        gosched();
      }
    });
    const auto still_pinned = [](int id) {
      for (int i = 0; i < 20; i++) {
        gosched();
        EXPECT_EQ(get_owner(), id);
      }
    };
    {
      const pin outer;
      set_owner(1);
      { const pin inner; }
      still_pinned(1);
      unlock_os_thread();
      still_pinned(1);
      lock_os_thread();
      still_pinned(1);
    }
    still_pinned(1);
    unlock_os_thread();
    done = true;
    wait_alone();
  });
}

// A lock that belongs to a thread may be held across a park: whoever wants it meanwhile blocks another thread.
TEST(Pin, AStdMutexMayBeHeldAcrossAPark) {
  for (const int procs : all_procs) {
    run(options{.maxprocs = procs}, [] {
      std::mutex mu;
      int inside = 0;
      wait_group all;
      for (int i = 0; i < 4; i++) {
        all.go([&] {
          for (int n = 0; n < 5; n++) {
            const pin stay;
            const std::lock_guard hold(mu);
            EXPECT_EQ(++inside, 1);
            gosched();
            sleep(1us);
            EXPECT_EQ(--inside, 0);
          }
        });
      }
      all.wait();
    });
  }
}

TEST(Pin, EndsWithAPanicAndAGoexit) {
  run(options{.maxprocs = 1}, [] {
    for (int i = 0; i < 20; i++) {
      go([] {
        const pin stay;
        gosched();
        goexit();
      });
      go([] {
        defer d{[] { recover(); }};
        const pin stay;
        gosched();
        panic("p");
      });
    }
    wait_alone();
  });
  std::thread([] { const pin nothing; }).join();
}

const options pinned(int procs) {
  options o;
  o.maxprocs = procs;
  o.pinned = true;
  return o;
}

TEST(Pinned, NobodyWhoHasBegunChangesThreads) {
  for (const int procs : all_procs) {
    run(pinned(procs), [] {
      const pid_t mains = ::gettid();
      wait_group all;
      for (int i = 0; i < 20; i++) {
        all.go([] {
          const pid_t tid = ::gettid();
          for (int n = 0; n < 20; n++) {
            park_in_every_way(n);
            ASSERT_EQ(::gettid(), tid);
          }
        });
      }
      all.wait();
      EXPECT_EQ(::gettid(), mains);
    });
  }
}

TEST(Pinned, WhoHasNotBegunGoesWhereThereIsRoom) {
  run(pinned(4), [] {
    std::mutex mu;
    std::set<pid_t> threads;
    std::atomic<std::size_t> n{0};
    wait_group all;
    for (int i = 0; i < 4; i++) {
      all.go([&] {
        {
          const std::lock_guard hold(mu);
          threads.insert(::gettid());
          n = threads.size();
        }
        while (n < 3) std::this_thread::yield();  // keeps its thread
      });
    }
    all.wait();
  });
}

// With one worker all of these are on one thread, and wait for each other.
TEST(Pinned, LockOsThreadAndPinKeepNobodyElseFromTheThread) {
  run(pinned(1), [] {
    lock_os_thread();
    const pin stay;
    const pid_t tid = ::gettid();
    chan<int> here{0};
    chan<int> there{0};
    wait_group all;
    for (int i = 0; i < 3; i++) {
      all.go([&] {
        lock_os_thread();
        EXPECT_EQ(::gettid(), tid);
        here.send(1);
        there.recv();
      });
    }
    for (int i = 0; i < 3; i++) here.recv();
    for (int i = 0; i < 3; i++) there.send(1);
    all.wait();
  });
}

// Four threads with goroutines of their own, and fewer Ps.
void on_four_threads(const std::function<void(int)>& body) {
  std::atomic<int> blocked{0};
  wait_group all;
  for (int i = 0; i < 4; i++) {
    all.go([&, i] {
      blocking([&] {
        blocked++;
        while (blocked < 4) std::this_thread::yield();
      });
      body(i);
    });
  }
  all.wait();
}

TEST(Pinned, ThreadsShareTheProcessors) {
  for (const int procs : {1, 2, 3}) {
    run(pinned(procs), [] {
      std::array<pid_t, 4> threads{};
      std::array<chan<int>, 4> ring;
      for (auto& c : ring) c = chan<int>{0};
      on_four_threads([&](int i) {
        threads[static_cast<std::size_t>(i)] = ::gettid();
        const auto at = static_cast<std::size_t>(i);
        for (int n = 0; n < 50; n++) {
          if (i == 0) ring[1].send(n);
          EXPECT_EQ(*ring[at].recv(), n);
          if (i != 0) ring[(at + 1) % 4].send(n);
          ASSERT_EQ(::gettid(), threads[at]);
        }
      });
      EXPECT_EQ(std::set<pid_t>(threads.begin(), threads.end()).size(), 4u);
    });
  }
}

// Nobody parks, nobody ends before all have had their turn: those who hold Ps have to give them up.
TEST(Pinned, ThreadsShareTheProcessorsInTurn) {
  for (const int procs : {1, 2, 3}) {
    run(pinned(procs), [] {
      std::array<std::atomic<int>, 4> turns{};
      const auto all_had = [&] {
        for (const auto& t : turns) {
          if (t < 20) return false;
        }
        return true;
      };
      on_four_threads([&](int i) {
        while (!all_had()) {
          turns[static_cast<std::size_t>(i)]++;
          gosched();
        }
      });
    });
  }
}

TEST(Pinned, AHogKeepsOnlyItsThread) {
  run(pinned(1), [] {
    std::atomic<bool> stop{false};
    go([&] {
      while (!stop) {
      }
    });
    chan<int> c{0};
    go([&] {
      go([&] {
        stop = true;
        c.send(1);
      });
      while (!stop) {
      }
    });
    c.recv();
    wait_alone();
  });
}

// Wake-ups from everywhere for threads that sleep, poll or run.
TEST(Pinned, NoWakeUpIsLost) {
  for (const int procs : all_procs) {
    run(pinned(procs), [] {
      wait_group all;
      std::array<chan<int>, 4> to;
      for (auto& c : to) c = chan<int>{0};
      chan<int> back{0};
      for (std::size_t i = 0; i < 4; i++) {
        all.go([&, i] {
          const pid_t tid = ::gettid();
          for (const int v : to[i]) {
            if (v % 16 == 0) sleep(1us);
            back.send(v);
            ASSERT_EQ(::gettid(), tid);
          }
        });
      }
      for (int v = 0; v < 1000; v++) {
        to[static_cast<std::size_t>(v) % 4].send(v);
        EXPECT_EQ(*back.recv(), v);
      }
      // From a thread that is no worker.
      const chan<> finished{0};
      std::thread outside([&] {
        for (int v = 0; v < 300; v++) {
          to[static_cast<std::size_t>(v) % 4].send(v);
          EXPECT_EQ(*back.recv(), v);
        }
        finished.close();
      });
      finished.recv();
      outside.join();
      for (auto& c : to) c.close();
      all.wait();
    });
  }
}

TEST(Pinned, ThroughThePoller) {
  for (const int procs : all_procs) {
    run(pinned(procs), [] {
      auto l = must(net::listen("tcp", "127.0.0.1:0"));
      const std::string where = l.addr().str();
      go([l]() mutable {
        for (;;) {
          auto [c, err] = l.accept();
          if (err) return;
          go([c = std::move(c)]() mutable {
            const pid_t tid = ::gettid();
            char b;
            while (must(c.read({&b, 1})) == 1) {
              ASSERT_EQ(::gettid(), tid);
              must(c.write({&b, 1}));
              if (b == 'z') break;
            }
            c.close();
          });
        }
      });
      wait_group all;
      for (int i = 0; i < 4; i++) {
        all.go([&] {
          auto c = must(net::dial("tcp", where));
          const pid_t tid = ::gettid();
          for (char b = 'a'; b <= 'z'; b++) {
            char got = 0;
            must(c.write({&b, 1}));
            must(c.read({&got, 1}));
            ASSERT_EQ(got, b);
            ASSERT_EQ(::gettid(), tid);
          }
          c.close();
        });
      }
      all.wait();
      l.close();
    });
  }
}

TEST(Pinned, WhileTheNumberOfProcessorsChanges) {
  run(pinned(4), [] {
    wait_group all;
    for (int i = 0; i < 12; i++) {
      all.go([&] {
        const pid_t tid = ::gettid();
        for (int n = 0; n < 100; n++) {
          park_in_every_way(n);
          ASSERT_EQ(::gettid(), tid);
        }
      });
    }
    for (int n = 0; n < 60; n++) {
      gomaxprocs(n % 5 + 1);
      for (int i = 0; i < 20; i++) gosched();
    }
    all.wait();
  });
}

// Some are in line for a P, some sleep, some run when main returns; the next run is not pinned.
TEST(Pinned, TheRunEndsWhateverItsThreadsDo) {
  for (int i = 0; i < 20; i++) {
    const int result = run(pinned(1 + i % 3), [i] {
      static std::atomic<int> blocked;
      blocked = 0;
      for (int n = 0; n < 3; n++) {
        go([] {
          blocking([] {
            blocked++;
            while (blocked < 3) std::this_thread::yield();
          });
          for (;;) gosched();
        });
      }
      while (blocked < 3) gosched();
      return i;
    });
    EXPECT_EQ(result, i);
    run([] {
      std::atomic<bool> other{false};
      go([&] { other = true; });
      while (!other) gosched();
    });
  }
}

TEST(Pinned, AfterGoHasStartedTheRuntime) {
  std::atomic<int> n{0};
  for (int i = 0; i < 4; i++) {
    go([&] {
      for (int k = 0; k < 200; k++) gosched();
      n++;
    });
  }
  run(pinned(2), [&] {
    const pid_t tid = ::gettid();
    for (int k = 0; k < 200; k++) {
      gosched();
      ASSERT_EQ(::gettid(), tid);
    }
    while (n < 4) gosched();
  });
}

}  // namespace
}  // namespace gofer::test
