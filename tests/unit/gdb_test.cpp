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

TEST(GdbScript, ShowsGoroutines) {
  if (std::getenv("GOFER_DEBUGGED") != nullptr) return be_debugged();
  if (GOFER_TSAN || GOFER_ASAN) GTEST_SKIP() << "the sanitizers do not run under a debugger";
  if (std::system("gdb --version >/dev/null 2>&1") != 0) GTEST_SKIP() << "gdb is not installed";
  const std::string script =
      std::filesystem::absolute(std::filesystem::path(__FILE__).parent_path() / "../../runtime/gofer-gdb.py");
  if (!std::filesystem::exists(script)) GTEST_SKIP() << "the source tree is not where it was compiled: " << script;
  const std::string self = std::filesystem::read_symlink("/proc/self/exe");
  const std::string out = output_of("gdb -nx -batch -ex 'set pagination off' -ex 'source " + script +
                                    "' -ex 'set environment GOFER_DEBUGGED 1' -ex 'break gofer_gdb_test_stop' -ex run "
                                    "-ex 'info goroutines' -ex 'goroutine 2 bt' -ex 'echo THE END\\n'"
                                    " -ex 'goroutine 1 bt' -ex 'goroutine 99' -ex kill --args " +
                                    self + " --gtest_filter=GdbScript.ShowsGoroutines");
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
