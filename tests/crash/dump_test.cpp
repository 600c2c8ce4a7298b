// What gofer says about running goroutines when it is asked: SIGQUIT, the watchdog, schedtrace, stack depths, shutdown.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <gofer/gofer.hpp>
#include <iostream>
#include <string>
#include <thread>

#include "scenario.hpp"
#include "sched/config.hpp"

namespace gofer::test {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

std::atomic<bool> spinning{false};

[[gnu::noinline]] void spin_here() {
  for (spinning = true; spinning;) {
  }
}

[[gnu::noinline]] void wait_here(chan<int> c) { c.recv(); }

GOFER_SCENARIO(quit) {
  run({.maxprocs = 2}, [] {
    chan<int> c(0);
    go([=] { wait_here(c); });
    go([] { spin_here(); });
    go([] { blocking([] { std::this_thread::sleep_for(1h); }); });
    while (!spinning) gosched();
    sleep(20ms);
    ::kill(::getpid(), SIGQUIT);
    sleep(1h);
  });
}
TEST(Quit, PrintsEveryGoroutine) {
  if (GOFER_TSAN) GTEST_SKIP() << "ThreadSanitizer holds signals back until the thread calls into it";
  const outcome end = run_scenario("quit");
  EXPECT_EQ(end.exit_status, 2) << end.err;
  EXPECT_THAT(end.err, AllOf(StartsWith("SIGQUIT: quit\nPC="), ContainsRegex("m=-?[0-9]+ sigcode=0\n\n"),
                             HasSubstr("goroutine 1 [sleep]:\n"), HasSubstr(" [chan receive]:\n"),
                             HasSubstr("wait_here"), HasSubstr(" [running]:\n"), HasSubstr(" [syscall]:\n")));
  EXPECT_THAT(end.err, HasSubstr("spin_here"));
}

GOFER_SCENARIO(quit_of_a_busy_runtime) {
  run({.maxprocs = 1}, [] {
    ::kill(::getpid(), SIGQUIT);
    for (volatile bool for_ever = true; for_ever;) {
    }
  });
}
TEST(Quit, OfARuntimeThatNeverSchedules) {
  if (GOFER_TSAN) GTEST_SKIP() << "ThreadSanitizer holds signals back until the thread calls into it";
  const outcome end = run_scenario("quit_of_a_busy_runtime");
  EXPECT_EQ(end.exit_status, 2) << end.err;
  EXPECT_THAT(end.err, HasSubstr("goroutine 1 [running]:\n"));
}

GOFER_SCENARIO(quit_with_crash) {
  run([] {
    ::kill(::getpid(), SIGQUIT);
    sleep(1h);
  });
}
TEST(Quit, AbortsWhenACoreIsWanted) {
  if (GOFER_TSAN) GTEST_SKIP() << "ThreadSanitizer holds signals back until the thread calls into it";
  const outcome end = run_scenario("quit_with_crash", {"GOFER_TRACEBACK=crash"});
  EXPECT_EQ(end.signal, SIGABRT) << end.err;
  EXPECT_THAT(end.err, StartsWith("SIGQUIT: quit\n"));
}

GOFER_SCENARIO(quit_without_a_run) {
  run([] {});
  ::raise(SIGQUIT);
}
TEST(Quit, WithoutARunIsTheSystems) { EXPECT_EQ(run_scenario("quit_without_a_run").signal, SIGQUIT); }

GOFER_SCENARIO(quit_of_the_programs_own) {
  ::signal(SIGQUIT, [](int) { ::_exit(9); });
  run([] {
    ::raise(SIGQUIT);
    sleep(1h);
  });
}
TEST(Quit, AHandlerOfTheProgramsStays) { EXPECT_EQ(run_scenario("quit_of_the_programs_own").exit_status, 9); }

// --- The watchdog

[[gnu::noinline]] void compute_for(std::chrono::milliseconds d) {
  const auto until = std::chrono::steady_clock::now() + d;
  while (std::chrono::steady_clock::now() < until) {
  }
}

GOFER_SCENARIO(hog) {
  run({.maxprocs = 1}, [] {
    for (int i = 0; i < 3; i++) {
      go([] {});  // so that somebody waits for the P, which is taken away
      compute_for(200ms);
      gosched();
    }
    compute_for(200ms);  // and nobody
  });
}
TEST(Watchdog, NamesWhoComputesOnceAStretch) {
  const outcome end = run_scenario("hog", {"GOFER_DEBUG=watchdog=50"});
  EXPECT_EQ(end.exit_status, 0) << end.err;
  int told = 0;
  const std::string text = "gofer: watchdog: goroutine ";
  for (std::size_t at = 0; (at = end.err.find(text, at)) != end.err.npos; at += text.size()) {
    told++;
    EXPECT_EQ(end.err.compare(at + text.size(), 2, "1 "), 0) << end.err;
  }
  // Four stretches, the first three of which lose their P. sysmon may not have had the processor during one.
  EXPECT_GE(told, 1) << end.err;
  EXPECT_LE(told, 4) << end.err;
  EXPECT_THAT(end.err, HasSubstr("gofer::blocking"));
  if (!GOFER_TSAN) {
    EXPECT_THAT(end.err, HasSubstr("compute_for"));
  }
}

GOFER_SCENARIO(sleeper) {
  run({.maxprocs = 1}, [] { std::this_thread::sleep_for(300ms); });
}
TEST(Watchdog, NamesWhoBlocksHisThread) {
  const outcome end = run_scenario("sleeper", {"GOFER_DEBUG=watchdog=50"});
  EXPECT_EQ(end.exit_status, 0) << end.err;
  EXPECT_THAT(end.err, HasSubstr("watchdog: goroutine 1 has kept its worker"));
}

GOFER_SCENARIO(well_behaved) {
  run({.maxprocs = 2}, [] {
    blocking([] { std::this_thread::sleep_for(300ms); });
    sleep(300ms);
    chan<int> c(0);
    go([=]() mutable {
      sleep(100ms);
      c.send(1);
    });
    c.recv();
  });
}
TEST(Watchdog, IsSilentAboutTheOthers) {
  const outcome end = run_scenario("well_behaved", {"GOFER_DEBUG=watchdog=50"});
  EXPECT_EQ(end.exit_status, 0);
  EXPECT_THAT(end.err, Not(HasSubstr("watchdog")));
}

// --- schedtrace

GOFER_SCENARIO(some_work) {
  run({.maxprocs = 3}, [] {
    chan<int> c(0);
    go([=] { wait_here(c); });
    lock_os_thread();
    sleep(300ms);
  });
}
TEST(Schedtrace, IsGosLine) {
  const outcome end = run_scenario("some_work", {"GOFER_DEBUG=schedtrace=20"});
  EXPECT_EQ(end.exit_status, 0) << end.err;
  EXPECT_THAT(end.err,
              ContainsRegex("^SCHED [0-9]+ms: gomaxprocs=3 idleprocs=[0-3] threads=[0-9]+ spinningthreads=[0-9]+ "
                            "needspinning=0 idlethreads=[0-9]+ runqueue=[0-9]+ \\[[0-9]+ [0-9]+ [0-9]+\\]\n"));
  EXPECT_THAT(end.err, Not(HasSubstr("  P0")));
}
TEST(Schedtrace, WithDetail) {
  const outcome end = run_scenario("some_work", {"GOFER_DEBUG=schedtrace=20,scheddetail=1"});
  EXPECT_EQ(end.exit_status, 0) << end.err;
  EXPECT_THAT(
      end.err,
      AllOf(ContainsRegex("  P0: status=[0-4] schedtick=[0-9]+ syscalltick=[0-9]+ m=(nil|[0-9]+) runqsize=[0-9]+ "
                          "gfreecnt=[0-9]+ timerslen=[0-9]+\n"),
            ContainsRegex("  M0: p=(nil|[0-9]+) curg=(nil|[0-9]+) mallocing=0"), ContainsRegex("lockedg=(nil|1)\n"),
            ContainsRegex("  G1: status=4\\(sleep\\) m=nil lockedm=[0-9]+\n"),
            HasSubstr("(chan receive) m=nil lockedm=nil\n")));
}

// --- Stack depths

[[gnu::noinline]] void deep(int kilobytes) {
  volatile char some[1024];
  for (volatile char& c : some) c = 1;
  asm volatile("" : : "r"(&some) : "memory");
  if (kilobytes > 1) deep(kilobytes - 1);
  some[1023] = some[0];
}

GOFER_SCENARIO(depths) {
  run([] {
    chan<int> done(0);
    volatile int five = 5;  // Clang unrolls the loop otherwise, and then these are five places
    for (int i = 0; i < five; i++) {
      go([=]() mutable {
        deep(20 * (i + 1));
        done.send(i);
      });
    }
    for (int i = 0; i < 5; i++) done.recv();
    chan<int> c(0);
    go([=] { wait_here(c); });
    sleep(10ms);
  });
}
TEST(StackDepths, ByCreationSite) {
  const outcome end = run_scenario("depths", {"GOFER_DEBUG=stackhigh=1"});
  EXPECT_EQ(end.exit_status, 0) << end.err;
  EXPECT_THAT(end.err, HasSubstr("stack high-water marks"));
  std::size_t most = 0;
  EXPECT_EQ(std::sscanf(end.err.c_str() + end.err.find(":\n") + 2, "%zu", &most), 1);
  EXPECT_GE(most, 100U * 1024);
  EXPECT_LE(most, 200U * 1024);
  EXPECT_THAT(end.err, ContainsRegex(" +5  .*scenario_depths.*dump_test.cpp:[0-9]+\n"));
}

// --- shutdown

GOFER_SCENARIO(shutdown_in_vain) {
  run([] {
    chan<int> c(0);
    go({.name = "stubborn"}, [=] { wait_here(c); });
    go([] { sleep(1ms); });
    std::cerr << shutdown(100ms);
  });
}
TEST(Shutdown, ListsWhoSurvives) {
  const outcome end = run_scenario("shutdown_in_vain");
  EXPECT_EQ(end.exit_status, 0) << end.err;
  EXPECT_THAT(end.err, AllOf(HasSubstr("[chan receive, name \"stubborn\"]:\n"), HasSubstr("wait_here"),
                             Not(HasSubstr("[sleep]"))));
}

GOFER_SCENARIO(shutdown_done) {
  run([] {
    for (int i = 0; i < 100; i++) go([i] { sleep(i * 100us); });
    std::cerr << shutdown(1h);
    if (num_goroutine() != 1) std::abort();
  });
}
TEST(Shutdown, ReturnsWhenAllHaveEnded) {
  const outcome end = run_scenario("shutdown_done");
  EXPECT_EQ(end.exit_status, 0);
  EXPECT_EQ(end.err, "");
}

GOFER_SCENARIO(ends_in_a_forked_process) {
  run([] {
    const pid_t pid = ::fork();
    if (pid == 0) return;
    int status = 0;
    ::waitpid(pid, &status, 0);
    ::_exit(WIFEXITED(status) ? 100 + WEXITSTATUS(status) : 99);
  });
}
TEST(Fork, AGoroutineMustNotEndInTheChild) {
  if (GOFER_TSAN || GOFER_ASAN)
    GTEST_SKIP() << "in a child, another thread's lock of the sanitizer's allocator stays held";
  const outcome end = run_scenario("ends_in_a_forked_process");
  EXPECT_EQ(end.exit_status, 102) << end.err;
  EXPECT_THAT(end.err, HasSubstr("fatal error: a goroutine has ended in a forked process"));
}

}  // namespace
}  // namespace gofer::test
