// Where a goroutine's stack begins, for those who walk it: libgcc, glibc's backtrace, and whoever follows frame
// pointers as perf does. (gdb: gdb_test.cpp.)
#include <execinfo.h>
#include <gtest/gtest.h>
#include <unistd.h>
#include <unwind.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <gofer/gofer.hpp>
#include <sstream>
#include <string>

#include "sched/config.hpp"
#include "sched/park.hpp"

namespace gofer::test {
namespace {

constexpr int depth = 10;

struct walk {
  int frames = 0;
  std::uintptr_t outermost = 0;
  _Unwind_Reason_Code end = _URC_NO_REASON;
};

[[gnu::noinline]] walk by_libgcc() {
  walk w;
  w.end = _Unwind_Backtrace(
      [](_Unwind_Context* context, void* arg) {
        auto* here = static_cast<walk*>(arg);
        if (const _Unwind_Ptr ip = _Unwind_GetIP(context)) {
          here->frames++;
          here->outermost = ip;
        }
        return here->frames > 1000 ? _URC_NORMAL_STOP : _URC_NO_REASON;
      },
      &w);
  return w;
}

[[gnu::noinline]] void deep(int n, const std::function<void()>& f) {
  asm volatile("" : "+r"(n));
  if (n == 0) {
    f();
  } else {
    deep(n - 1, f);
  }
  asm volatile("");
}

// On a stack that is new, and on one that another goroutine has used, after a switch and in a deferred call.
void in_every_place(const auto& check) {
  for (const int procs : {1, 2, 4, 8}) {
    run(options{.maxprocs = procs}, [&] {
      for (int i = 0; i < 3; i++) {
        wait_group all;
        all.go([&] {
          deep(depth, check);
          gosched();
          deep(depth, check);
          func([&] {
            defer d{[&] {
              recover();
              deep(depth, check);
            }};
            deep(depth, [] { panic("p"); });
          });
        });
        all.wait();
      }
    });
  }
}

TEST(Unwinders, LibgccEndsAtTheGoroutinesEntry) {
  in_every_place([] {
    const walk w = by_libgcc();
    EXPECT_EQ(w.end, _URC_END_OF_STACK);
    EXPECT_GT(w.frames, depth);
    EXPECT_LT(w.frames, depth + 60);
  });
}

TEST(Unwinders, BacktraceEndsAtTheGoroutinesEntry) {
  in_every_place([] {
    std::array<void*, 1000> pcs{};
    const int n = ::backtrace(pcs.data(), static_cast<int>(pcs.size()));
    EXPECT_GT(n, depth);
    EXPECT_LT(n, depth + 60);
  });
}

#if GOFER_SWITCH_ASM && !GOFER_ASAN && !GOFER_TSAN
TEST(Unwinders, FramePointersEndAtTheGoroutinesEntry) {
  in_every_place([] {
    const sched::stack stack = sched::getg()->stk;
    int n = 0;
    auto** fp = static_cast<void**>(__builtin_frame_address(0));
    while (fp != nullptr) {
      ASSERT_TRUE(reinterpret_cast<char*>(fp) >= stack.lo && reinterpret_cast<char*>(fp) < stack.hi);
      ASSERT_LT(++n, 1000);
      fp = static_cast<void**>(*fp);
    }
    EXPECT_GT(n, depth);
  });
}
#endif

std::string output_of(const std::string& command) {
  std::string out;
  FILE* pipe = ::popen((command + " 2>/dev/null </dev/null").c_str(), "r");
  if (pipe == nullptr) return out;
  std::array<char, 4096> buffer;
  while (const std::size_t n = std::fread(buffer.data(), 1, buffer.size(), pipe)) out.append(buffer.data(), n);
  ::pclose(pipe);
  return out;
}

[[gnu::noinline]] void spin() {
  const auto begin = std::chrono::steady_clock::now();
  while (std::chrono::steady_clock::now() - begin < std::chrono::milliseconds(100)) {
  }
}

// Every stack on which the goroutine was seen ends where it began, by frame pointers and by unwind tables.
TEST(Unwinders, PerfEndsAtTheGoroutinesEntry) {
  if (std::getenv("GOFER_PROFILED") != nullptr) {
    run([] { deep(depth, spin); });
    return;
  }
  if (!GOFER_SWITCH_ASM) GTEST_SKIP() << "Boost.Context's entry has another name";
  if (GOFER_TSAN || GOFER_ASAN) GTEST_SKIP() << "profiles of sanitized programs are of no use";
  const std::string self = std::filesystem::read_symlink("/proc/self/exe");
  const std::string data = testing::TempDir() + "gofer_perf_" + std::to_string(::getpid());
  for (const std::string how : {"fp", "dwarf,16384"}) {
    output_of("GOFER_PROFILED=1 perf record -e cpu-clock -F 100 --call-graph " + how + " -o " + data + " " + self +
              " --gtest_filter=Unwinders.PerfEndsAtTheGoroutinesEntry");
    std::istringstream script(output_of("perf script --no-inline -F ip,sym -i " + data));
    std::filesystem::remove(data);
    int stacks = 0;
    bool ours = false;
    std::string last;
    for (std::string line; std::getline(script, line);) {
      if (!line.empty()) {
        ours = ours || line.find("::deep") != line.npos;
        last = line;
        continue;
      }
      if (ours) {
        stacks++;
        EXPECT_NE(last.find("gofer_stack_base"), last.npos) << how << ": " << last;
      }
      ours = false;
    }
    if (stacks == 0) GTEST_SKIP() << "perf is not installed, or not permitted";
  }
}

}  // namespace
}  // namespace gofer::test
