// runtime/gofer-gdb.py reads the structs of sched/ by their fields and layout: run it on this very binary, so that
// whoever changes them hears of it.
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <gofer/gofer.hpp>
#include <stdexcept>
#include <string>

#include "sched/config.hpp"

extern "C" __attribute__((noinline)) void gofer_gdb_test_stop() { asm volatile(""); }

namespace gdb_test {

__attribute__((noinline)) void waits(gofer::chan<int>& c, int depth) {
  if (depth == 0) {
    c.recv();
  } else {
    waits(c, depth - 1);
  }
  asm volatile("");
}

// What the test does when gdb runs it.
void be_debugged() {
  gofer::run([] {
    gofer::chan<int> never(0);
    gofer::go({.name = "reader"}, [&] { waits(never, 2); });
    gofer::go([] { gofer::sleep(std::chrono::hours(1)); });
    gofer::sleep(std::chrono::milliseconds(50));
    gofer_gdb_test_stop();
  });
}

std::string output_of(const std::string& command) {
  std::string out;
  FILE* pipe = ::popen((command + " 2>&1 </dev/null").c_str(), "r");
  if (pipe == nullptr) return out;
  std::array<char, 4096> buffer;
  while (const std::size_t n = std::fread(buffer.data(), 1, buffer.size(), pipe)) out.append(buffer.data(), n);
  ::pclose(pipe);
  return out;
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

/// What gdb says of one test of this binary, which sees GOFER_DEBUGGED.
std::string debug(const std::string& commands, const std::string& test) {
  const std::string self = std::filesystem::read_symlink("/proc/self/exe");
  return output_of("gdb -nx -batch -ex 'set pagination off' -ex 'set environment GOFER_DEBUGGED 1' " + commands +
                   " --args " + self + " --gtest_filter=" + test);
}

struct noisy {
  ~noisy() { std::puts("gone"); }
};

__attribute__((noinline)) void breaks(int depth) {
  const noisy n;
  if (depth > 0) breaks(depth - 1);
  if (depth == 0) gofer::panic("it is broken");
  asm volatile("");
}

__attribute__((noinline)) void throws(int depth) {
  const noisy n;
  if (depth > 0) throws(depth - 1);
  if (depth == 0) throw std::runtime_error("it is broken");
  asm volatile("");
}

// GOFER_TRACEBACK=crash: where the process aborts, the stack is that of the panic, which had been unwound before.
TEST(Crash, AbortsOnThePanicsOwnStack) {
  if (std::getenv("GOFER_DEBUGGED") != nullptr) {
    gofer::run({.traceback = "crash"}, [] {
      gofer::go([] { std::getenv("GOFER_THROWS") != nullptr ? throws(3) : breaks(3); });
      gofer::sleep(std::chrono::seconds(10));
    });
    return;
  }
  if (GOFER_TSAN || GOFER_ASAN) GTEST_SKIP() << "the sanitizers do not run under a debugger";
#if !defined(__x86_64__)
  GTEST_SKIP() << "written for x86-64";
#endif
  if (std::system("gdb --version >/dev/null 2>&1") != 0) GTEST_SKIP() << "gdb is not installed";
  for (const std::string function : {"breaks", "throws"}) {
    std::string commands = "-ex 'handle SIGABRT stop nopass' -ex run -ex 'echo STOPPED\\n' -ex bt -ex kill";
    if (function == "throws") commands.insert(0, "-ex 'set environment GOFER_THROWS 1' ");
    const std::string out = debug(commands, "Crash.AbortsOnThePanicsOwnStack");
    if (has(out, "Operation not permitted")) GTEST_SKIP() << "debugging is not permitted here";
    EXPECT_TRUE(has(out, "panic: it is broken")) << out;
    EXPECT_TRUE(has(out, "gone\ngone\ngone\ngone\n")) << out;
    std::size_t at = out.find("STOPPED");
    ASSERT_NE(at, std::string::npos) << out;
    for (int frame = 0; frame <= 3; frame++) {
      at = out.find("gdb_test::" + function + " (", at + 1);
      ASSERT_NE(at, std::string::npos) << out;
    }
    EXPECT_TRUE(has(out.substr(at), "gofer_stack_base")) << out;
  }
}

TEST(GdbScript, ShowsGoroutines) {
  if (std::getenv("GOFER_DEBUGGED") != nullptr) return be_debugged();
  if (GOFER_TSAN || GOFER_ASAN) GTEST_SKIP() << "the sanitizers do not run under a debugger";
  if (std::system("gdb --version >/dev/null 2>&1") != 0) GTEST_SKIP() << "gdb is not installed";
  const std::string script =
      std::filesystem::absolute(std::filesystem::path(__FILE__).parent_path() / "../../runtime/gofer-gdb.py");
  if (!std::filesystem::exists(script)) GTEST_SKIP() << "the source tree is not where it was compiled: " << script;
  const std::string out = debug("-ex 'source " + script +
                                    "' -ex 'break gofer_gdb_test_stop' -ex run "
                                    "-ex 'info goroutines' -ex 'goroutine 2 bt' -ex 'echo THE END\\n'"
                                    " -ex 'goroutine 1 bt' -ex 'goroutine 99' -ex kill",
                                "GdbScript.ShowsGoroutines");
  if (has(out, "Operation not permitted")) GTEST_SKIP() << "debugging is not permitted here";
  EXPECT_TRUE(has(out, "goroutine 1 [running]\n")) << out;
  EXPECT_TRUE(has(out, "goroutine 2 [chan receive] \"reader\" created at ")) << out;
  EXPECT_TRUE(has(out, "goroutine 3 [sleep] created at ")) << out;
  EXPECT_TRUE(has(out, "there is no goroutine 99")) << out;
  const std::size_t end = out.find("THE END");
  ASSERT_NE(end, std::string::npos) << out;
  EXPECT_TRUE(has(out.substr(end), "gofer_gdb_test_stop")) << out;
  // The recursion, and behind the stack's base nothing.
  std::size_t at = 0;
  for (int i = 0; i < 3; i++) {
    at = out.find("gdb_test::waits (", at + 1);
    ASSERT_LT(at, end) << out;
  }
#if GOFER_SWITCH_ASM
  const std::size_t base = out.find("gofer_stack_base", at);
  ASSERT_LT(base, end) << out;
  EXPECT_EQ(out.find('\n', base) + 1, end) << out;
#endif
}

}  // namespace gdb_test
