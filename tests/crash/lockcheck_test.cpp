// GOFER_DEBUG=lockcheck=1: what it says, of what, and of what not.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <gofer/gofer.hpp>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string>
#include <thread>

#include "scenario.hpp"

namespace gofer::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::MatchesRegex;
using testing::Not;
using testing::StartsWith;

outcome checked(const std::string& scenario) { return run_scenario(scenario, {"GOFER_DEBUG=lockcheck=1"}); }

int count(const std::string& text, const std::string& what) {
  int n = 0;
  for (std::size_t at = text.find(what); at != text.npos; at = text.find(what, at + what.size())) n++;
  return n;
}

/// Runs f in a goroutine, to its end.
template <class F>
void elsewhere(F f) {
  wait_group wg;
  wg.go(f);
  wg.wait();
}

template <class A, class B>
__attribute__((noinline)) void first_then_second(A& a, B& b) {
  const std::lock_guard hold_a(a);
  const std::lock_guard hold_b(b);
}

template <class A, class B>
__attribute__((noinline)) void second_then_first(A& a, B& b) {
  const std::lock_guard hold_b(b);
  const std::lock_guard hold_a(a);
}

// Never at the same time: nothing deadlocks, but it could have.
GOFER_SCENARIO(lock_order_two) {
  run([] {
    mutex a, b;
    for (int i = 0; i < 3; i++) {
      elsewhere([&] { first_then_second(a, b); });
      elsewhere([&] { second_then_first(a, b); });
    }
    std::puts("done");
  });
}
TEST(Lockcheck, TwoOrdersOfTwoLocksAreReportedOnceWithAllStacks) {
  const outcome end = checked("lock_order_two");
  EXPECT_EQ(end.exit_status, 0) << end.err;
  EXPECT_EQ(end.out, "done\n");
  EXPECT_THAT(end.err, StartsWith("WARNING: gofer: lock order cycle: what is locked in different orders can deadlock\n"
                                  "\ngoroutine "));
  EXPECT_EQ(count(end.err, "WARNING"), 1) << end.err;
  EXPECT_EQ(count(end.err, "second_then_first"), 2) << end.err;
  EXPECT_EQ(count(end.err, "first_then_second"), 2) << end.err;
  EXPECT_EQ(count(end.err, " locks mutex 0x"), 1) << end.err;
  EXPECT_EQ(count(end.err, " locked mutex 0x"), 1) << end.err;
  EXPECT_EQ(count(end.err, "while it holds mutex 0x"), 1) << end.err;
  EXPECT_EQ(count(end.err, "while it held mutex 0x"), 1) << end.err;
  EXPECT_THAT(end.err, HasSubstr("lockcheck_test.cpp:"));
  EXPECT_THAT(run_scenario("lock_order_two").err, IsEmpty());
}

GOFER_SCENARIO(lock_order_three) {
  run([] {
    mutex a;
    shared_mutex b;
    mutex c;
    elsewhere([&] {
      const std::lock_guard hold_a(a);
      const std::shared_lock hold_b(b);
    });
    elsewhere([&] {
      const std::lock_guard hold_b(b);
      const std::lock_guard hold_c(c);
    });
    std::thread([&] { first_then_second(c, a); }).join();
  });
}
TEST(Lockcheck, CyclesOfThreeOverSharedLocksAndThreads) {
  const outcome end = checked("lock_order_three");
  EXPECT_EQ(end.exit_status, 0) << end.err;
  EXPECT_EQ(count(end.err, "WARNING"), 1) << end.err;
  EXPECT_THAT(end.err, AllOf(HasSubstr("a thread outside the runtime locks mutex 0x"), HasSubstr("shared_mutex 0x")));
  EXPECT_EQ(count(end.err, " locked here:\n"), 3) << end.err;
}

GOFER_SCENARIO(lock_order_deadlock) {
  run([] {
    mutex a, b;
    chan<> both{0};
    wait_group wg;
    wg.go([&] {
      const std::lock_guard hold_a(a);
      both.send();
      const std::lock_guard hold_b(b);
    });
    const std::lock_guard hold_b(b);
    both.recv();
    const std::lock_guard hold_a(a);
  });
}
TEST(Lockcheck, ADeadlockIsNamedBeforeItIsThere) {
  const outcome end = checked("lock_order_deadlock");
  EXPECT_EQ(end.exit_status, 2);
  EXPECT_THAT(end.err, StartsWith("WARNING: gofer: lock order cycle"));
  EXPECT_THAT(end.err, HasSubstr("fatal error: all goroutines are asleep - deadlock!"));
}

// Each of these would be a cycle if locks were known by their addresses, if what nobody waits for closed one, if an
// unlock by somebody else were missed, or if what ended with a lock held were mistaken for its successor.
GOFER_SCENARIO(lock_order_fine) {
  run([] {
    std::optional<mutex> a, b;
    std::optional<shared_mutex> c, d;
    for (int i = 0; i < 4; i++) {
      a.emplace(), b.emplace(), c.emplace(), d.emplace();
      i % 2 == 0 ? first_then_second(*a, *b) : second_then_first(*a, *b);
      i % 2 == 0 ? first_then_second(*c, *d) : second_then_first(*c, *d);
    }

    mutex e, f;
    first_then_second(e, f);
    f.lock();
    if (e.try_lock()) e.unlock();
    if (e.try_lock_for(std::chrono::seconds(0))) e.unlock();
    f.unlock();

    mutex g, h;
    first_then_second(g, h);
    h.lock();
    elsewhere([&] { h.unlock(); });
    g.lock();
    g.unlock();

    mutex i, j;
    first_then_second(i, j);
    j.lock();
    j.unlock();
    const std::lock_guard hold(i);

    mutex left, k;
    first_then_second(k, left);
    for (int n = 0; n < 50; n++) {
      elsewhere([&] {
        if (left.try_lock()) return;
        k.lock();
        k.unlock();
      });
    }

    mutex l, m;
    for (int n = 0; n < 4; n++) {
      wait_group wg;
      wg.go([&] { const std::scoped_lock hold_both(l, m); });
      wg.wait();
    }
    once o;
    call_once(o, [] {});
    condition_variable cv;
    mutex waited;
    std::unique_lock lock(waited);
    go([&] {
      const std::lock_guard hold_waited(waited);
      cv.notify_all();
    });
    cv.wait(lock);
  });
}
TEST(Lockcheck, SaysNothingOfWhatIsFine) {
  const outcome end = checked("lock_order_fine");
  EXPECT_EQ(end.exit_status, 0);
  EXPECT_EQ(end.err, "");
}

GOFER_SCENARIO(lock_again) {
  run([] {
    shared_mutex rw;
    const std::shared_lock first(rw);
    const std::shared_lock second(rw);  // a deadlock as soon as a writer waits
  });
}
TEST(Lockcheck, LockingAgainIsReported) {
  const outcome end = checked("lock_again");
  EXPECT_EQ(end.exit_status, 0);
  EXPECT_THAT(end.err, StartsWith("WARNING: gofer: a lock is locked again by who holds it\n\n"
                                  "goroutine 1 locks shared_mutex 0x"));
  EXPECT_EQ(count(end.err, "lockcheck_test.cpp:"), 2) << end.err;
}

GOFER_SCENARIO(lock_load) {
  run(options{.maxprocs = 4}, [] {
    mutex outer, inner;
    shared_mutex rw;
    long n = 0;
    wait_group wg;
    for (int g = 0; g < 8; g++) {
      wg.go([&, g] {
        for (int i = 0; i < 200; i++) {
          const std::lock_guard hold(outer);
          if (i % 10 == g) gosched();
          const std::lock_guard hold_inner(inner);
          if (i % 2 == 0) {
            const std::shared_lock read(rw);
          } else {
            const std::lock_guard write(rw);
            n++;
          }
        }
      });
    }
    wg.wait();
    std::printf("%ld\n", n);
  });
}
TEST(Lockcheck, WorksUnderLoad) {
  const outcome end = checked("lock_load");
  EXPECT_EQ(end.exit_status, 0);
  EXPECT_EQ(end.err, "");
  EXPECT_EQ(end.out, "800\n");
}

TEST(Lockcheck, TheKnobIsZeroOrOne) {
  const outcome end = run_scenario("lock_again", {"GOFER_DEBUG=lockcheck=2"});
  EXPECT_EQ(end.exit_status, 2);
  EXPECT_EQ(end.err, "gofer: GOFER_DEBUG=lockcheck=2: want lockcheck=0 or lockcheck=1\n");
}

#ifdef GOFER_TEST_LOCKCHECK

// One goroutine at a time, and bound to its thread, so that the wrong things done here do no harm.
__attribute__((noinline)) void receive_while_locked(std::mutex& mu, chan<> c) {
  const std::lock_guard hold(mu);
  c.recv();
}

GOFER_SCENARIO(park_with_std_mutex) {
  run([] {
    lock_os_thread();
    std::mutex mu;
    chan<> c{0};
    volatile int three = 3;  // Clang unrolls the loop otherwise, and then these are three places
    for (int i = 0; i < three; i++) {
      go([c] { c.send(); });
      receive_while_locked(mu, c);
    }
    std::shared_mutex rw;
    const std::shared_lock hold(rw);
    gosched();
    std::puts("done");
  });
}
TEST(Lockcheck, AStdMutexHeldAcrossAParkIsReportedWithBothStacks) {
  const outcome end = checked("park_with_std_mutex");
  EXPECT_EQ(end.exit_status, 0) << end.err;
  EXPECT_EQ(end.out, "done\n");
  EXPECT_THAT(end.err, StartsWith("WARNING: gofer: a std::mutex is held across a park: it blocks threads, and is "
                                  "unlocked by another one; use gofer::mutex\n\ngoroutine 1 parks [chan receive] "
                                  "here:\n"));
  EXPECT_EQ(count(end.err, "WARNING"), 2) << end.err;
  EXPECT_EQ(count(end.err, "receive_while_locked"), 2) << end.err;
  EXPECT_THAT(end.err, HasSubstr("while it holds std::mutex 0x"));
  EXPECT_THAT(end.err, AllOf(Not(HasSubstr("pthread_mutex_lock")), Not(HasSubstr("gofer::runtime"))));
  EXPECT_THAT(end.err, AllOf(HasSubstr("goroutine 1 parks [yields] here:"), HasSubstr("std::shared_mutex 0x")));
  EXPECT_THAT(run_scenario("park_with_std_mutex").err, IsEmpty());
}

GOFER_SCENARIO(std_mutex_fine) {
  std::mutex outside;
  const std::lock_guard held_by_the_thread(outside);
  chan<> from_thread{0};
  std::thread sender([from_thread] {
    std::mutex mu;
    const std::lock_guard hold(mu);  // a plain thread blocks anyway
    from_thread.send();
  });
  run([&] {
    std::mutex mu;
    for (int i = 0; i < 100; i++) {
      { const std::lock_guard hold(mu); }
      gosched();
    }
    std::unique_lock lock(mu);
    if (std::unique_lock again(mu, std::try_to_lock); again) std::puts("?");
    lock.unlock();
    from_thread.recv();
    const std::string text = stack();  // the symbolizer has locks of its own
  });
  sender.join();
}
TEST(Lockcheck, StdMutexesThatAreNotHeldAcrossAParkAreFine) {
  const outcome end = checked("std_mutex_fine");
  EXPECT_EQ(end.exit_status, 0);
  EXPECT_EQ(end.err, "");
}

#endif

}  // namespace
}  // namespace gofer::test
