// Deferred calls, panics, recovers and Goexits in many small shapes, each under its name.
#include <chrono>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "go.hpp"

using conformance::println;
using conformance::receive;
using conformance::show;
using conformance::sprint;
using namespace std::chrono_literals;
using gofer::defer;
using gofer::func;
using gofer::go;
using gofer::goexit;
using gofer::panic;
using gofer::recover;
using std::string;
namespace {
struct p_t {
  template <class... A>
  void operator()(const A&... a) const {
    println(a...);
  }
};
constexpr p_t p{};
volatile int zero = 0;

void mustRecover(int x) {
  auto v = recover();
  auto w = recover();
  p("mustRecover", x, v, w);
}
void mustNotRecover() { p("mustNotRecover", recover()); }
gofer::panic_value doubleRecover() { return recover(); }
struct val {
  gofer::panic_value v;
  bool none = false;
};
string show2(const val& v) { return v.none ? string("none") : show(v.v).text; }
template <class F>
val tryv(F g) {
  return func([&](val& x) {
    defer d{[&] { x = {recover(), false}; }};
    g();
    x.none = true;
  });
}
template <class F>
string tr(F g) {
  return show2(tryv(g));
}

void r1b() {
  func([] {
    defer a{mustNotRecover};
    defer b{[] { p("inner", recover()); }};
    defer c{mustRecover, 1};
    panic(1);
  });
}
void r1helper() {
  func([] {
    defer a{mustNotRecover};
    defer b{mustRecover, 1};
    defer c{[] { p("dbl", doubleRecover()); }};
    panic(1);
  });
}
gofer::panic_value r5() {
  return func([](gofer::panic_value& r) {
    defer d{[&] { r = recover(); }};
    panic("named");
  });
}
int r6(int x) {
  return func([&](int& r) {
    r = x;
    defer d{[&] {
      r++;
      recover();
    }};
    if (x > 0) {
      r = r * 10;
      return;
    }
    panic("x");
  });
}
struct abs_ {
  int a = 0, b = 0;
  string s;
};
abs_ r8() {
  return func([](abs_& r) {
    defer d{[&] {
      if (auto e = recover()) {
        r.s = sprint(e, " ", r.a, r.b);
        r.b = 7;
      }
    }};
    r.a = 3;
    r.b = 4;
    panic("r8");
  });
}
void orderWithLoop() {
  func([] {
    gofer::defer_list l;
    for (int i = 0; i < 3; i++) {
      l.push([i] { p("loop", i); });
      l.push([](int n) { p("arg", n); }, i * 10);
    }
    p("body");
  });
}
void million() {
  int n = 0;
  func([&] {
    gofer::defer_list l;
    for (int i = 0; i < 1000000; i++) l.push([&n, i] { n += i & 1; });
  });
  p("million", n);
}
void millionPanic() {
  int n = 0;
  auto r = tr([&] {
    gofer::defer_list l;
    for (int i = 0; i < 100000; i++) l.push([&n] { n++; });
    panic("mp");
  });
  p(r, n);
}
void allPanic() {
  int n = 0;
  auto r = tr([&] {
    gofer::defer_list l;
    for (int i = 0; i < 2000; i++)
      l.push([&n, i] {
        n++;
        panic(i);
      });
    panic("ap");
  });
  p(r, n);
}
void recursion(int n) {
  func([&] {
    defer d{[&] {
      auto r = recover();
      if (n < 5) panic(sprint(r, "<", n));
      p("rec", r);
    }};
    if (n == 0) panic("bottom");
    recursion(n - 1);
  });
}
void conditional(bool b) {
  func([&] {
    gofer::defer_list l;
    if (b) l.push(p, "cond");
    l.push(p, "always");
    p("in", b);
  });
}
gofer::error condRecover(bool b) {
  return func([&](gofer::error& err) {
    gofer::defer_list l;
    if (b)
      l.push([&] {
        auto r = recover();
        if (auto* e = r.as<gofer::error>()) err = *e;
      });
    l.push([] {
      if (auto r = recover()) panic(gofer::make_error("re: {}", r.what()));
    });
    panic("cr");
  });
}
void closureSees() {
  func([] {
    int x = 1;
    defer a{[&] { p("closure sees", x); }};
    defer b{p, "arg saw", x};
    x = 2;
    defer c{[&](int y) { p("param", y, x); }, x};
    x = 3;
  });
}
struct acc {
  std::vector<string> s;
  acc* add(const string& t) {
    s.push_back(t);
    p("add", t);
    return this;
  }
};
void chained() {
  func([] {
    acc a;
    defer d{&acc::add, a.add("1")->add("2"), "3 deferred"};
    a.add("body");
  });
}
void evalPanics() {
  p("evalPanics", tr([] {
      defer d{p, "not deferred", []() -> int { panic("while evaluating"); }()};
      p("unreachable");
    }));
}
struct lock_ {
  string n;
  void lock() { p("lock", n); }
  void unlock() { p("unlock", n); }
};
void locks() {
  p(tr([] {
    lock_ a{"a"}, b{"b"};
    a.lock();
    defer x{&lock_::unlock, a};
    b.lock();
    defer y{&lock_::unlock, b};
    panic("locked");
  }));
}
void twiceInOne() {
  p("two", tr([] {
      defer d{[] {
        auto a = recover();
        auto b = recover();
        p(a, b);
      }};
      panic("once");
    }));
}
void nestedFuncs() {
  func([] {
    defer a{[] { p("outer", recover()); }};
    defer b{[] {
      defer c{[] { p("in-in", recover()); }};
      panic("inner");
    }};
    panic("outer");
  });
}
void nested3() {
  func([] {
    defer a{[] {
      p("l1", recover());
      defer b{[] {
        p("l2", recover());
        defer c{[] { p("l3", recover()); }};
        panic("p3");
      }};
      panic("p2");
    }};
    panic("p1");
  });
}
void recoverThenPanicSame() {
  p(tr([] {
    defer a{[] {
      auto r = recover();
      defer b{[] { p("inner sees", recover()); }};
      panic(r);
    }};
    panic("s");
  }));
}
void recoverAborted() {
  p(tr([] {
    defer a{[] {
      p("saw", recover());
      p("then", recover());
    }};
    defer b{[] { panic("newer"); }};
    panic("older");
  }));
}
template <class F>
void run(const char* name, F f) {
  gofer::wait_group wg;
  wg.add(1);
  go([&] {
    defer a{&gofer::wait_group::done, &wg};
    defer b{[&] { p(name, "last", recover()); }};
    func(f);
    p(name, "returned");
  });
  wg.wait();
}
void goexitCases() {
  run("g1", [] {
    defer a{p, "d"};
    goexit();
  });
  run("g2", [] {
    defer a{[] { p("rec", recover()); }};
    goexit();
  });
  run("g3", [] {
    defer a{[] { p("rec", recover()); }};
    GOFER_DEFER(panic("in g3"));
    goexit();
  });
  run("g4", [] {
    defer a{goexit};
    panic("g4");
  });
  run("g5", [] {
    defer a{[] {
      recover();
      goexit();
    }};
    panic("g5");
  });
  run("g6", [] {
    defer a{[] {
      defer b{[] { p("g6", recover()); }};
      goexit();
    }};
    panic("g6");
  });
  run("g7", [] {
    defer a{goexit};
    goexit();
  });
  run("g8", [] {
    defer a{[] { p("outer", recover()); }};
    defer b{[] {
      defer c{[] { p("inner", recover()); }};
      defer d{[] { panic("third"); }};
      goexit();
    }};
    panic("first");
  });
  run("g9", [] {
    tryv([] {
      defer a{[] { p("r", recover()); }};
      defer b{[] { panic("p"); }};
      goexit();
    });
    p("not reached");
  });
  run("g10", [] {
    defer a{[] { p("try in goexit", tr([] { panic("q"); })); }};
    goexit();
  });
  run("g11", [] {
    gofer::defer_list l;
    for (int i = 0; i < 3; i++)
      l.push([i] {
        p("i", i, recover());
        if (i == 1) panic("from 1");
      });
    goexit();
  });
  run("g12", [] {
    defer a{[] {
      defer x{[] { p("x", recover()); }};
      panic(1);
    }};
    defer b{[] {
      defer x{[] { p("y", recover()); }};
      panic(2);
    }};
    goexit();
  });
}
void blockingDefers() {
  auto c = gofer::make_chan<int>(0);
  auto d = gofer::make_chan<string>(0);
  go([c, d] {
    for (int v : c) d.send(sprint("echo ", v));
    d.close();
  });
  p(tr([&] {
    defer x{[&] {
      c.close();
      auto v = d.recv();
      p("closed", !v, v.has_value());
    }};
    gofer::defer_list l;
    for (int i = 0; i < 3; i++)
      l.push([&, i] {
        c.send(i);
        p(receive(d));
      });
    defer y{[](auto t) { gofer::sleep(t); }, 1ms};
    defer z{gofer::gosched};
    panic("bd");
  }));
}
void spawnInDefer() {
  gofer::wait_group wg;
  p(tr([&] {
    defer w{&gofer::wait_group::wait, &wg};
    gofer::defer_list l;
    for (int i = 0; i < 3; i++) {
      wg.add(1);
      l.push([&, i] {
        go([&wg, i] {
          defer d{&gofer::wait_group::done, &wg};
          tryv([i] { panic(i); });
        });
      });
    }
    panic("sp");
  }));
}
void onces() {
  gofer::once o;
  auto a = tr([&] { gofer::call_once(o, [] { panic("once"); }); });
  auto b = tr([&] { gofer::call_once(o, [] { p("no"); }); });
  p(a, b);
}
void ctxs() {
  func([] {
    auto [ctx, cancel] = gofer::with_cancel_cause(gofer::background());
    auto [child, c2] = gofer::with_timeout(ctx, 1h);
    defer d{c2};
    p(tr([&, cancel = cancel] {
      defer e{[&] { cancel(gofer::make_error("cause: {}", recover().what())); }};
      panic("in ctx");
    }));
    child.done().recv();
    p(child.err(), child.cause(), gofer::is(child.err(), gofer::context::canceled));
  });
}
void selects() {
  auto c = gofer::make_chan<int>(1);
  c.send(5);
  p(tr([&] { gofer::select(gofer::recv(c, [](std::optional<int> v) { panic(sprint("case ", *v)); })); }));
  c.send(6);
  auto a = tr([&] {
    defer d{[&] { c.send(receive(c) + 1); }};
    gofer::select(gofer::recv(c,
                              [&](std::optional<int> v) {
                                c.send(*v * 2);
                                panic("again");
                              }),
                  gofer::otherwise([] {}));
  });
  p(a, receive(c));
  c.close();
  p(tr([&] { gofer::select(gofer::send(c, 1, [] {}), gofer::otherwise([] { p("default"); })); }));
  gofer::chan<int> nilc;
  auto x = tr([&] { nilc.close(); });
  auto y = tr([&] { c.close(); });
  auto z = tr([&] { c.send(1); });
  p(x, y, z);
}
void wgs() {
  gofer::wait_group wg;
  p(tr([&] { wg.add(-1); }));
  gofer::wait_group w2;
  w2.add(1);
  p(tr([&] {
    w2.done();
    w2.done();
  }));
}
void deepUnwind(int n) {
  if (n < 0) return;  // or GCC takes it for an infinite recursion
  defer d{[] {}};
  if (n > 0) deepUnwind(n - 1);
  panic("deep");
}
string resultOverwritten() {
  return func([](string& s) {
    defer d{[&] { s += "|" + show(recover()).text; }};
    s = "set";
    s = []() -> string { panic("in return expr"); }();
  });
}
string returnThenPanicInDefer() {
  return func([](string& s) {
    defer a{[&] { s += "+" + show(recover()).text; }};
    defer b{[] { panic("deferred"); }};
    s = "returned";
  });
}
void loopRecover() {
  for (int i = 0; i < 3; i++)
    func([&] {
      defer d{[&] { p("iter", i, recover()); }};
      if (i != 1) panic(i);
    });
}
void r13() {
  int x = 0;
  func([&] {
    defer a{[&] {
      if (recover()) x = 1;
    }};
    defer b{[&] { x = 5; }};
    panic(1);
  });
  p("r13", x);
}
void stopMid() {
  p(tr([] {
    defer a{p, "A"};
    defer b{[] { p("B", recover()); }};
    defer c{p, "C"};
    panic("mid");
  }));
}
void panicInArgs() {
  p(tr([] { panic(sprint([]() -> int { panic("inner arg"); }())); }));
}
void deferInDefer() {
  func([] {
    defer a{p, "1"};
    defer b{[] {
      defer c{p, "2"};
      defer d{[] {
        defer e{p, "3"};
        p("4");
      }};
      p("5");
    }};
    p("6");
  });
}
void deferModifiesDeferred() {
  func([] {
    std::function<void()> f = [] { p("original"); };
    defer a{[&] { f(); }};
    defer b{f};
    f = [] { p("changed"); };
  });
}
void nilFuncDefer() {
  p(tr([] {
    void (*f)() = nullptr;
    defer a{p, "still"};
    defer b{f};
    p("body");
  }));
}
FAULTS_ON_PURPOSE void divide() { println(1 / zero); }
void typesOf() {
  void (*fs[])() = {[] { panic(1); },       [] { panic("s"); },
                    [] { panic(1.5); },     [] { panic(gofer::make_error("e")); },
                    [] { panic(nullptr); }, divide};
  for (auto f : fs) {
    auto v = tryv(f).v;
    if (auto* i = v.as<int>())
      p("int", *i);
    else if (auto* s = v.as<string>())
      p("string", *s);
    else if (v.as<double>())
      p("float", "1.5");
    else if (auto* e = v.as<gofer::runtime_error>())
      p("runtime", e->what());
    else if (auto* e2 = v.as<gofer::error>())
      p("error", *e2);
  }
}
void big(bool m) {
  int x[10000];
  x[0] = 1;
  x[9999] = 1;
  asm volatile("" ::"r"(x) : "memory");
  auto v = recover();
  p("big", m, v, x[0] + x[9999]);
}
void testBig() {
  func([] {
    defer a{big, false};
    defer b{big, true};
    panic("big");
  });
}
void disappearing(int n) {
  func([&] {
    gofer::defer_list l;
    l.push([n] {
      bool r = static_cast<bool>(recover());
      p("dis", n, r);
    });
    if (n > 0) {
      l.push([n] {
        if (n % 2 == 0) panic(n);
      });
      disappearing(n - 1);
      panic("n");
    }
  });
}
void throughGoroutine() {
  auto ch = gofer::make_chan<gofer::panic_value>(0);
  go([ch] {
    defer d{[&] { ch.send(recover()); }};
    panic(gofer::make_error("over"));
  });
  p("got", receive(ch));
}
void mutexHeld() {
  gofer::mutex mu;
  auto a = tr([&] {
    mu.lock();
    defer d{&gofer::mutex::unlock, &mu};
    panic("held");
  });
  p(a, mu.try_lock());
}
void condWaits() {
  gofer::mutex mu;
  gofer::condition_variable c;
  bool ready = false;
  gofer::wait_group wg;
  wg.go([&] {
    defer d{[&] {
      recover();
      mu.lock();
      ready = true;
      mu.unlock();
      c.notify_all();
    }};
    panic("signal");
  });
  std::unique_lock l(mu);
  while (!ready) c.wait(l);
  l.unlock();
  wg.wait();
  p("cond ok");
}
void timersRecover() {
  auto done = gofer::make_chan<string>(0);
  gofer::after_func(1ms, [done] {
    defer d{[&] { done.send(sprint("timer ", recover())); }};
    panic("tick");
  });
  p(receive(done));
}
void labels() {
  for (int i = 0; i < 3; i++) {
    bool next = false;
    for (int j = 0; j < 3 && !next; j++) {
      func([&] {
        defer a{[] { recover(); }};
        defer b{[&] { p("ij", i, j); }};
        if (j == 1) panic("x");
      });
      if (j == 1) next = true;
    }
  }
}
void stackOf() {
  func([] {
    defer d{[] {
      recover();
      p(gofer::stack().starts_with("goroutine 1 [running]:\n"));
    }};
    panic("st");
  });
}
struct test {
  const char* n;
  void (*f)();
};
const test tests[] = {
    {"r1b", r1b},
    {"r1helper", r1helper},
    {"r5", [] { p(r5()); }},
    {"r6",
     [] {
       auto a = r6(4), b = r6(0);
       p(a, b);
     }},
    {"r8",
     [] {
       auto r = r8();
       p(r.a, r.b, r.s);
     }},
    {"orderWithLoop", orderWithLoop},
    {"million", million},
    {"millionPanic", millionPanic},
    {"allPanic", allPanic},
    {"recursion", [] { recursion(5); }},
    {"conditional",
     [] {
       conditional(true);
       conditional(false);
     }},
    {"condRecover",
     [] {
       p(condRecover(true));
       p(tr([] { condRecover(false); }));
     }},
    {"closureSees", closureSees},
    {"chained", chained},
    {"evalPanics", evalPanics},
    {"locks", locks},
    {"twiceInOne", twiceInOne},
    {"nestedFuncs", nestedFuncs},
    {"nested3", nested3},
    {"recoverThenPanicSame", recoverThenPanicSame},
    {"recoverAborted", recoverAborted},
    {"goexitCases", goexitCases},
    {"blockingDefers", blockingDefers},
    {"spawnInDefer", spawnInDefer},
    {"onces", onces},
    {"ctxs", ctxs},
    {"selects", selects},
    {"wgs", wgs},
    {"deepUnwind", [] { p(tr([] { deepUnwind(1000); })); }},
    {"resultOverwritten", [] { p(resultOverwritten()); }},
    {"returnThenPanicInDefer", [] { p(returnThenPanicInDefer()); }},
    {"loopRecover", loopRecover},
    {"r13", r13},
    {"stopMid", stopMid},
    {"panicInArgsOfPanic", panicInArgs},
    {"deferInDefer", deferInDefer},
    {"deferModifiesDeferred", deferModifiesDeferred},
    {"nilFuncDefer", nilFuncDefer},
    {"typesOf", typesOf},
    {"testBig", testBig},
    {"disappearing", [] { p(tr([] { disappearing(4); })); }},
    {"throughGoroutine", throughGoroutine},
    {"mutexHeld", mutexHeld},
    {"condWaits", condWaits},
    {"timersRecover", timersRecover},
    {"labels", labels},
    {"stackOf", stackOf},
};
}  // namespace
int main() {
  return gofer::run([] {
    for (const auto& t : tests) {
      println("==", t.n);
      func([&] {
        defer d{[] {
          if (auto r = recover()) p("ESCAPED", r);
        }};
        t.f();
      });
    }
  });
}
