// What Go's own tests of contexts (context/x_test.go, context/context_test.go) show, and context_test.cpp does not yet.
#include <gofer/context.hpp>
#include <gofer/net.hpp>
#include <gofer/select.hpp>
#include <gofer/sync.hpp>
#include <vector>

#include "chan_helpers.hpp"

namespace {

using namespace chan_test;
using gofer::background;
using gofer::context;
using gofer::error;
using gofer::with_cancel;
using gofer::with_cancel_cause;

// TestInterlockedCancels: who waits for the other's end, and ends the other.
TEST(ContextGo, InterlockedCancels) {
  sweep([] {
    for (int i = 0; i < 50; i++) {
      auto [parent, cancel_parent] = with_cancel(background());
      auto [child, cancel_child] = with_cancel(parent);
      gofer::wait_group wg;
      wg.go([parent = parent, cancel = cancel_child] {
        parent.done().recv();
        cancel();
      });
      cancel_parent();
      child.done().recv();
      wg.wait();
      EXPECT_EQ(child.err(), context::canceled);
    }
  });
}

// TestWithCancelCanceledParent, TestWithCancelSimultaneouslyCanceledParent.
TEST(ContextGo, AChildOfOneThatIsDone) {
  sweep([] {
    auto [parent, cancel] = with_cancel_cause(background());
    const error because = gofer::make_error("because");
    cancel(because);
    auto [child, cancel_child] = with_cancel(parent);
    EXPECT_EQ(child.done().try_recv(), gofer::recv_status::closed);
    EXPECT_EQ(child.err(), context::canceled);
    EXPECT_EQ(child.cause(), because);
    cancel_child();
    EXPECT_EQ(child.cause(), because);

    for (int i = 0; i < 100; i++) {
      auto [racing, cancel_racing] = with_cancel(background());
      gofer::go([cancel = cancel_racing] { cancel(); });
      auto [born, cancel_born] = with_cancel(racing);
      born.done().recv();
      EXPECT_EQ(born.err(), context::canceled);
    }
  });
}

// TestCauseRace: err and cause are there as soon as done is.
TEST(ContextGo, TheCauseIsThereWhenItIsDone) {
  sweep([] {
    for (int i = 0; i < 100; i++) {
      auto [ctx, cancel] = with_cancel_cause(background());
      const error because = gofer::make_error("because {}", i);
      gofer::go([cancel = cancel, because] { cancel(because); });
      if (i % 2 == 0) {
        ctx.done().recv();
      } else {
        while (!ctx.err()) gofer::gosched();
      }
      EXPECT_EQ(ctx.err(), context::canceled);
      EXPECT_EQ(ctx.cause(), because);
    }
  });
}

// TestDeadlineExceededIsNetError: who asks whether it was a time-out is told so.
TEST(ContextGo, ADeadlineIsATimeOut) {
  EXPECT_TRUE(gofer::net::is_timeout(context::deadline_exceeded));
  EXPECT_TRUE(gofer::net::is_timeout(gofer::wrap(context::deadline_exceeded, "reading")));
  EXPECT_FALSE(gofer::net::is_timeout(context::canceled));
}

// testLayers, the part about waiting: all that wait on any layer hear of it, and are told the same.
TEST(ContextGo, WhoWaitsOnAnyLayerHearsOfIt) {
  sweep([] {
    auto [root, cancel] = with_cancel(background());
    std::vector<context> layers{root};
    for (int i = 0; i < 20; i++) {
      layers.push_back(i % 3 == 0   ? with_cancel(layers.back()).first
                       : i % 3 == 1 ? with_value(layers.back(), i)
                                    : with_timeout(layers.back(), 1h).first);
    }
    gofer::wait_group wg;
    std::atomic<int> waiting{0};
    for (const context& ctx : layers) {
      wg.go([&, ctx] {
        waiting++;
        EXPECT_EQ(gofer::select(gofer::recv(ctx.done()), gofer::after(1h, [] {})), 0);
        EXPECT_EQ(ctx.err(), context::canceled);
      });
      wg.go([&, ctx] {
        waiting++;
        EXPECT_EQ(gofer::sleep(ctx, 1h), context::canceled);
      });
      wg.go([&, ctx] {
        waiting++;
        EXPECT_EQ(gofer::chan<int>(0).recv(ctx).err, context::canceled);
      });
    }
    eventually([&] { return waiting == static_cast<int>(3 * layers.size()); });
    cancel();
    wg.wait();
  });
}

}  // namespace
