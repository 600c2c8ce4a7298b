// Panics through frames that know nothing of exceptions, and exceptions that are not C++'s.
#include <gtest/gtest.h>
#include <unwind.h>

#include <cstdlib>
#include <gofer/gofer.hpp>
#include <string>

#include "no_exceptions_frames.hpp"
#include "runtime/unwind/walk.hpp"
#include "trail.hpp"

namespace gofer::test {
namespace {

TEST(NoExceptionsFrames, APanicPassesAndNothingIsDestroyedThere) {
  for (const bool by_system : {false, true}) {
    runtime::use_system_unwinder(by_system);
    int ends = 0;
    trail t;
    func([&] {
      defer d{[&] { t.add(recover().what()); }};
      call_without_exceptions([](void*) { panic("through"); }, nullptr, 10, &ends);
    });
    EXPECT_EQ(t.text(), "through");
    EXPECT_EQ(ends, 0);
    call_without_exceptions([](void*) {}, nullptr, 10, &ends);
    EXPECT_EQ(ends, 11);
  }
  runtime::use_system_unwinder(false);
}

TEST(NoExceptionsFrames, AGoexitPasses) {
  trail t;
  run([&] {
    wait_group wg;
    wg.go([&] {
      defer d{[&] { t.add("deferred"); }};
      int ends = 0;
      call_without_exceptions([](void*) { goexit(); }, nullptr, 3, &ends);
      t.add("WRONG");
    });
    wg.wait();
  });
  EXPECT_EQ(t.text(), "deferred");
}

// As another language's runtime raises its own.
[[noreturn]] void raise_foreign() {
  auto* e = static_cast<_Unwind_Exception*>(std::calloc(1, sizeof(_Unwind_Exception)));
  e->exception_class = 0x474f464552544553;  // "GOFERTES"
  e->exception_cleanup = [](_Unwind_Reason_Code, _Unwind_Exception* gone) { std::free(gone); };
  _Unwind_RaiseException(e);
  std::abort();
}

TEST(ForeignException, IsAPanicThatCanBeRecovered) {
  trail t;
  func([&] {
    defer d{[&] {
      const panic_value p = recover();
      t.add(p.what());
      t.add(p.exception() ? "WRONG" : "no exception_ptr");
    }};
    raise_foreign();
  });
  EXPECT_EQ(t.text(), "foreign exception no exception_ptr");
}

TEST(ForeignException, PassesAFuncAndIsCaughtOutside) {
  trail t;
  try {
    func([&] {
      defer d{[&] { t.add("deferred"); }};
      raise_foreign();
    });
  } catch (...) {
    t.add("caught");
  }
  EXPECT_EQ(t.text(), "deferred caught");
}

TEST(Exception, OfTypeErrorHasItsText) {
  trail t;
  func([&] {
    defer d{[&] { t.add(recover().what()); }};
    throw make_error("by value");
  });
  EXPECT_EQ(t.text(), "by value");
}

}  // namespace
}  // namespace gofer::test
