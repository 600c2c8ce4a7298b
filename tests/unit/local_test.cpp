// gofer::local: whose value it is, when it is made, and when and in what order it is destroyed.
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <gofer/gofer.hpp>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "trail.hpp"

namespace gofer::test {
namespace {

constexpr int all_procs[] = {1, 2, 4, 8};

void wait_alone() {
  while (num_goroutine() > 1) gosched();
}

constinit local<int> number;

// What a static initializer of another file would do.
const int before_main = [] { return ++*number; }();

TEST(Local, StartsAsTAndIsTheCallersOwn) {
  EXPECT_EQ(before_main, 1);
  for (const int procs : all_procs) {
    run(options{.maxprocs = procs}, [] {
      EXPECT_EQ(*number, 0);
      *number = 1;
      wait_group all;
      for (int i = 0; i < 100; i++) {
        all.go([i] {
          EXPECT_EQ(*number, 0);
          *number = i;
          int& kept = *number;
          for (int n = 0; n < 20; n++) {
            gosched();
            ASSERT_EQ(*number, i + n);
            ASSERT_EQ(&*number, &kept);
            kept++;
          }
        });
      }
      all.wait();
      EXPECT_EQ(*number, 1);
    });
  }
}

TEST(Local, FollowsItsGoroutineToOtherThreads) {
  run(options{.maxprocs = 4}, [] {
    std::atomic<int> moves{0};
    while (moves < 10) {
      wait_group all;
      for (int i = 0; i < 8; i++) {
        all.go([&moves] {
          *number = 7;
          const pid_t before = ::gettid();
          for (int n = 0; n < 50; n++) gosched();
          if (::gettid() != before) moves++;
          ASSERT_EQ(*number, 7);
        });
      }
      all.wait();
    }
  });
}

TEST(Local, IsMadeByItsFactoryAtTheFirstUse) {
  static std::atomic<int> made{0};
  static local text{[] { return "value " + std::to_string(++made); }};
  static_assert(std::is_same_v<decltype(text), local<std::string>>);
  run([] {
    EXPECT_EQ(made, 0);
    EXPECT_EQ(*text, "value 1");
    EXPECT_EQ(text->size(), 7u);
    go([] { EXPECT_EQ(text.get(), "value 2"); });
    wait_alone();
    EXPECT_EQ(*text, "value 1");
  });
  EXPECT_EQ(*text, "value 3") << "the plain main thread's";
}

struct immovable {
  explicit immovable(int v) : value(v) {}
  immovable(const immovable&) = delete;
  immovable& operator=(const immovable&) = delete;
  int value;
};

TEST(Local, HoldsWhatCannotMoveAndWhatIsWidelyAligned) {
  struct alignas(256) wide {
    char c = 'x';
  };
  local<immovable> fixed{[] { return immovable(3); }};
  local<wide> aligned;
  local<char> small;
  run([&] {
    EXPECT_EQ(fixed->value, 3);
    EXPECT_EQ(*small, 0);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(&*aligned) % 256, 0u);
    EXPECT_EQ(aligned->c, 'x');
  });
}

TEST(Local, AFactoryThatFailsIsAskedAgain) {
  int calls = 0;
  local fails{[&] {
    if (++calls < 3) throw std::runtime_error("not yet");
    return calls;
  }};
  run([&] {
    EXPECT_THROW(*fails, std::runtime_error);
    const bool panicked = func([&](bool& result) {
      defer d{[&] { result = static_cast<bool>(recover()); }};
      *fails;
    });
    EXPECT_TRUE(panicked);
    EXPECT_EQ(*fails, 3);
    EXPECT_EQ(*fails, 3);
  });
}

// Says when it is made and when it is destroyed.
struct said {
  said(trail& where, std::string name) : t(where), leave(where, std::move(name)) {}
  trail& t;
  leaves leave;
};

// What body leaves on the trail when it runs in a goroutine of its own, with locals a, b and c made in this order.
std::string ends(void (*body)(trail&)) {
  std::string all;
  for (const int procs : all_procs) {
    trail t;
    local a{[&] { return said(t, "a"); }};
    local b{[&] { return said(t, "b"); }};
    local c{[&] { return said(t, "c"); }};
    run(options{.maxprocs = procs}, [&] {
      go([&] {
        defer d{[&] { t.add("deferred"); }};
        a.get();
        b.get();
        c.get();
        leaves frame(t, "frame");
        body(t);
      });
      wait_alone();
    });
    if (!all.empty()) {
      EXPECT_EQ(t.text(), all);
    }
    all = t.text();
  }
  return all;
}

TEST(Local, IsDestroyedAfterDeferredCallsAndDestructorsYoungestFirst) {
  EXPECT_EQ(ends([](trail&) {}), "~frame deferred ~c ~b ~a");
}

TEST(Local, IsDestroyedAfterGoexit) {
  EXPECT_EQ(ends([](trail&) { goexit(); }), "~frame deferred ~c ~b ~a");
}

TEST(Local, IsDestroyedAfterARecoveredPanic) {
  EXPECT_EQ(ends([](trail& t) {
              func([&] {
                defer d{[&] {
                  recover();
                  t.add("recovered");
                }};
                panic("p");
              });
            }),
            "recovered ~frame deferred ~c ~b ~a");
}

TEST(Local, IsDestroyedWhenTheGoroutinesEntryIsWhereThePanicLands) {
  trail t;
  local a{[&] { return said(t, "a"); }};
  run([&] {
    go([&] {
      defer d{[&] { t.add(recover() ? "recovered" : "WRONG"); }};
      a.get();
      panic("p");
    });
    wait_alone();
  });
  EXPECT_EQ(t.text(), "recovered ~a");
}

TEST(Local, OfMainIsDestroyedBeforeRunReturns) {
  trail t;
  local a{[&] { return said(t, "a"); }};
  run([&] { a.get(); });
  t.add("returned");
  EXPECT_EQ(t.text(), "~a returned");
}

TEST(Local, OfAThreadIsDestroyedAtTheThreadsEnd) {
  trail t;
  local a{[&] { return said(t, "a"); }};
  local b{[&] { return said(t, "b"); }};
  std::thread([&] {
    a.get();
    b.get();
    defer d{[&] { t.add("deferred"); }};
  }).join();
  t.add("joined");
  EXPECT_EQ(t.text(), "deferred ~b ~a joined");
}

// A destructor that does what destructors do here: parks, panics and recovers, uses other locals.
TEST(Local, ADestructorMayBlockPanicAndUseOtherLocals) {
  for (const int procs : all_procs) {
    trail t;
    struct busy {
      trail* t = nullptr;
      local<int>* other = nullptr;
      chan<int>* wakes = nullptr;
      ~busy() {
        if (t == nullptr) return;
        EXPECT_EQ(wakes->recv(), 1);
        for (int i = 0; i < 3; i++) gosched();
        t->add("other " + std::to_string(++**other));
        t->add(func([](std::string& result) {
          defer d{[&] { result = recover().what(); }};
          panic("in a destructor");
        }));
      }
    };
    local<int> younger;
    local<int> older;
    local<busy> b;
    chan<int> wakes{0};
    run(options{.maxprocs = procs}, [&] {
      go([&] {
        *older = 10;
        b->t = &t;
        b->other = &older;
        b->wakes = &wakes;
        *younger = 20;
      });
      wakes.send(1);
      wait_alone();
      go([&] {
        b->t = &t;
        b->other = &younger;
        b->wakes = &wakes;
        *younger = 20;  // destroyed before b: b's destructor finds a new one
      });
      wakes.send(1);
      wait_alone();
    });
    EXPECT_EQ(t.text(), "other 11 in a destructor other 1 in a destructor");
  }
}

TEST(Local, ADestructorReachesItsOwnValue) {
  static int seen = 0;
  struct reaches {
    local<reaches>* self;
    int value;
    ~reaches() { seen = self->get().value; }
  };
  local<reaches>* self = nullptr;
  local<reaches> l{[&] { return reaches{self, 5}; }};
  self = &l;
  run([&] { l.get(); });
  EXPECT_EQ(seen, 5);
}

TEST(Local, ThatIsDestroyedTakesTheCallersValueAlong) {
  trail t;
  run([&] {
    {
      local a{[&] { return said(t, "mine"); }};
      a.get();
    }
    t.add("gone");
  });
  EXPECT_EQ(t.text(), "~mine gone");
}

// The value of a local that is gone lives until its goroutine ends; a new local in its place starts anew.
TEST(Local, ThatIsDestroyedLeavesOthersTheirValues) {
  trail t;
  run([&] {
    auto first = std::make_unique<local<said>>([&] { return said(t, "first"); });
    const chan<> go_on{0};
    const chan<> there{0};
    std::optional<local<int>> second;
    go([&] {
      first->get();
      there.send({});
      go_on.recv();
      t.add("ends");
    });
    go([&] {
      first->get();
      there.send({});
      go_on.recv();
      EXPECT_EQ(**second, 0);  // has taken first's place
      t.add("second");
    });
    there.recv();
    there.recv();
    first.reset();
    second.emplace();
    EXPECT_EQ(**second, 0);
    EXPECT_EQ(t.text(), "");
    go_on.close();
    wait_alone();
  });
  const std::string text = t.text();
  std::size_t destroyed = 0;
  for (std::size_t at = 0; (at = text.find("~first", at)) != text.npos; at++) destroyed++;
  EXPECT_EQ(destroyed, 2u) << text;
  EXPECT_NE(text.find("ends ~first"), text.npos) << text;
}

TEST(Local, ManyComeAndGo) {
  static std::atomic<int> alive{0};
  struct counted {
    counted() { alive++; }
    counted(const counted&) = delete;
    counted& operator=(const counted&) = delete;
    ~counted() { alive--; }
  };
  run(options{.maxprocs = 4}, [] {
    wait_group all;
    for (int g = 0; g < 8; g++) {
      all.go([] {
        for (int round = 0; round < 20; round++) {
          std::vector<std::unique_ptr<local<counted>>> locals;
          for (int i = 0; i < 100; i++) {
            locals.push_back(std::make_unique<local<counted>>());
            locals.back()->get();
          }
          gosched();
        }
      });
    }
    all.wait();
    wait_alone();
  });
  EXPECT_EQ(alive, 0);
}

TEST(Local, OfManyGoroutinesAreAllDestroyed) {
  static std::atomic<int> alive{0};
  struct counted {
    counted() { alive++; }
    counted(const counted&) = delete;
    counted& operator=(const counted&) = delete;
    ~counted() { alive--; }
  };
  static local<counted> l;
  for (const int procs : all_procs) {
    run(options{.maxprocs = procs}, [] {
      for (int i = 0; i < 1000; i++) {
        go([i] {
          l.get();
          if (i % 3 == 0) gosched();
          if (i % 7 == 0) goexit();
        });
      }
      wait_alone();
    });
    EXPECT_EQ(alive, 0);
  }
}

}  // namespace
}  // namespace gofer::test
