#include "runtime/context.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <functional>
#include <gofer/context.hpp>
#include <gofer/defer.hpp>
#include <gofer/panic.hpp>
#include <gofer/runtime.hpp>
#include <gofer/select.hpp>
#include <gofer/sync.hpp>
#include <memory>
#include <random>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {

using namespace std::chrono_literals;
using gofer::background;
using gofer::cancel_func;
using gofer::context;
using gofer::error;
using gofer::make_error;
using gofer::with_cancel;
using gofer::with_cancel_cause;
using gofer::with_deadline;
using gofer::with_timeout;
using gofer::with_value;
using gofer::without_cancel;
using clk = gofer::time_point::clock;

constexpr auto patience = 20s;

void sweep(const std::function<void()>& body) {
  for (const int procs : {1, 2, 4, 8}) {
    SCOPED_TRACE(procs);
    gofer::run(gofer::options{.maxprocs = procs}, body);
  }
}

bool is_done(const context& c) {
  return gofer::select(gofer::recv(c.done()), gofer::otherwise([] {})) == 0;
}

void expect_live(const context& c) {
  EXPECT_FALSE(is_done(c));
  EXPECT_EQ(c.err(), nullptr);
  EXPECT_EQ(c.cause(), nullptr);
}

void expect_done(const context& c, const error& err, const error& cause) {
  EXPECT_TRUE(is_done(c));
  EXPECT_EQ(c.err(), err);
  EXPECT_EQ(c.cause(), cause);
}

bool wait_done(const context& c) {
  return gofer::select(gofer::recv(c.done()), gofer::recv(gofer::after(patience))) == 0;
}

int children(const context& c) {
  const auto* node = c.node().get()->canceler;
  int n = 0;
  for (const auto* child = node->first_child; child != nullptr; child = child->next) n++;
  return n;
}

TEST(Context, BackgroundIsNeverDone) {
  const context bg = background();
  EXPECT_EQ(bg.done(), nullptr);
  EXPECT_EQ(bg.err(), nullptr);
  EXPECT_EQ(bg.cause(), nullptr);
  EXPECT_FALSE(bg.deadline());
  EXPECT_EQ(bg.value<int>(), nullptr);
  EXPECT_EQ(bg, context());
  EXPECT_FALSE(bg.stop_token().stop_possible());
}

TEST(Context, ErrorsAreGos) {
  EXPECT_EQ(context::canceled.what(), "context canceled");
  EXPECT_EQ(context::deadline_exceeded.what(), "context deadline exceeded");
  EXPECT_TRUE(gofer::is(gofer::wrap(context::canceled, "get"), context::canceled));
  EXPECT_FALSE(gofer::is(context::canceled, context::deadline_exceeded));
}

TEST(Context, CancelMakesItDone) {
  sweep([] {
    auto [c, cancel] = with_cancel(background());
    expect_live(c);
    EXPECT_EQ(c.done(), c.done());
    cancel();
    expect_done(c, context::canceled, context::canceled);
    cancel();
    EXPECT_EQ(c.done(), c.done());
    EXPECT_FALSE(c.done().recv()) << "closed";
  });
}

TEST(Context, WorksWithoutARuntime) {
  auto [c, cancel] = with_cancel(background());
  const context child = with_value(c, 5);
  std::thread waits([child] { EXPECT_FALSE(child.done().recv()); });
  cancel();
  waits.join();
  expect_done(child, context::canceled, context::canceled);
}

TEST(Context, ParentFinishesChild) {
  sweep([] {
    // Go's TestParentFinishesChild.
    auto [parent, cancel] = with_cancel(background());
    auto [cancel_child, stop] = with_cancel(parent);
    const context value_child = with_value(parent, std::string("value"));
    auto [timer_child, stop_timer] = with_timeout(value_child, 10h);
    auto after_ran = std::make_shared<std::atomic<bool>>(false);
    gofer::after_func(parent, [after_ran] { *after_ran = true; });
    for (const context& c : {parent, cancel_child, value_child, timer_child}) expect_live(c);
    EXPECT_EQ(value_child.done(), parent.done());
    EXPECT_EQ(children(parent), 3);
    cancel();
    for (const context& c : {parent, cancel_child, value_child, timer_child}) {
      expect_done(c, context::canceled, context::canceled);
    }
    EXPECT_EQ(children(parent), 0);
    while (!*after_ran) gofer::sleep(100us);
    auto [late, cancel_late] = with_cancel(parent);
    expect_done(late, context::canceled, context::canceled);
    EXPECT_EQ(children(parent), 0);
    auto [late_timeout, cancel_late_timeout] = with_timeout(parent, 1h);
    expect_done(late_timeout, context::canceled, context::canceled);
  });
}

TEST(Context, ChildFinishesFirst) {
  sweep([] {
    auto [live, stop] = with_cancel(background());
    for (const context& parent : {background(), live}) {
      auto [child, cancel] = with_cancel(parent);
      if (parent == live) {
        EXPECT_EQ(children(live), 1);
      }
      cancel();
      expect_done(child, context::canceled, context::canceled);
      expect_live(parent);
      if (parent == live) {
        EXPECT_EQ(children(live), 0);
      }
    }
  });
}

TEST(Context, SiblingsAndParentsStayLive) {
  sweep([] {
    auto [root, cancel_root] = with_cancel(background());
    auto [a, cancel_a] = with_cancel(root);
    auto [b, cancel_b] = with_cancel(root);
    auto [a1, cancel_a1] = with_cancel(a);
    cancel_a();
    expect_done(a, context::canceled, context::canceled);
    expect_done(a1, context::canceled, context::canceled);
    expect_live(b);
    expect_live(root);
    EXPECT_EQ(children(root), 1);
    cancel_root();
  });
}

TEST(Context, DeadlinesPass) {
  sweep([] {
    auto [c, cancel] = with_timeout(background(), 2ms);
    ASSERT_TRUE(c.deadline());
    const auto start = clk::now();
    EXPECT_TRUE(wait_done(c));
    expect_done(c, context::deadline_exceeded, context::deadline_exceeded);
    EXPECT_GE(clk::now(), *c.deadline());
    EXPECT_LT(clk::now() - start, patience);
    cancel();
    EXPECT_EQ(c.err(), context::deadline_exceeded);

    auto [until, cancel_until] = with_deadline(background(), clk::now() + 2ms);
    EXPECT_TRUE(wait_done(until));
    auto [wall, cancel_wall] = with_deadline(background(), std::chrono::system_clock::now() + 2ms);
    EXPECT_TRUE(wait_done(wall));
  });
}

TEST(Context, PastDeadlinesMakeItDoneAtOnce) {
  sweep([] {
    for (const auto d : {0s, -1s}) {
      auto [c, cancel] = with_timeout(background(), d);
      expect_done(c, context::deadline_exceeded, context::deadline_exceeded);
    }
    auto [parent, cancel_parent] = with_cancel(background());
    auto [child, cancel] = with_deadline(parent, clk::now() - 1h);
    expect_done(child, context::deadline_exceeded, context::deadline_exceeded);
    EXPECT_EQ(children(parent), 0);
    expect_live(parent);
    cancel_parent();
    EXPECT_EQ(child.err(), context::deadline_exceeded);
  });
}

TEST(Context, TheEarlierDeadlineCounts) {
  sweep([] {
    auto [outer, cancel_outer] = with_timeout(background(), 2ms);
    auto [inner, cancel_inner] = with_timeout(outer, 1h);
    EXPECT_EQ(inner.deadline(), outer.deadline());
    EXPECT_TRUE(wait_done(inner));
    expect_done(inner, context::deadline_exceeded, context::deadline_exceeded);

    auto [slow, cancel_slow] = with_timeout(background(), 1h);
    auto [fast, cancel_fast] = with_timeout(slow, 2ms);
    auto [below, cancel_below] = with_cancel(with_value(fast, 1));
    EXPECT_EQ(below.deadline(), fast.deadline());
    EXPECT_TRUE(wait_done(below));
    expect_done(below, context::deadline_exceeded, context::deadline_exceeded);
    expect_live(slow);
    cancel_slow();
  });
}

TEST(Context, CancelledBeforeTheDeadline) {
  sweep([] {
    auto [c, cancel] = with_timeout(background(), 5ms);
    cancel();
    expect_done(c, context::canceled, context::canceled);
    gofer::sleep(10ms);
    EXPECT_EQ(c.err(), context::canceled);
  });
}

TEST(Context, HugeTimeoutsDoNotOverflow) {
  sweep([] {
    auto [c, cancel] = with_timeout(background(), std::chrono::hours::max());
    expect_live(c);
    cancel();
  });
}

TEST(Context, Causes) {
  sweep([] {
    const error why = make_error("why");
    const error other = make_error("other");
    {
      auto [c, cancel] = with_cancel_cause(background());
      EXPECT_EQ(c.cause(), nullptr);
      cancel(why);
      cancel(other);
      expect_done(c, context::canceled, why);
    }
    {
      auto [c, cancel] = with_cancel_cause(background());
      cancel(nullptr);
      expect_done(c, context::canceled, context::canceled);
    }
    {
      // The parent's cause goes down; the child's own does not go up.
      auto [parent, cancel_parent] = with_cancel_cause(background());
      auto [child, cancel_child] = with_cancel_cause(parent);
      auto [sibling, cancel_sibling] = with_cancel_cause(parent);
      cancel_child(other);
      cancel_parent(why);
      expect_done(child, context::canceled, other);
      expect_done(sibling, context::canceled, why);
      expect_done(with_value(sibling, 1), context::canceled, why);
    }
    {
      auto [c, cancel] = with_timeout(background(), 0s, why);
      expect_done(c, context::deadline_exceeded, why);
    }
    {
      auto [c, cancel] = with_timeout(background(), 1ms, why);
      EXPECT_TRUE(wait_done(c));
      expect_done(c, context::deadline_exceeded, why);
    }
    {
      auto [c, cancel] = with_timeout(background(), 1h, why);
      cancel();
      expect_done(c, context::canceled, context::canceled);
    }
  });
}

struct user {
  std::string name;
};

TEST(Context, ValuesAreFoundByType) {
  const context a = with_value(background(), user{"a"});
  const context b = with_value(a, 7);
  auto [c, cancel] = with_cancel(with_value(b, user{"c"}));
  EXPECT_EQ(a.value<user>()->name, "a");
  EXPECT_EQ(a.value<int>(), nullptr);
  EXPECT_EQ(b.value<user>()->name, "a");
  EXPECT_EQ(*b.value<int>(), 7);
  EXPECT_EQ(c.value<user>()->name, "c");
  EXPECT_EQ(*c.value<int>(), 7);
  EXPECT_EQ(c.value<long>(), nullptr);
  cancel();
  EXPECT_EQ(c.value<user>()->name, "c") << "values survive";
  const context text = with_value(background(), "text");
  EXPECT_EQ(*text.value<std::string>(), "text");
}

TEST(Context, ValuesAreFoundByKey) {
  enum class key { one, two };
  const context a = with_value(background(), key::one, std::string("a1"));
  const context b = with_value(a, key::two, 22);
  const context d = with_value(with_value(b, "name", "gofer"), key::one, std::string("d1"));
  EXPECT_EQ(*a.value<std::string>(key::one), "a1");
  EXPECT_EQ(a.value<int>(key::two), nullptr);
  EXPECT_EQ(*b.value<std::string>(key::one), "a1");
  EXPECT_EQ(*d.value<std::string>(key::one), "d1");
  EXPECT_EQ(*d.value<int>(key::two), 22);
  EXPECT_EQ(d.value<long>(key::two), nullptr) << "another type";
  EXPECT_EQ(d.value<std::string>(1), nullptr) << "another type of key";
  EXPECT_EQ(*d.value<std::string>("name"), "gofer");
  EXPECT_EQ(*d.value<std::string>(std::string("name")), "gofer");
  EXPECT_EQ(d.value<std::string>(), nullptr) << "a key of its own is not the type";
  const context hidden = with_value(d, key::one, nullptr);
  EXPECT_EQ(hidden.value<std::string>(key::one), nullptr);
}

TEST(Context, WithoutCancelIsDetached) {
  sweep([] {
    auto [p, cancel] = with_timeout(with_value(background(), 1), 1h);
    const context free = without_cancel(p);
    auto [sub, cancel_sub] = with_cancel(free);
    cancel();
    EXPECT_EQ(free.done(), nullptr);
    EXPECT_EQ(free.err(), nullptr);
    EXPECT_EQ(free.cause(), nullptr);
    EXPECT_FALSE(free.deadline());
    EXPECT_EQ(*free.value<int>(), 1);
    expect_live(sub);
    cancel_sub();
    expect_done(sub, context::canceled, context::canceled);
  });
}

// --- after_func

TEST(ContextAfterFunc, RunsOnceDone) {
  sweep([] {
    auto [c, cancel] = with_cancel(background());
    gofer::chan<int> out{10};
    const auto stop = gofer::after_func(c, [out] { out.send(1); });
    gofer::sleep(1ms);
    EXPECT_EQ(out.len(), 0U);
    cancel();
    EXPECT_EQ(out.recv(), 1);
    EXPECT_FALSE(stop());
    gofer::after_func(c, [out] { out.send(2); });
    EXPECT_EQ(out.recv(), 2) << "at once on a done context";
    auto [t, cancel_t] = with_timeout(background(), 1ms);
    gofer::after_func(t, [out] { out.send(3); });
    EXPECT_EQ(out.recv(), 3);
  });
}

TEST(ContextAfterFunc, StoppedItDoesNot) {
  sweep([] {
    auto [c, cancel] = with_cancel(background());
    auto held = std::make_shared<int>(0);
    const std::weak_ptr<int> seen = held;
    const auto stop = gofer::after_func(c, [held = std::move(held)] { ADD_FAILURE() << *held; });
    EXPECT_EQ(children(c), 1);
    EXPECT_TRUE(stop());
    EXPECT_FALSE(stop());
    EXPECT_EQ(children(c), 0);
    EXPECT_TRUE(seen.expired());
    cancel();
    gofer::sleep(2ms);
    EXPECT_TRUE(gofer::after_func(background(), [] { ADD_FAILURE(); })());
  });
}

TEST(ContextAfterFunc, CancelDoesNotWaitForIt) {
  sweep([] {
    auto [c, cancel] = with_cancel(background());
    gofer::chan<> gate{0};
    gofer::chan<> over{0};
    gofer::after_func(c, [=] {
      gate.recv();
      over.close();
    });
    cancel();
    gate.close();
    over.recv();
  });
}

TEST(ContextAfterFunc, EitherStopOrCancelWins) {
  sweep([] {
    std::atomic<int> ran{0};
    int stopped = 0;
    constexpr int n = 300;
    gofer::wait_group wg;
    for (int i = 0; i < n; i++) {
      auto [c, cancel] = with_cancel(background());
      auto stop = gofer::after_func(c, [&] {
        ran++;
        wg.done();
      });
      wg.add(1);
      gofer::go([cancel = cancel] { cancel(); });
      if (i % 2 == 0) gofer::gosched();
      if (stop()) {
        stopped++;
        wg.done();
      }
    }
    wg.wait();
    EXPECT_EQ(ran + stopped, n);
  });
}

// --- trees

TEST(Context, ManyLayersAreCancelledOrTimeOut) {
  sweep([] {
    // Go's testLayers.
    for (const bool timeout : {false, true}) {
      std::mt19937 random(timeout ? 1 : 2);
      std::vector<cancel_func> cancels;
      context c = background();
      int values = 0;
      for (int i = 0; i < 60; i++) {
        switch (random() % 3) {
          case 0: {
            auto [child, cancel] = with_cancel(c);
            c = child;
            cancels.push_back(cancel);
            break;
          }
          case 1:
            c = with_value(c, i, i);
            values = i;
            break;
          default: {
            auto [child, cancel] = with_timeout(c, timeout ? 20ms : std::chrono::milliseconds(1h));
            c = child;
            cancels.push_back(cancel);
          }
        }
      }
      EXPECT_EQ(*c.value<int>(values), values);
      if (timeout) {
        EXPECT_TRUE(wait_done(c));
        EXPECT_EQ(c.err(), context::deadline_exceeded);
      } else {
        expect_live(c);
        cancels[random() % cancels.size()]();
        expect_done(c, context::canceled, context::canceled);
      }
      for (const auto& cancel : cancels) cancel();
    }
  });
}

TEST(Context, SimultaneousCancels) {
  sweep([] {
    // Go's TestSimultaneousCancels.
    auto [root, cancel_root] = with_cancel(background());
    std::vector<std::pair<context, cancel_func>> all{{root, cancel_root}};
    for (std::size_t i = 0; i < 200; i++) all.push_back(with_cancel(all[i / 2].first));
    gofer::wait_group wg;
    for (std::size_t i = 0; i < all.size(); i++) {
      wg.go([&all, i] { all[(i * 7) % all.size()].second(); });
      wg.go([&all, i] { all[i].first.done().recv(); });
    }
    wg.wait();
    for (const auto& [c, cancel] : all) expect_done(c, context::canceled, context::canceled);
  });
}

TEST(Context, CancelReturnsWhenTheWholeTreeIsDoneAlsoForTheSecondCaller) {
  sweep([] {
    for (int round = 0; round < 10; round++) {
      auto [root, cancel_root] = with_cancel(background());
      std::vector<context> leaves;
      std::vector<cancel_func> keep;
      for (int i = 0; i < 50; i++) {
        context c = root;
        for (int d = 0; d < 5; d++) {
          auto [child, cancel] = with_cancel(c);
          c = child;
          keep.push_back(cancel);
        }
        leaves.push_back(c);
      }
      gofer::wait_group wg;
      for (int i = 0; i < 4; i++) {
        wg.go([&, cancel = cancel_root] {
          cancel();
          for (const context& leaf : leaves) EXPECT_EQ(leaf.err(), context::canceled);
        });
      }
      wg.wait();
    }
  });
}

TEST(Context, ChildrenComeAndGoWhileTheParentIsCancelled) {
  sweep([] {
    for (int round = 0; round < 20; round++) {
      auto [root, cancel] = with_cancel(background());
      gofer::wait_group wg;
      for (int i = 0; i < 4; i++) {
        wg.go([root = root, i] {
          while (!root.err()) {
            auto [c, cancel_c] = with_timeout(with_value(root, i), 1h);
            auto [below, cancel_below] = with_cancel(c);
            const auto stop = gofer::after_func(below, [] {});
            if (i % 2 == 0) stop();
            cancel_c();
            EXPECT_EQ(below.err(), context::canceled);
            gofer::gosched();
          }
          auto [late, cancel_late] = with_cancel(root);
          EXPECT_EQ(late.err(), context::canceled);
        });
      }
      gofer::sleep(1ms);
      cancel();
      wg.wait();
      EXPECT_EQ(children(root), 0);
    }
  });
}

TEST(Context, ATreeOf100000IsCancelled) {
  gofer::run([] {
    constexpr std::size_t n = 100'000;
    auto [root, cancel] = with_cancel(background());
    std::vector<context> all{root};
    all.reserve(n);
    // Ten children each: six levels.
    for (std::size_t i = 1; i < n; i++) all.push_back(with_cancel(all[(i - 1) / 10]).first);
    std::vector<gofer::recv_chan<>> some;
    for (std::size_t i = 0; i < n; i += 97) some.push_back(all[i].done());
    cancel();
    for (const context& c : all) ASSERT_EQ(c.err(), context::canceled);
    for (const auto& c : some) ASSERT_FALSE(c.recv());
    for (std::size_t i = 0; i < n; i += 1000) ASSERT_EQ(children(all[i]), 0);
  });
}

// A chain as deep as this overflowed the stack when cancelling or freeing recursed.
TEST(Context, AChainOf100000IsCancelledAndFreedOnASmallStack) {
  gofer::run([] {
    gofer::chan<> over{0};
    gofer::go(gofer::spawn_options{.stack_size = 64 * 1024}, [over] {
      auto [root, cancel] = with_cancel(background());
      context c = root;
      for (int i = 0; i < 50'000; i++) {
        c = with_cancel(c).first;
        c = with_value(c, i);
      }
      cancel();
      EXPECT_EQ(c.err(), context::canceled);
      c = context();
      over.close();
    });
    over.recv();
  });
}

TEST(Context, IsFreedOnceCancelled) {
  gofer::run([] {
    auto held = std::make_shared<int>(1);
    const std::weak_ptr<int> seen = held;
    auto [root, cancel_root] = with_cancel(background());
    {
      const context v = with_value(root, std::move(held));
      auto [c, cancel] = with_timeout(v, 1h);
      auto [below, cancel_below] = with_cancel(c);
      gofer::after_func(below, [] {});
      cancel();
      EXPECT_FALSE(seen.expired());
    }
    EXPECT_TRUE(seen.expired());
    EXPECT_EQ(children(root), 0);
    cancel_root();
  });
}

TEST(Context, PendingDeadlinesAreFreedWhenTheRunEnds) {
  const auto held = std::make_shared<int>(1);
  context kept;
  gofer::run([&] {
    auto [c, cancel] = with_timeout(with_value(background(), held), 1h);
    auto [d, cancel_d] = with_timeout(background(), 1h);
    kept = d;
  });
  EXPECT_EQ(held.use_count(), 1);
  expect_live(kept);
}

// --- bridges

TEST(ContextStopToken, FollowsTheContext) {
  sweep([] {
    auto [c, cancel] = with_cancel(background());
    const std::stop_token token = with_value(c, 1).stop_token();
    EXPECT_TRUE(token.stop_possible());
    EXPECT_FALSE(token.stop_requested());
    EXPECT_EQ(token, c.stop_token());
    bool called = false;
    const std::stop_callback callback(token, [&] { called = true; });
    cancel();
    EXPECT_TRUE(token.stop_requested());
    EXPECT_TRUE(called);
    EXPECT_TRUE(c.stop_token().stop_requested());
    auto [late, cancel_late] = with_cancel(c);
    EXPECT_TRUE(late.stop_token().stop_requested());
    auto [t, cancel_t] = with_timeout(background(), 1ms);
    const std::stop_token in_time = t.stop_token();
    EXPECT_TRUE(wait_done(t));
    while (!in_time.stop_requested()) gofer::sleep(100us);
  });
}

TEST(ContextStopToken, CancelsTheContext) {
  sweep([] {
    std::stop_source source;
    auto [c, cancel] = gofer::with_stop_token(background(), source.get_token());
    auto [child, cancel_child] = with_cancel(c);
    expect_live(child);
    source.request_stop();
    expect_done(c, context::canceled, context::canceled);
    expect_done(child, context::canceled, context::canceled);
    auto [late, cancel_late] = gofer::with_stop_token(background(), source.get_token());
    expect_done(late, context::canceled, context::canceled);
    auto [never, cancel_never] = gofer::with_stop_token(background(), std::stop_token());
    expect_live(never);
    cancel_never();
    expect_done(never, context::canceled, context::canceled);
  });
}

TEST(ContextStopToken, MayGoAwayWhileStopIsRequested) {
  sweep([] {
    for (int i = 0; i < 200; i++) {
      std::stop_source source;
      auto made =
          std::make_unique<std::pair<context, cancel_func>>(gofer::with_stop_token(background(), source.get_token()));
      gofer::wait_group wg;
      wg.go([&source] { source.request_stop(); });
      made.reset();
      wg.wait();
    }
  });
}

// --- signals

std::atomic<int> own_handler_ran{0};

TEST(ContextSignals, ASignalCancels) {
  sweep([] {
    own_handler_ran = 0;
    struct sigaction own {};
    struct sigaction before {};
    own.sa_handler = [](int) { own_handler_ran++; };
    sigaction(SIGUSR1, &own, &before);
    {
      auto [c, stop] = gofer::with_signals(background(), {SIGUSR1, SIGUSR2, SIGUSR1});
      auto [other, stop_other] = gofer::with_signals(background(), {SIGUSR2});
      auto [child, cancel_child] = with_cancel(c);
      expect_live(c);
      raise(SIGUSR1);
      EXPECT_TRUE(wait_done(child));
      EXPECT_EQ(c.err(), context::canceled);
      EXPECT_EQ(child.cause().what(), "user defined signal 1 signal received");
      raise(SIGUSR1);
      expect_live(other);
      EXPECT_EQ(own_handler_ran, 0) << "not before the function is called";
      stop();
      stop();
      raise(SIGUSR1);
      EXPECT_EQ(own_handler_ran, 1);
      raise(SIGUSR2);
      EXPECT_TRUE(wait_done(other));
      stop_other();
    }
    sigaction(SIGUSR1, &before, nullptr);
  });
}

TEST(ContextSignals, TheFunctionCancelsToo) {
  sweep([] {
    auto [parent, cancel] = with_cancel(background());
    auto [c, stop] = gofer::with_signals(parent);
    auto [d, stop_d] = gofer::with_signals(parent, {SIGUSR1});
    stop();
    expect_done(c, context::canceled, context::canceled);
    cancel();
    expect_done(d, context::canceled, context::canceled);
    stop_d();
  });
}

TEST(ContextSignals, FaultsAndWhatCannotBeCaughtAreRefused) {
  for (const int sig : {SIGKILL, SIGSEGV, 0, 1000}) {
    const error err = gofer::func([&](error& refused) {
      gofer::defer d{[&] {
        const gofer::panic_value p = gofer::recover();
        if (const auto* e = p.as<error>()) refused = *e;
      }};
      auto [c, stop] = gofer::with_signals(background(), {sig});
    });
    EXPECT_EQ(err.what(), "with_signals: signal " + std::to_string(sig) + " cannot be caught");
  }
}

// --- sleep

TEST(ContextSleep, EndsEarlyWhenTheContextIsDone) {
  sweep([] {
    EXPECT_EQ(gofer::sleep(background(), 1ms), nullptr);
    auto [c, cancel] = with_cancel(background());
    auto start = clk::now();
    EXPECT_EQ(gofer::sleep(c, 2ms), nullptr);
    EXPECT_GE(clk::now() - start, 2ms);
    EXPECT_EQ(gofer::sleep(c, 0s), nullptr);
    EXPECT_EQ(gofer::sleep_until(c, clk::now() + 1ms), nullptr);
    gofer::after_func(2ms, cancel);
    EXPECT_EQ(gofer::sleep(c, patience), context::canceled);
    EXPECT_EQ(gofer::sleep(c, patience), context::canceled);
    EXPECT_EQ(gofer::sleep_until(c, std::chrono::system_clock::now() + patience), context::canceled);
    EXPECT_EQ(gofer::sleep(c, 0s), context::canceled);
    EXPECT_LT(clk::now() - start, patience);
    auto [t, cancel_t] = with_timeout(background(), 2ms);
    EXPECT_EQ(gofer::sleep(t, patience), context::deadline_exceeded);
  });
}

}  // namespace
