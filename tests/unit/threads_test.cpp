// Worker threads: how many there are, when they end, and what happens when there are no more.
#include <dirent.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <gofer/chan.hpp>
#include <gofer/runtime.hpp>
#include <gofer/sync.hpp>
#include <gofer/time.hpp>
#include <latch>
#include <set>
#include <thread>

#include "sched/config.hpp"
#include "sched/park.hpp"
#include "sched/schedt.hpp"
#include "sched/schedule.hpp"

namespace {

using namespace std::chrono_literals;
namespace sched = gofer::sched;

int threads() {
  int n = 0;
  DIR* dir = ::opendir("/proc/self/task");
  while (const dirent* entry = ::readdir(dir)) n += entry->d_name[0] != '.';
  ::closedir(dir);
  return n;
}

// n goroutines that block their threads until all of them do.
void block_at_once(int n) {
  std::latch all(n);
  gofer::wait_group wg;
  for (int i = 0; i < n; i++) {
    wg.go([&] { gofer::blocking([&] { all.arrive_and_wait(); }); });
  }
  wg.wait();
}

TEST(Threads, EndWhenTheyHaveBeenIdleForLong) {
  sched::idle_thread_ns = 1'000'000;
  gofer::run({.maxprocs = 2}, [] {
    const int before = threads();
    for (int round = 0; round < 3; round++) {
      block_at_once(20);
      // Two may run at once, and the one that runs this; whoever ended is joined once a second.
      while (threads() > before + 2) gofer::sleep(5ms);
    }
  });
  sched::idle_thread_ns = 10'000'000'000;
}

TEST(Threads, AreReused) {
  gofer::run({.maxprocs = 2}, [] {
    block_at_once(10);
    const int before = threads();
    for (int round = 0; round < 50; round++) block_at_once(10);
    EXPECT_LE(threads(), before + 10);  // of 500: one that is just about to sleep is not there to be reused
  });
}

// More blocking calls than threads: the rest waits, everybody gets his turn, and the limit is named once.
TEST(Threads, AtTheLimitGoroutinesWait) {
  testing::internal::CaptureStderr();
  std::atomic<int> at_once{0};
  std::atomic<int> most{0};
  std::atomic<int> done{0};
  gofer::run({.maxprocs = 2, .max_threads = 3}, [&] {
    gofer::wait_group wg;
    for (int i = 0; i < 40; i++) {
      wg.go([&] {
        gofer::blocking([&] {
          const int now = ++at_once;
          for (int was = most; now > was && !most.compare_exchange_weak(was, now);) {
          }
          std::this_thread::sleep_for(2ms);
          at_once--;
        });
        done++;
      });
    }
    wg.wait();
  });
  EXPECT_EQ(done, 40);
  EXPECT_LE(most, 3);
  const std::string said = testing::internal::GetCapturedStderr();
  EXPECT_NE(said.find("all 3 worker threads block (options.max_threads, GOFER_MAXTHREADS)"), std::string::npos) << said;
  EXPECT_EQ(said.find("gofer:"), said.rfind("gofer:")) << said;
}

// A goroutine that computes has lost its P, and there is no thread to go on with it: whoever parks next does.
TEST(Threads, AtTheLimitAHogIsNoEnd) {
  testing::internal::CaptureStderr();
  gofer::run({.maxprocs = 1, .max_threads = 1}, [] {
    for (int round = 0; round < 3; round++) {
      bool ran = false;
      gofer::go([&] { ran = true; });
      const auto until = std::chrono::steady_clock::now() + 30ms;
      while (std::chrono::steady_clock::now() < until) {
      }
      gofer::chan<int> c(0);
      gofer::go([&] { c.send(1); });
      EXPECT_EQ(c.recv(), 1);
      while (!ran) gofer::gosched();
    }
  });
  testing::internal::GetCapturedStderr();
}

TEST(Threads, GomaxprocsChangesAgainAndAgain) {
  gofer::run({.maxprocs = 4}, [] {
    std::atomic<bool> stop{false};
    gofer::wait_group wg;
    for (int i = 0; i < 8; i++) {
      wg.go([&, i] {
        gofer::chan<int> c(1);
        while (!stop) {
          c.send(1);
          gofer::gosched();
          c.recv();
          if (i % 2 == 0) gofer::sleep(10us);
        }
      });
    }
    for (int i = 0; i < 3000; i++) {
      gofer::gomaxprocs(1 + i * 7 % 8);
      gofer::gosched();
    }
    EXPECT_EQ(gofer::gomaxprocs(0), 1 + 2999 * 7 % 8);
    stop = true;
    wg.wait();
    EXPECT_LE(sched::the_sched.load()->nallp, 8);
    EXPECT_EQ(sched::the_sched.load()->nprocs, gofer::gomaxprocs(0));
  });
}

// They used to wait until somebody went looking for work, which a goroutine that yields all the time keeps everybody
// from.
TEST(Threads, TimersOfARetiredProcessorFire) {
  gofer::run({.maxprocs = 4}, [] {
    std::atomic<int> awake{0};
    for (int i = 0; i < 40; i++) {
      gofer::go([&, i] {
        for (int n = 0; n < 5; n++) gofer::sleep(std::chrono::microseconds(100 * i));
        awake++;
      });
    }
    gofer::sleep(1ms);
    gofer::gomaxprocs(1);
    while (awake < 40) gofer::gosched();
  });
}

// Every run used to leave an instance of the scheduler, 21 KB, behind.
TEST(Threads, RunsThatEndCleanlyLeaveNothing) {
  std::set<const void*> instances;
  const int before = threads();
  for (int i = 0; i < 100; i++) {
    gofer::run({.maxprocs = 1 + i % 3}, [&] {
      instances.insert(sched::the_sched.load());
      EXPECT_EQ(gofer::goid(), 1U);
      EXPECT_EQ(gofer::num_goroutine(), 1);
      gofer::wait_group wg;
      for (int k = 0; k < 10; k++) wg.go([] { gofer::sleep(1us); });
      wg.wait();
      while (gofer::num_goroutine() != 1) gofer::gosched();
    });
  }
  EXPECT_EQ(instances.size(), 1U);
  // One that was joined may be seen for a moment; ThreadSanitizer has started one of its own.
  while (threads() > before + GOFER_TSAN) std::this_thread::yield();
}

// A goroutine that is left waiting belongs to its run for ever, and must not turn up in a later one.
TEST(Threads, ARunWithGoroutinesLeftIsNotTakenOver) {
  gofer::chan<int> c(0);
  std::atomic<int> woken{0};
  const void* first = nullptr;
  gofer::run({.maxprocs = 2}, [&] {
    first = sched::the_sched.load();
    gofer::go([&] {
      c.recv();
      woken++;
    });
    gofer::sleep(1ms);
  });
  gofer::run({.maxprocs = 2}, [&] {
    EXPECT_NE(sched::the_sched.load(), first);
    EXPECT_FALSE(c.try_send(1));
    gofer::sleep(1ms);
  });
  EXPECT_EQ(woken, 0);
}

// The P of a goroutine that computes goes elsewhere after 10 ms.
void lose_p() {
  std::atomic<bool> others_ran{false};
  gofer::go([&] { others_ran = true; });
  while (!others_ran) {
  }
}

// On several Ps: only when all the others are busy does anybody wait for this one.
void lose_p_among_hogs() {
  std::atomic<int> busy{0};
  std::atomic<bool> stop{false};
  const int others = gofer::gomaxprocs(0) - 1;
  std::atomic<int> left{others};
  for (int i = 0; i < others; i++) {
    gofer::go([&] {
      busy++;
      while (!stop) {
      }
      left--;
    });
  }
  while (busy < others) {
  }
  while (sched::getm()->theft != sched::theft_state::taken) {
    // Hogs lose their Ps as well, one of which may run what waits.
    gofer::go([] {});
    const auto until = std::chrono::steady_clock::now() + 15ms;
    while (std::chrono::steady_clock::now() < until) {
    }
  }
  stop = true;
  while (left > 0) {
  }
}

TEST(Rejoin, WithTheNextCallThatMayPark) {
  gofer::run({.maxprocs = 1}, [] {
    gofer::chan<int> c(1);
    const auto without_p = [] { return sched::getm()->theft == sched::theft_state::taken; };
    lose_p();
    EXPECT_TRUE(without_p());
    c.send(1);
    EXPECT_FALSE(without_p());
    lose_p();
    c.recv();
    EXPECT_FALSE(without_p());
    lose_p();
    c.send(1);
    gofer::select(gofer::recv(c, [](auto) {}));
    EXPECT_FALSE(without_p());
    lose_p();
    gofer::blocking([] {});
    EXPECT_FALSE(without_p());
  });
}

// What never parks may be called with a lock held that belongs to the thread.
TEST(Rejoin, OnItsThreadWithWhatNeverParks) {
  for (const int procs : {1, 2, 4}) {
    gofer::run({.maxprocs = procs}, [] {
      gofer::chan<int> c(1);
      const auto stays = [](auto f) {
        lose_p_among_hogs();
        EXPECT_EQ(sched::getm()->theft, sched::theft_state::taken);
        const std::thread::id here = std::this_thread::get_id();
        f();
        EXPECT_EQ(std::this_thread::get_id(), here);
        EXPECT_EQ(sched::getm()->theft, sched::theft_state::none);
      };
      stays([&] { EXPECT_TRUE(c.try_send(1)); });
      stays([] { gofer::go([] {}); });
      stays([&] { gofer::select(gofer::recv(c, [](auto) {}), gofer::otherwise([] {})); });
      stays([&] { c.close(); });
      gofer::gosched();
    });
  }
}

// A compiler keeps the address of a thread's errno across calls.
__attribute__((noinline)) void set_errno(int value) { errno = value; }
__attribute__((noinline)) int get_errno() { return errno; }

// errno and the rest of the goroutine's state go along.
TEST(Rejoin, KeepsErrno) {
  gofer::run({.maxprocs = 1}, [] {
    gofer::chan<int> c(1);
    for (int i = 1; i < 4; i++) {
      lose_p();
      set_errno(1000 + i);
      c.send(1);
      EXPECT_EQ(get_errno(), 1000 + i);
      c.recv();
    }
  });
}

}  // namespace
