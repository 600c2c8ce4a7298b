// gofer::local where the process ends: by it, or around it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <gofer/gofer.hpp>

#include "scenario.hpp"

namespace gofer::test {
namespace {

using testing::HasSubstr;

struct panics {
  ~panics() { panic("in a local's destructor"); }
};

GOFER_SCENARIO(panic_in_local) {
  static local<panics> l;
  run([] {
    go([] { l.get(); });
    chan<int>{0}.recv();
  });
}

TEST(Local, APanicInADestructorEndsTheProcess) {
  const auto end = run_scenario("panic_in_local");
  EXPECT_EQ(end.exit_status, 2);
  EXPECT_THAT(end.err, HasSubstr("panic: in a local's destructor"));
  EXPECT_THAT(end.err, HasSubstr("panics::~panics"));
}

struct goes {
  ~goes() { goexit(); }
};

GOFER_SCENARIO(goexit_in_local) {
  static local<goes> l;
  run([] { l.get(); });
}

TEST(Local, AGoexitInADestructorEndsTheProcess) {
  const auto end = run_scenario("goexit_in_local");
  EXPECT_TRUE(end.exit_status == 2 || end.signal == SIGABRT) << end.exit_status << ' ' << end.signal;
  EXPECT_NE(end.err, "");
}

struct ping {
  ~ping();
};
struct pong {
  ~pong();
};
local<ping> pings;
local<pong> pongs;
ping::~ping() { pongs.get(); }
pong::~pong() { pings.get(); }

GOFER_SCENARIO(locals_without_end) {
  run([] { pings.get(); });
}

TEST(Local, DestructorsThatMakeEachOtherAnewAreToldSo) {
  const auto end = run_scenario("locals_without_end");
  EXPECT_EQ(end.exit_status, 2);
  EXPECT_THAT(end.err, HasSubstr("fatal error: gofer::local: destructors that use each other's values"));
}

GOFER_SCENARIO(local_factory_uses_itself) {
  static int depth = 0;
  static local<int>* self = nullptr;
  static local<int> l{[] { return ++depth == 1 ? self->get() : 1; }};
  self = &l;
  run([] { l.get(); });
}

TEST(Local, AFactoryThatUsesItsOwnValueIsToldSo) {
  const auto end = run_scenario("local_factory_uses_itself");
  EXPECT_EQ(end.exit_status, 2);
  EXPECT_THAT(end.err, HasSubstr("fatal error: gofer::local: a factory used the very value that it was making"));
}

struct says {
  const char* what = "nothing";
  ~says() { std::printf("%s\n", what); }
};
local<says> at_exit;

struct static_object {
  ~static_object() { std::puts("static"); }
};

// As thread_locals: before static objects, those of earlier ones too; of the thread that exits.
GOFER_SCENARIO(local_of_the_main_thread) {
  at_exit->what = "main thread's";
  static const static_object younger_static;
  run([] { at_exit->what = "main goroutine's"; });
  std::exit(0);
}

TEST(Local, OfTheMainThreadIsDestroyedByExit) {
  const auto end = run_scenario("local_of_the_main_thread");
  EXPECT_EQ(end.exit_status, 0);
  EXPECT_EQ(end.out, "main goroutine's\nmain thread's\nstatic\n");
}

// A goroutine that calls std::exit does not end, but destroys static locals, and with them its own values.
GOFER_SCENARIO(local_and_exit_in_a_goroutine) {
  static auto* never_destroyed = new local<says>;
  at_exit->what = "main thread's";
  run([] {
    at_exit->what = "main goroutine's";
    (*never_destroyed)->what = "WRONG";
    std::exit(3);
  });
}

TEST(Local, ThatIsStaticIsDestroyedByAGoroutineThatExits) {
  const auto end = run_scenario("local_and_exit_in_a_goroutine");
  EXPECT_EQ(end.exit_status, 3);
  EXPECT_EQ(end.out, "main goroutine's\n");
}

}  // namespace
}  // namespace gofer::test
