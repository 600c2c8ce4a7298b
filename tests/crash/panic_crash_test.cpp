// Ends of a process that the language rules: panics and exceptions that nobody recovers, and what no recover can mend.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdio>
#include <gofer/gofer.hpp>
#include <stdexcept>
#include <string>

#include "scenario.hpp"

namespace gofer::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

void expect_report(const std::string& scenario, const std::string& begins,
                   const std::vector<std::string>& environment = {}) {
  const outcome end = run_scenario(scenario, environment);
  EXPECT_EQ(end.exit_status, 2) << end.err;
  EXPECT_THAT(end.err, StartsWith(begins));
}

GOFER_SCENARIO(uncaught_panic) {
  run([] {
    defer d{[] { std::puts("deferred"); }};
    panic("boom");
  });
}
TEST(Crash, UncaughtPanic) {
  const outcome end = run_scenario("uncaught_panic");
  EXPECT_EQ(end.exit_status, 2);
  EXPECT_EQ(end.out, "deferred\n") << "deferred calls run, and stdio is flushed";
  EXPECT_THAT(end.err, StartsWith("panic: boom\n\ngoroutine 1 [running]:\n"));
  EXPECT_THAT(end.err, HasSubstr("panic_crash_test.cpp:"));
}

GOFER_SCENARIO(uncaught_exception) {
  run([] { throw std::runtime_error("thrown"); });
}
TEST(Crash, UncaughtException) { expect_report("uncaught_exception", "panic: thrown\n\ngoroutine 1 [running]:\n"); }

GOFER_SCENARIO(panic_chain) {
  run([] {
    defer a{[] { panic("three"); }};
    defer b{[] {
      recover();
      panic("two\nlines");
    }};
    panic("one");
  });
}
TEST(Crash, ChainOfPanics) {
  expect_report("panic_chain",
                "panic: one [recovered]\n\tpanic: two\n\tlines\n\tpanic: three\n\ngoroutine 1 [running]:\n");
}

GOFER_SCENARIO(panic_in_other_goroutine) {
  run([] {
    go([] { panic("other"); });
    chan<int> never{0};
    never.recv();
  });
}
TEST(Crash, PanicInAnotherGoroutineNamesItsMaker) {
  const outcome end = run_scenario("panic_in_other_goroutine");
  EXPECT_EQ(end.exit_status, 2);
  EXPECT_THAT(end.err, AllOf(StartsWith("panic: other\n\ngoroutine "), HasSubstr(" in goroutine 1\n")));
}

GOFER_SCENARIO(panic_off_runtime) {
  std::puts("on");
  panic("plain");
}
TEST(Crash, PanicOnAPlainThreadWithoutFunc) {
  const outcome end = run_scenario("panic_off_runtime");
  EXPECT_EQ(end.exit_status, 2) << end.err;
  EXPECT_EQ(end.out, "on\n");
  EXPECT_THAT(end.err, StartsWith("panic: plain\n"));
}

GOFER_SCENARIO(recover_off_runtime) {
  defer d{[] { recover(); }};
  panic("plain");
}
TEST(Crash, RecoverOnAPlainThreadWithoutFunc) {
  expect_report("recover_off_runtime", "fatal error: recover on a thread that has no gofer::func to return to\n");
}

GOFER_SCENARIO(goexit_off_runtime) { goexit(); }
TEST(Crash, GoexitOnAPlainThread) {
  expect_report("goexit_off_runtime", "fatal error: goexit on a thread that is no goroutine\n");
}

void quiet() noexcept { panic("inside"); }
GOFER_SCENARIO(panic_meets_noexcept) {
  run([] { quiet(); });
}
TEST(Crash, PanicMeetsNoexcept) {
  const outcome end = run_scenario("panic_meets_noexcept");
  EXPECT_EQ(end.exit_status, 2);
  EXPECT_THAT(end.err, AllOf(HasSubstr("panic: inside\n"), HasSubstr("noexcept")));
}

GOFER_SCENARIO(goexit_is_swallowed) {
  run([] {
    go([] {
      try {
        goexit();
      } catch (...) {
      }
    });
    chan<int> never{0};
    never.recv();
  });
}
TEST(Crash, GoexitSwallowedByCatchAll) {
  const outcome end = run_scenario("goexit_is_swallowed");
  EXPECT_EQ(end.exit_status, 2);
  EXPECT_THAT(end.err, HasSubstr("fatal error: goexit was swallowed by a catch (...) clause"));
}

GOFER_SCENARIO(nested_run) {
  run([] { run([] {}); });
}
TEST(Crash, NestedRun) { expect_report("nested_run", "fatal error: gofer::run called from a goroutine\n"); }

GOFER_SCENARIO(go_of_null) {
  run([] {
    void (*nil)() = nullptr;
    go(nil);
  });
}
TEST(Crash, GoOfNull) { expect_report("go_of_null", "fatal error: go of nil func value\n"); }

GOFER_SCENARIO(push_while_running) {
  run([] {
    defer_list l;
    l.push([&l] { l.push([] {}); });
  });
}
TEST(Crash, PushWhileTheListRuns) {
  expect_report("push_while_running", "fatal error: defer_list: push while the list runs\n");
}

// AddressSanitizer would look at its notes on the address first, and fault there.
__attribute__((no_sanitize("address"), noinline)) void write_to(int* wild) { *wild = 1; }
GOFER_SCENARIO(wild_address) {
  run([] {
    int* volatile wild = reinterpret_cast<int*>(0xdead0000);
    write_to(wild);
  });
}
TEST(Crash, WildAddressIsFatal) {
  const outcome end = run_scenario("wild_address");
  EXPECT_EQ(end.exit_status, 2) << end.err;
  // The code says whether something is mapped there, as under AddressSanitizer.
  EXPECT_THAT(end.err, AllOf(StartsWith("unexpected fault address 0xdead0000\nfatal error: fault\n"
                                        "[signal SIGSEGV: segmentation violation code=0x"),
                             HasSubstr(" addr=0xdead0000 pc=0x")));
}

// The second page of a mapping whose file has one: SIGBUS.
__attribute__((no_sanitize("address"), noinline)) char read_from(const volatile char* p) { return *p; }
__attribute__((noinline)) void read_behind_a_file() {
  std::FILE* file = std::tmpfile();
  const long page = ::sysconf(_SC_PAGESIZE);
  const auto size = static_cast<std::size_t>(page);
  if (file == nullptr || ::ftruncate(::fileno(file), page) != 0) return;
  void* mapped = ::mmap(nullptr, 2 * size, PROT_READ, MAP_SHARED, ::fileno(file), 0);
  std::printf("%d\n", read_from(static_cast<const char*>(mapped) + size));
}
GOFER_SCENARIO(read_behind_a_file_recovered) {
  run([] {
    defer d{[] {
      if (const auto p = recover(); p.as<runtime_error>() != nullptr) std::puts(p.what().c_str());
    }};
    read_behind_a_file();
  });
}
GOFER_SCENARIO(read_behind_a_file) { run(read_behind_a_file); }
TEST(Crash, ReadBehindTheEndOfAMappedFileIsAPanic) {
  const std::string text = "runtime error: invalid memory address or nil pointer dereference\n";
  const outcome end = run_scenario("read_behind_a_file");
  EXPECT_EQ(end.exit_status, 2);
  EXPECT_THAT(end.err, StartsWith("panic: " + text + "[signal SIGBUS: bus error code=0x2 addr=0x"));
  const outcome recovered = run_scenario("read_behind_a_file_recovered");
  EXPECT_EQ(recovered.exit_status, 0) << recovered.err;
  EXPECT_EQ(recovered.out, text);
}

int deeper(int n) {
  char block[1000];
  block[0] = static_cast<char>(n);
  return n == 0 ? 0 : deeper(n + 1) + block[0];
}
GOFER_SCENARIO(stack_overflow) {
  run([] {
    volatile int one = 1;
    std::printf("%d\n", deeper(one));
  });
}
TEST(Crash, StackOverflow) {
  const outcome end = run_scenario("stack_overflow");
  EXPECT_EQ(end.exit_status, 2) << end.err;
  EXPECT_THAT(end.err, AllOf(StartsWith("runtime: goroutine stack exceeds 262144-byte limit\n"),
                             HasSubstr("fatal error: stack overflow\n")));
}

GOFER_SCENARIO(bad_knob) {
  run([] { std::puts("not reached"); });
}
TEST(Crash, BadKnobsAreOneLine) {
  for (const char* setting :
       {"GOFER_MAXPROCS=many", "GOFER_MAXPROCS=0", "GOFER_STACK=1", "GOFER_TRACEBACK=loud", "GOFER_PINNED=2"}) {
    const outcome end = run_scenario("bad_knob", {setting});
    EXPECT_EQ(end.exit_status, 2) << setting;
    EXPECT_EQ(end.out, "") << setting;
    EXPECT_THAT(end.err, StartsWith(std::string("gofer: ") + setting + ": want ")) << setting;
  }
}

GOFER_SCENARIO(text_with_a_nul) {
  run([] { panic(std::string("before\0after", 12)); });
}
TEST(Crash, TextWithANulIsPrintedWhole) {
  const outcome end = run_scenario("text_with_a_nul");
  EXPECT_EQ(end.exit_status, 2);
  EXPECT_THAT(end.err, StartsWith(std::string("panic: before\0after\n\ngoroutine 1", 32)));
}

struct unprintable {
  std::string what() const { panic(42); }
};
GOFER_SCENARIO(value_panics_while_printed) {
  run([] { panic(unprintable{}); });
}
TEST(Crash, ValueWhoseTextPanics) {
  expect_report("value_panics_while_printed", "fatal error: panic while printing panic value: type int\n");
}

struct unprintable_exception : std::exception {
  const char* what() const noexcept override { panic("inside what"); }
};
GOFER_SCENARIO(noexcept_value_panics_while_printed) {
  run([] { panic(unprintable_exception{}); });
}
TEST(Crash, ValueWhoseNoexceptTextPanics) {
  expect_report("noexcept_value_panics_while_printed", "fatal error: panic while printing panic value: inside what\n");
}

#if defined(__x86_64__)
// A function of somebody's assembly that does not say how to leave it.
asm(R"(
	.text
	.type	gofer_test_opaque, @function
gofer_test_opaque:
	pushq	%rbp
	movq	%rsp, %rbp
	call	*%rdi
	popq	%rbp
	ret
	.size	gofer_test_opaque, .-gofer_test_opaque
)");
extern "C" void gofer_test_opaque(void (*f)());

GOFER_SCENARIO(panic_below_opaque_frame) {
  run([] {
    defer d{[] { recover(); }};
    gofer_test_opaque([] { panic("who can get out of here"); });
  });
}
TEST(Crash, AFrameWithoutUnwindInformationIsNamedAsTheCause) {
  expect_report("panic_below_opaque_frame", "fatal error: panic: a function on the stack has no unwind information");
}
#endif

}  // namespace
}  // namespace gofer::test
