// Tracebacks as text: Go's format, right functions and lines.
#include "runtime/traceback.hpp"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <gofer/gofer.hpp>
#include <regex>
#include <string>
#include <thread>
#include <vector>

#include "runtime/symbolize.hpp"
#include "sched/clock.hpp"
#include "sched/m.hpp"
#include "sched/park.hpp"
#include "sched/traceback.hpp"

namespace traceback_test {

using namespace std::chrono_literals;

// However the compiler was given this file's path, a traceback has it whole.
std::string file_line(int line) { return std::string("/") + __FILE_NAME__ + ":" + std::to_string(line); }

int stack_line = 0;

__attribute__((noinline)) std::string innermost() {
  stack_line = __LINE__ + 1;
  return gofer::stack() + "";
}

struct widget {
  template <class T>
  __attribute__((noinline)) std::string method(T) {
    std::string s = innermost();
    asm volatile("");
    return s;
  }
};

inline __attribute__((always_inline)) std::string inlined_call() { return innermost() + ""; }

__attribute__((noinline)) std::string inlining() { return inlined_call() + ""; }

std::vector<std::string> lines(const std::string& text) {
  std::vector<std::string> out;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = text.find('\n', at);
    out.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return out;
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

// One goroutine's block in a dump; empty if it is not there.
std::string block_with(const std::string& dump, const std::string& part) {
  for (std::size_t at = 0; at != std::string::npos;) {
    const std::size_t end = dump.find("\n\n", at);
    const std::string block = dump.substr(at, end == std::string::npos ? end : end + 1 - at);
    if (has(block, part)) return block;
    at = end == std::string::npos ? end : end + 2;
  }
  return "";
}

TEST(Stack, NamesFunctionsAndLines) {
  std::string text;
  gofer::run([&] { text = widget().method(1); });
  const std::vector<std::string> l = lines(text);
  ASSERT_GE(l.size(), 7u) << text;
  EXPECT_EQ(l[0], "goroutine 1 [running]:");
  EXPECT_EQ(l[1], "traceback_test::innermost(...)");
  EXPECT_TRUE(l[2].starts_with("\t/") && has(l[2], file_line(stack_line) + " +0x")) << l[2];
  EXPECT_EQ(l[3], "traceback_test::widget::method<int>(...)");
  EXPECT_TRUE(has(text, "traceback_test::Stack_NamesFunctionsAndLines_Test::TestBody::{lambda}(...)\n")) << text;
}

TEST(Stack, HasGosFormat) {
  std::string text;
  gofer::run([&] { text = widget().method('x'); });
  const std::regex function(R"(^.+\(\.\.\.\)$)");
  const std::regex place(R"(^\t/.+:\d+( \+0x[0-9a-f]+)?$)");
  const std::vector<std::string> l = lines(text);
  for (std::size_t i = 1; i + 1 < l.size(); i += 2) {
    EXPECT_TRUE(std::regex_match(l[i], function)) << l[i];
    EXPECT_TRUE(std::regex_match(l[i + 1], place)) << l[i + 1];
  }
  EXPECT_EQ(l.size() % 2, 1u) << text;
  EXPECT_TRUE(text.ends_with('\n'));
}

TEST(Stack, HidesTheRuntime) {
  std::string text;
  gofer::run([&] { gofer::func([&] { text = innermost(); }); });
  for (const char* hidden : {"gofer::", "gofer_", "std::", "_Unwind", "__libc"})
    EXPECT_FALSE(has(text, hidden)) << text;
  gofer::run({.traceback = "system"}, [&] { gofer::func([&] { text = innermost(); }); });
  gofer::run({.traceback = "single"}, [] {});
  EXPECT_TRUE(has(text, "gofer::stack(...)")) << text;
}

TEST(Stack, GivesInlinedCallsFramesWithoutOffset) {
  const std::string text = inlining();
  EXPECT_TRUE(std::regex_search(
      text,
      std::regex(
          R"(traceback_test::inlined_call\(\.\.\.\)\n\t[^ ]+\ntraceback_test::inlining\(\.\.\.\)\n\t[^ ]+ \+0x)")))
      << text;
}

TEST(Stack, WorksOnPlainThreadsAndInBlockingCalls) {
  std::string text;
  std::thread([&] { text = innermost(); }).join();
  EXPECT_TRUE(text.starts_with("goroutine 0 [running]:\ntraceback_test::innermost(...)\n")) << text;
  gofer::run([&] { gofer::blocking([&] { text = widget().method("a name that no other test asks for"); }); });
  EXPECT_TRUE(has(text, "traceback_test::innermost(...)\n")) << text;
}

__attribute__((noinline)) std::string recurse(int n) {
  if (n == 0) return gofer::stack() + "";
  return recurse(n - 1) + "";
}

TEST(Stack, IsCutOffWhenDeep) {
  const std::string text = recurse(300);
  EXPECT_TRUE(has(text, "...additional frames elided...\n"));
  EXPECT_EQ(lines(text).size(), 1u + 2 * 100 + 1);
  const std::string short_text = recurse(20);
  EXPECT_FALSE(has(short_text, "elided")) << short_text;
}

TEST(FormatFrames, ElidesTheMiddle) {
  void* pc = nullptr;
  ASSERT_EQ(gofer::sched::callers(&pc, 1, 0), 1);
  const std::vector<void*> pcs(110, pc);
  const std::string text = gofer::runtime::format_frames(pcs.data(), 110, true);
  EXPECT_EQ(lines(text).size(), 2u * 100 + 1);
  EXPECT_EQ(lines(text)[100], "...10 frames elided...");
  EXPECT_FALSE(has(gofer::runtime::format_frames(pcs.data(), 100, true), "elided"));
}

TEST(FormatFrames, ShowsHiddenFramesRatherThanNone) {
  std::vector<void*> pcs;
  gofer::run([&] {
    gofer::func([&] {
      std::array<void*, gofer::sched::max_traceback> all;
      const int n = gofer::sched::callers(all.data(), gofer::sched::max_traceback, 0);
      for (int i = 0; i < n; i++) {
        const auto at = gofer::runtime::symbolize(all[static_cast<std::size_t>(i)]);
        bool internal = true;
        for (const auto& f : *at) internal = internal && f.internal;
        if (internal) pcs.push_back(all[static_cast<std::size_t>(i)]);
      }
    });
  });
  ASSERT_FALSE(pcs.empty());
  EXPECT_NE(gofer::runtime::format_frames(pcs.data(), static_cast<int>(pcs.size()), true), "");
  EXPECT_EQ(gofer::runtime::format_frames(nullptr, 0, true), "");
}

TEST(FormatFrames, CopesWithWildProgramCounters) {
  std::array<void*, 3> pcs = {reinterpret_cast<void*>(16), reinterpret_cast<void*>(~std::uintptr_t{0} - 64), &pcs};
  const std::string text = gofer::runtime::format_frames(pcs.data(), 3, true);
  EXPECT_EQ(text.substr(0, text.find('\n', 9)), "?(...)\n\t?:0 +0x10");
}

TEST(Header, IsGos) {
  gofer::sched::g g;
  g.goid = 7;
  g.status = gofer::sched::gstatus::waiting;
  g.waitreason = gofer::sched::wait_reason::chan_receive;
  const auto header = [&](const char* status = nullptr) { return gofer::runtime::goroutine_header(&g, status); };
  EXPECT_EQ(header(), "goroutine 7 [chan receive]:\n");
  g.waitsince = gofer::sched::nanotime() - 59'000'000'000;
  EXPECT_EQ(header(), "goroutine 7 [chan receive]:\n");
  g.waitsince = gofer::sched::nanotime() - 301'000'000'000;
  EXPECT_EQ(header(), "goroutine 7 [chan receive, 5 minutes]:\n");
  gofer::sched::m owner;
  g.lockedm = &owner;
  EXPECT_EQ(header(), "goroutine 7 [chan receive, 5 minutes, locked to thread]:\n");
  EXPECT_EQ(header("running"), "goroutine 7 [running, locked to thread]:\n");
  g.lockedm = nullptr;
  g.name = "a [\"b\"],\nc";
  EXPECT_EQ(header("running"), "goroutine 7 [running, name \"a \\x5b\\x22b\\x22\\x5d\\x2c\\x0ac\"]:\n");
  g.name = nullptr;
  g.status = gofer::sched::gstatus::runnable;
  EXPECT_EQ(header(), "goroutine 7 [runnable]:\n");
}

__attribute__((noinline)) void wait_for(gofer::chan<int>& c) {
  c.recv();
  asm volatile("");
}

int spawn_line = 0;

__attribute__((noinline)) void spawn(gofer::chan<int>& c) {
  spawn_line = __LINE__ + 1;
  gofer::go({.name = "waiter"}, [&c] { wait_for(c); });
  asm volatile("");
}

TEST(AllGoroutines, ShowWhereEachWaitsAndWhoMadeIt) {
  for (const int procs : {1, 2, 4, 8}) {
    std::string dump;
    gofer::run({.maxprocs = procs}, [&] {
      gofer::chan<int> c(0);
      spawn(c);
      gofer::go([] { gofer::sleep(1h); });
      gofer::sleep(20ms);
      dump = gofer::stack(true);
      c.close();
    });
    EXPECT_TRUE(dump.starts_with("goroutine 1 [running]:\n")) << dump;
    const std::string waiter = block_with(dump, "wait_for");
    EXPECT_TRUE(std::regex_search(
        waiter, std::regex(R"(^goroutine \d+ \[chan receive, name "waiter"\]:\ntraceback_test::wait_for\(\.\.\.\)\n)")))
        << dump;
    EXPECT_TRUE(has(waiter, "traceback_test::spawn::{lambda}(...)\n")) << dump;
    EXPECT_TRUE(has(waiter, "\ncreated by traceback_test::spawn in goroutine 1\n\t/")) << dump;
    EXPECT_TRUE(has(waiter.substr(waiter.find("created by")), file_line(spawn_line) + " +0x")) << dump;
    EXPECT_NE(block_with(dump, "[sleep]:"), "") << dump;
  }
}

TEST(AllGoroutines, CanBeAskedForWhileTheyRun) {
  for (const int procs : {1, 2, 4, 8}) {
    gofer::run({.maxprocs = procs}, [&] {
      gofer::chan<int> c(0);
      std::atomic<bool> stop{false};
      gofer::wait_group senders;
      gofer::wait_group receivers;
      for (int i = 0; i < 8; i++) {
        senders.go([&] {
          while (!stop.load()) {
            gofer::wait_group inner;
            inner.go([] { gofer::gosched(); });
            inner.wait();
            c.try_send(1);
          }
        });
        receivers.go([&] {
          while (c.recv()) gofer::gosched();
        });
      }
      for (int i = 0; i < 50; i++) {
        const std::string dump = gofer::stack(true);
        EXPECT_TRUE(dump.starts_with("goroutine 1 [running]:\n"));
        gofer::gosched();
      }
      stop = true;
      senders.wait();
      c.close();
      receivers.wait();
    });
  }
}

TEST(AllGoroutines, AreThoseOfThisRun) {
  gofer::run([] {
    gofer::go([] { gofer::sleep(1h); });
    gofer::sleep(5ms);
  });
  std::string dump;
  gofer::run([&] { dump = gofer::stack(true); });
  EXPECT_EQ(block_with(dump, "[sleep]"), "") << dump;
}

TEST(Symbolize, AnswersManyThreadsAtOnce) {
  std::array<void*, gofer::sched::max_traceback> pcs;
  const int n = gofer::sched::callers(pcs.data(), gofer::sched::max_traceback, 0);
  const std::string expected = gofer::runtime::format_frames(pcs.data(), n, false);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; t++) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 200; i++) {
        EXPECT_EQ(gofer::runtime::format_frames(pcs.data(), n, false), expected);
        // Addresses that nobody has asked for before.
        gofer::runtime::symbolize(static_cast<char*>(pcs[0]) + 16 + (i * 4 + t) % 64);
      }
    });
  }
  for (std::thread& t : threads) t.join();
}

}  // namespace traceback_test
