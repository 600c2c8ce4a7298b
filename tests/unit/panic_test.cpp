// defer, panic, recover, goexit and C++ exceptions on one stack: order, who sees what, where execution goes on.
// Every case runs on a plain thread as well as in goroutines.
#include "runtime/panic.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <gofer/gofer.hpp>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>

#include "sched/park.hpp"
#include "trail.hpp"

namespace gofer::test {
namespace {

std::string text(const panic_value& p) { return p ? p.what() : "nil"; }

bool nothing_left_behind() {
  const sched::g* gp = sched::getg();
  return gp->_panic == nullptr && gp->vehicles == nullptr && gp->_defer == nullptr;
}

// Runs body(trail) on this plain thread and in a goroutine, each time expecting this trail.
void expect_trail(const std::string& expected, const std::function<void(trail&)>& body) {
  {
    trail t;
    body(t);
    EXPECT_EQ(t.text(), expected) << "on a plain thread";
    EXPECT_TRUE(nothing_left_behind());
    EXPECT_EQ(std::uncaught_exceptions(), 0);
  }
  for (const int procs : {1, 4}) {
    trail t;
    run(options{.maxprocs = procs}, [&] {
      body(t);
      EXPECT_TRUE(nothing_left_behind());
      EXPECT_EQ(std::uncaught_exceptions(), 0);
    });
    EXPECT_EQ(t.text(), expected) << "in a goroutine, " << procs << " workers";
  }
}

TEST(Panic, RunsDeferredCallsAndDestructorsYoungestFirst) {
  expect_trail("d3 ~b d2 ~a d1:boom after", [](trail& t) {
    func([&] {
      defer d1{[&] { t.add("d1:" + text(recover())); }};
      leaves a(t, "a");
      defer d2{[&] { t.add("d2"); }};
      leaves b(t, "b");
      defer d3{[&] { t.add("d3"); }};
      panic("boom");
    });
    t.add("after");
  });
}

TEST(Panic, ReturnRunsThemInTheSameOrder) {
  expect_trail("body d2:nil ~a d1 after", [](trail& t) {
    func([&] {
      defer d1{[&] { t.add("d1"); }};
      leaves a(t, "a");
      defer d2{[&] { t.add("d2:" + text(recover())); }};
      t.add("body");
    });
    t.add("after");
  });
}

TEST(Panic, NamedResultStandsAfterRecover) {
  expect_trail("-1 2", [](trail& t) {
    const auto divide = [](int a, int b) {
      return func([&](int& result) {
        defer d{[&] {
          if (recover()) result = -1;
        }};
        if (b == 0) panic("division");
        result = a / b;
      });
    };
    t.add(std::to_string(divide(1, 0)));
    t.add(std::to_string(divide(6, 3)));
  });
}

TEST(Panic, ByValueResultIsZeroAfterRecover) {
  expect_trail("0 7", [](trail& t) {
    const auto f = [](bool fail) {
      return func([&]() -> int {
        defer d{[] { recover(); }};
        if (fail) panic(1);
        return 7;
      });
    };
    t.add(std::to_string(f(true)));
    t.add(std::to_string(f(false)));
  });
}

panic_value helper_recover() { return recover(); }
void function_recover(trail* t, int arg) { t->add("function" + std::to_string(arg) + ":" + text(recover())); }

struct catcher {
  trail* t;
  void operator()(int arg) const { t->add("functor" + std::to_string(arg) + ":" + text(recover())); }
  void member(const std::string& s) { t->add("member" + s + ":" + text(recover())); }
};

TEST(Recover, WorksInEveryKindOfDeferredFunction) {
  expect_trail("function5:1 functor6:2 memberp:3 memberv:4 lambda7:5 generic8:6 many10:7", [](trail& t) {
    catcher c{&t};
    func([&] {
      defer d{function_recover, &t, 5};
      panic(1);
    });
    func([&] {
      defer d{c, 6};
      panic(2);
    });
    func([&] {
      defer d{&catcher::member, &c, "p"};
      panic(3);
    });
    func([&] {
      defer d{&catcher::member, c, "v"};
      panic(4);
    });
    func([&] {
      defer d{[&](int i) { t.add("lambda" + std::to_string(i) + ":" + text(recover())); }, 7};
      panic(5);
    });
    func([&] {
      defer d{[&](auto i) { t.add("generic" + std::to_string(i) + ":" + text(recover())); }, 8};
      panic(6);
    });
    func([&] {
      defer d{[&](int a, int b, int e, int f, int g, int h, int i, int j, long k, std::string s) {
                t.add("many" +
                      std::to_string(a + b + e + f + g + h + i + j + static_cast<int>(k) + static_cast<int>(s.size())) +
                      ":" + text(recover()));
              },
              1,
              1,
              1,
              1,
              1,
              1,
              1,
              1,
              1L,
              std::string("x")};
      panic(7);
    });
  });
}

TEST(Recover, IsEmptyUnlessCalledByTheDeferredFunctionItself) {
  expect_trail("helper:nil lambda:nil func:nil stdfunction:nil destructor:nil statement:nil direct:p again:nil",
               [](trail& t) {
                 struct in_destructor {
                   trail& t;
                   ~in_destructor() { t.add("destructor:" + text(recover())); }
                 };
                 func([&] {
                   defer last{[&] {
                     t.add("direct:" + text(recover()));
                     t.add("again:" + text(recover()));
                   }};
                   GOFER_DEFER(t.add("statement:" + text(helper_recover())));
                   defer destructor{[&] { in_destructor d{t}; }};
                   defer wrapped{std::function<void()>([&] { t.add("stdfunction:" + text(recover())); })};
                   defer first{[&] {
                     t.add("helper:" + text(helper_recover()));
                     t.add("lambda:" + text([] { return recover(); }()));
                     func([&] { t.add("func:" + text(recover())); });
                   }};
                   panic("p");
                 });
               });
}

void tail_helper(trail* t) { t->add("helper:" + text(recover())); }
void tail_call(trail* t) { tail_helper(t); }

TEST(Recover, IsEmptyInAHelperCalledInTailPosition) {
  expect_trail("helper:nil x", [](trail& t) {
    func([&] {
      defer last{[&] { t.add(text(recover())); }};
      defer d{tail_call, &t};
      panic("x");
    });
  });
}

// Go's `defer recover()`: too early when the panic runs it, a deferred function's own recover when that ends.
TEST(Recover, DeferredItself) {
  expect_trail("x on", [](trail& t) {
    func([&] {
      defer outer{[&] { t.add(recover().what()); }};
      defer d{gofer::recover};
      panic("x");
    });
    t.add("on");
  });
  expect_trail("nil on", [](trail& t) {
    func([&] {
      defer outer{[&] { t.add(recover().what()); }};
      defer d{[] { defer e{gofer::recover}; }};
      panic("x");
    });
    t.add("on");
  });
  expect_trail("nil on", [](trail& t) {
    func([&] {
      defer outer{[&] { t.add(recover().what()); }};
      defer d{[] {
        defer_list l;
        for (int i = 0; i < 6; i++) l.push(gofer::recover);
      }};
      panic("x");
    });
    t.add("on");
  });
}

// In a helper it is the helper's, which is no deferred function.
[[gnu::noinline]] void helper_that_defers_recover() { defer e{gofer::recover}; }
inline void inline_helper_that_defers_recover() { defer e{gofer::recover}; }
TEST(Recover, DeferredItselfByAHelper) {
  expect_trail("x on", [](trail& t) {
    func([&] {
      defer outer{[&] { t.add(recover().what()); }};
      defer d{[] { helper_that_defers_recover(); }};
      defer e{[] { inline_helper_that_defers_recover(); }};
      panic("x");
    });
    t.add("on");
  });
}

TEST(Panic, InADeferredCallReplacesTheOlder) {
  expect_trail("second", [](trail& t) {
    func([&] {
      defer d{[&] { t.add(text(recover())); }};
      defer e{[] { panic("second"); }};
      panic("first");
    });
  });
}

TEST(Panic, AfterRecoverInTheSameUnwinding) {
  expect_trail("one ~a two on", [](trail& t) {
    func([&] {
      defer outer{[&] { t.add(text(recover())); }};
      leaves a(t, "a");
      defer again{[] { panic("two"); }};
      defer first{[&] { t.add(text(recover())); }};
      panic("one");
    });
    t.add("on");
  });
}

TEST(Panic, RecoveredInsideADeferredCallLeavesTheOlderOne) {
  expect_trail("inner normal outer", [](trail& t) {
    func([&] {
      defer d{[&] { t.add(text(recover())); }};
      defer e{[&] {
        func([&] {
          defer n{[&] { t.add(text(recover())); }};
          panic("inner");
        });
        t.add("normal");
      }};
      panic("outer");
    });
  });
}

TEST(Panic, ADeferredCallIsABoundary) {
  // On the normal way out and during an unwinding alike, for panics and for exceptions.
  expect_trail("inner on inner outer 42 on", [](trail& t) {
    func([&] {
      defer d{[&] {
        defer n{[&] { t.add(text(recover())); }};
        panic("inner");
      }};
    });
    t.add("on");
    func([&] {
      defer last{[&] { t.add(text(recover())); }};
      defer d{[&] {
        defer n{[&] { t.add(text(recover())); }};
        panic("inner");
      }};
      panic("outer");
    });
    func([&] {
      defer d{[&] {
        defer n{[&] { t.add(text(recover())); }};
        throw 42;
      }};
    });
    t.add("on");
  });
}

TEST(Panic, PassesTypedHandlersUntouched) {
  expect_trail("~a p", [](trail& t) {
    func([&] {
      defer d{[&] { t.add(text(recover())); }};
      try {
        leaves a(t, "a");
        panic("p");
      } catch (const std::exception&) {
        t.add("WRONG");
      }
    });
  });
}

TEST(Exception, ThatNobodyCatchesIsAPanic) {
  expect_trail("~a boom typed after", [](trail& t) {
    func([&] {
      defer d{[&] {
        const panic_value p = recover();
        t.add(text(p));
        if (p.as<std::runtime_error>() != nullptr && p.as<std::exception>() != nullptr &&
            p.as<std::logic_error>() == nullptr && p.exception()) {
          t.add("typed");
        }
      }};
      leaves a(t, "a");
      throw std::runtime_error("boom");
    });
    t.add("after");
  });
}

TEST(Exception, WithAHandlerInsideIsNone) {
  expect_trail("nil caught on", [](trail& t) {
    func([&] {
      try {
        defer d{[&] { t.add(text(recover())); }};
        throw std::runtime_error("x");
      } catch (const std::runtime_error&) {
        t.add("caught");
      }
      t.add("on");
    });
  });
}

TEST(Exception, UnrecoveredIsStillThatExceptionOutside) {
  expect_trail("d2 d1 out:x", [](trail& t) {
    const auto* address = static_cast<const void*>(nullptr);
    try {
      func([&] {
        defer d1{[&] { t.add("d1"); }};
        func([&] {
          defer d2{[&] { t.add("d2"); }};
          try {
            throw std::runtime_error("x");
          } catch (const std::runtime_error& e) {
            address = &e;
            throw;
          }
        });
      });
    } catch (const std::runtime_error& e) {
      t.add(std::string("out:") + e.what());
      EXPECT_EQ(&e, address) << "the same object, not a copy";
    }
  });
}

TEST(Exception, OfPointerAndNonStandardTypes) {
  expect_trail("text 7 text2", [](trail& t) {
    const auto seen = [&](auto thrower) {
      func([&] {
        defer d{[&] { t.add(text(recover())); }};
        thrower();
      });
    };
    seen([] { throw "text"; });
    seen([] { throw 7; });
    seen([] { throw std::string("text2"); });
  });
}

TEST(Exception, ThrownByADeferredCallDuringAPanicLeavesAsException) {
  expect_trail("caught:late", [](trail& t) {
    try {
      func([&] {
        defer d{[] { throw std::runtime_error("late"); }};
        panic("early");
      });
    } catch (const std::runtime_error& e) {
      t.add(std::string("caught:") + e.what());
    }
  });
}

TEST(Exception, ReplacedByAPanicLeavesAsPanic) {
  expect_trail("late", [](trail& t) {
    func([&] {
      defer outer{[&] { t.add(text(recover())); }};
      try {
        func([&] {
          defer d{[] { panic("late"); }};
          throw std::runtime_error("early");
        });
      } catch (const std::runtime_error&) {
        t.add("WRONG");
      }
    });
  });
}

TEST(CatchAll, ThatSwallowsIsARecover) {
  expect_trail("handler on nil", [](trail& t) {
    func([&] {
      defer d{[&] { t.add(text(recover())); }};
      try {
        panic("x");
      } catch (...) {
        t.add("handler");
      }
      t.add("on");
    });
  });
}

TEST(CatchAll, ThatRethrowsPassesThePanicOn) {
  expect_trail("handler inner x", [](trail& t) {
    func([&] {
      defer d{[&] { t.add(text(recover())); }};
      try {
        panic("x");
      } catch (...) {
        t.add("handler");
        try {
          throw 1;
        } catch (int) {
          t.add("inner");
        }
        throw;
      }
    });
  });
}

TEST(CatchAll, MayKeepThePanicAndRethrowItLater) {
  expect_trail("on kept", [](trail& t) {
    std::exception_ptr e;
    func([&] {
      try {
        panic("kept");
      } catch (...) {
        e = std::current_exception();
      }
      t.add("on");
    });
    func([&] {
      defer d{[&] { t.add(text(recover())); }};
      std::rethrow_exception(e);
    });
  });
}

TEST(CatchAll, KeepsTheNewestPanic) {
  // It kept the one that the unwinding had set out with, though a deferred call had replaced that.
  expect_trail("second", [](trail& t) {
    std::exception_ptr e;
    func([&] {
      try {
        defer d{[] { panic("second"); }};
        panic("first");
      } catch (...) {
        e = std::current_exception();
      }
    });
    func([&] {
      defer d{[&] { t.add(text(recover())); }};
      std::rethrow_exception(e);
    });
  });
}

TEST(CatchAll, PanicInAHandlerReplacesTheCaughtOne) {
  expect_trail("new", [](trail& t) {
    func([&] {
      defer d{[&] { t.add(text(recover())); }};
      try {
        panic("old");
      } catch (...) {
        panic("new");
      }
    });
  });
}

TEST(Exception, FuncInsideACatchBlock) {
  expect_trail("panic:in still:outer", [](trail& t) {
    try {
      throw std::runtime_error("outer");
    } catch (const std::exception& e) {
      func([&] {
        defer d{[&] { t.add("panic:" + text(recover())); }};
        panic("in");
      });
      t.add(std::string("still:") + e.what());
    }
  });
}

// What tests/random found. Each is the program as it was shrunk.

TEST(CatchAll, SwallowedAPanicInADeferredCallThatHadRecovered) {
  // The swallowed panic, not retired yet, hid the recovered one: that was not recovered after all.
  expect_trail("x on", [](trail& t) {
    func([&] {
      defer d{[&] {
        t.add(text(recover()));
        try {
          panic("inner");
        } catch (...) {
        }
      }};
      panic("x");
    });
    t.add("on");
  });
}

TEST(CatchAll, SwallowedAPanicInADeferredCallThatThenRecovers) {
  // recover() was empty, for the same reason.
  expect_trail("x on", [](trail& t) {
    func([&] {
      defer d{[&] {
        try {
          panic("inner");
        } catch (...) {
        }
        t.add(text(recover()));
      }};
      panic("x");
    });
    t.add("on");
  });
}

TEST(CatchAll, SwallowedOneInAHandlerThatThenRethrows) {
  // The swallowed panic was taken for the one that landed: "a goroutine's thread was cancelled".
  expect_trail("x on", [](trail& t) {
    func([&] {
      defer d{[&] { t.add(text(recover())); }};
      try {
        panic("x");
      } catch (...) {
        try {
          defer e{[] { panic("inner"); }};
        } catch (...) {
        }
        throw;
      }
    });
    t.add("on");
  });
}

TEST(CatchAll, LeftByAPanicHasSwallowedItsOwn) {
  // It stayed in the chain, and a report named it.
  expect_trail("1 y on", [](trail& t) {
    func([&] {
      defer d{[&] {
        int n = 0;
        for (const auto* p = sched::getg()->_panic; p != nullptr; p = p->link) n++;
        t.add(std::to_string(n));
        t.add(text(recover()));
      }};
      try {
        panic("x");
      } catch (...) {
        panic("y");
      }
    });
    t.add("on");
  });
}

TEST(CatchAll, ThatRethrowsRunsTheHandlersDeferredCallsAsPanicking) {
  // They ran as if their scope ended normally: recover() was empty, and a panic in one met "noexcept".
  expect_trail("x on x y on", [](trail& t) {
    func([&] {
      try {
        panic("x");
      } catch (...) {
        defer d{[&] { t.add(text(recover())); }};
        throw;
      }
    });
    t.add("on");
    func([&] {
      defer last{[&] { t.add(text(recover())); }};
      try {
        panic("x");
      } catch (...) {
        defer d{[&] {
          t.add(text(recover()));
          panic("y");
        }};
        throw;
      }
    });
    t.add("on");
  });
}

TEST(Exception, PanickedWithAgainLeavesAFuncAsException) {
  // It did from a deferred call that its own unwinding ran, and did not from anywhere else.
  expect_trail("caught:x", [](trail& t) {
    panic_value kept;
    func([&] {
      defer d{[&] { kept = recover(); }};
      throw std::runtime_error("x");
    });
    try {
      func([&] { panic(kept); });
    } catch (const std::runtime_error& e) {
      t.add(std::string("caught:") + e.what());
    }
  });
}

TEST(Exception, AtTheAddressOfOneThatABoundaryPassedOn) {
  // The new one was taken for the old: a report showed the panic that the old one had replaced, and the old one's
  // stack.
  expect_trail("1 new", [](trail& t) {
    func([&] {
      defer last{[&] {
        int n = 0;
        for (const auto* p = sched::getg()->_panic; p != nullptr; p = p->link) n++;
        t.add(std::to_string(n));
        t.add(text(recover()));
      }};
      try {
        func([] {
          defer d{[] { throw std::runtime_error("old"); }};
          panic("older");
        });
      } catch (const std::runtime_error&) {
      }
      throw std::runtime_error("new");
    });
  });
}

TEST(Fault, NilDereferenceUnderADestructor) {
#if !defined(__x86_64__)
  GTEST_SKIP() << "faults are no panics here yet";
#elif defined(__clang__)
  GTEST_SKIP() << "Clang has no -fnon-call-exceptions: docs/building.md";
#endif
  int* volatile nil = nullptr;
  expect_trail("~a runtime error: invalid memory address or nil pointer dereference on", [&](trail& t) {
    func([&] {
      defer d{[&] {
        const panic_value p = recover();
        t.add(text(p));
        EXPECT_NE(p.as<runtime_error>(), nullptr);
      }};
      leaves a(t, "a");
      *nil = 1;
    });
    t.add("on");
  });
}

}  // namespace
}  // namespace gofer::test
