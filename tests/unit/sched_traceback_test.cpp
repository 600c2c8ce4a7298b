// Collecting program counters: the fast walk must say what the unwinder says, always.
#include <gtest/gtest.h>
#include <unwind.h>

#include <array>
#include <cstdlib>
#include <functional>
#include <gofer/gofer.hpp>
#include <thread>
#include <vector>

#include "sched/park.hpp"
#include "sched/traceback.hpp"

namespace gofer::sched {
namespace {

using pcs = std::vector<void*>;

__attribute__((noinline)) pcs here(int max = max_traceback, int skip = 0) {
  pcs out(static_cast<std::size_t>(max));
  out.resize(static_cast<std::size_t>(callers(out.data(), max, skip)));
  return out;
}

_Unwind_Reason_Code collect(_Unwind_Context* context, void* arg) {
  if (_Unwind_GetIP(context) != 0) static_cast<pcs*>(arg)->push_back(reinterpret_cast<void*>(_Unwind_GetIP(context)));
  return _URC_NO_REASON;
}

// The truth, from the frame of its caller outwards, without the stack's beginning.
__attribute__((noinline)) pcs truth() {
  pcs out;
  _Unwind_Backtrace(collect, &out);
  out.erase(out.begin());  // truth itself
  out.pop_back();
  return out;
}

// What callers() says in a place must be what the unwinder says there, but for the two calls' own addresses in
// `compare_here`.
__attribute__((noinline)) void compare_here() {
  for (int round = 0; round < 3; round++) {  // taught by the unwinder, then by frame pointers
    const pcs told = here();
    const pcs real = truth();
    ASSERT_EQ(told.size(), real.size() + 1) << "here() is one frame more";
    for (std::size_t i = 2; i < told.size(); i++)
      ASSERT_EQ(told[i], real[i - 1]) << "frame " << i << ", round " << round;
  }
}

__attribute__((noinline)) void deep(int n) {
  if (n == 0) {
    compare_here();
  } else {
    deep(n - 1);
  }
  asm volatile("");
}

#if defined(__GNUC__) && !defined(__clang__)
// Frames as a foreign library has them.
__attribute__((noinline, optimize("omit-frame-pointer"))) void without_frame_pointer(const std::function<void()>& f) {
  f();
  asm volatile("");
}
#else
void without_frame_pointer(const std::function<void()>& f) { f(); }
#endif

int compare_in_callback(const void*, const void*) {
  compare_here();
  return 0;
}

void everywhere() {
  compare_here();
  deep(20);
  without_frame_pointer([] { compare_here(); });
  without_frame_pointer([] { deep(5); });
  without_frame_pointer([] { without_frame_pointer([] { deep(2); }); });
  std::array<int, 2> two{1, 2};
  std::qsort(two.data(), two.size(), sizeof(int), compare_in_callback);
  try {
    throw 1;
  } catch (int) {
    compare_here();
  }
}

TEST(Callers, SayWhatTheUnwinderSaysOnAPlainThread) {
  everywhere();
  std::thread(everywhere).join();
}

TEST(Callers, SayWhatTheUnwinderSaysOnAGoroutine) {
  for (const int procs : {1, 2, 4, 8}) {
    gofer::run({.maxprocs = procs}, [] {
      wait_group wg;
      for (int i = 0; i < 20; i++) wg.go(everywhere);
      wg.wait();
      everywhere();
    });
  }
}

TEST(Callers, ObserveMaxAndSkip) {
  gofer::run([] {
    const pcs all = here();
    ASSERT_GE(all.size(), 3u);
    const pcs two = here(2);
    ASSERT_EQ(two.size(), 2u);
    EXPECT_EQ(two[0], all[0]);
    const pcs later = here(max_traceback, 2);
    ASSERT_EQ(later.size(), all.size() - 2);
    EXPECT_EQ(later.back(), all.back());
    EXPECT_TRUE(here(0).empty());
  });
}

TEST(ParkedCallers, FindWhereAGoroutineWaits) {
  gofer::run([] {
    chan<g*> who(0);
    chan<int> never(0);
    go([&] {
      who.send(getg());
      never.recv();
    });
    const g* gp = *who.recv();
    while (gp->status.load() != gstatus::waiting) gosched();
    std::array<void*, max_traceback> out;
    const int n = parked_callers(gp, out.data(), max_traceback);
    EXPECT_GE(n, 3);
    EXPECT_EQ(parked_callers(gp, out.data(), 2), 2);
    never.close();
  });
}

TEST(WalkFrames, SurvivesGarbage) {
  // A frame pointer chain that leads anywhere: every step has to be refused or stay within the stack.
  alignas(16) std::array<std::uintptr_t, 64> words{};
  const stack bounds{reinterpret_cast<char*>(words.data()), reinterpret_cast<char*>(words.data() + words.size())};
  const auto at = [&](std::size_t i) { return reinterpret_cast<std::uintptr_t>(&words[i]); };
  std::array<void*, 16> out;
  void* const pc = reinterpret_cast<void*>(0x1000);
  const auto walk = [&](std::uintptr_t fp) {
    return walk_frames(bounds, pc, reinterpret_cast<void**>(fp), out.data(), static_cast<int>(out.size()));
  };
  EXPECT_EQ(walk(0), 0);
  EXPECT_EQ(walk(1), 0) << "outside";
  EXPECT_EQ(walk(at(0) + 4), 0) << "not aligned";
  EXPECT_EQ(walk(at(63)), 0) << "half outside";
  words[4] = at(8);
  words[5] = 0x2000;
  words[8] = at(4);  // back
  words[9] = 0x3000;
  EXPECT_EQ(walk(at(4)), 2);
  EXPECT_EQ(out[0], pc);
  EXPECT_EQ(out[1], reinterpret_cast<void*>(0x2000));
  // 0x3000 lies in no call, neither at the beginning nor where the chain breaks.
  for (const std::uintptr_t up : {std::uintptr_t{0}, at(8) + 1, ~std::uintptr_t{0} - 7}) {
    words[8] = up;
    EXPECT_EQ(walk(at(4)), 2);
  }
}

}  // namespace
}  // namespace gofer::sched
