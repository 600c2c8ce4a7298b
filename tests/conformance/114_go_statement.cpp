// go evaluates function and arguments in the starting goroutine, before it goes on; panics there belong to the starter;
// results are dropped; the new goroutine has its own, empty set of defers.
#include <string>
#include <vector>

#include "go.hpp"
#include "slice.hpp"

using conformance::println;
using conformance::receive;
using conformance::slice;
using conformance::sprint;

struct counted {
  int n;
  void show(gofer::chan<std::string> c) const { c.send(sprint("value receiver ", n)); }
  void show_ptr(gofer::chan<std::string> c) { c.send(sprint("pointer receiver ", n)); }
};

std::string arg(const char* s) {
  println("eval", s);
  return s;
}

int result(gofer::chan<std::string> c) {
  c.send("result dropped");
  return 7;
}

int main() {
  return gofer::run([] {
    gofer::chan<std::string> c = gofer::make_chan<std::string>(0);
    int x = 1;
    gofer::chan<bool> hold = gofer::make_chan<bool>(0);
    // C++ leaves open in which order arguments are evaluated: two statements fix it.
    std::string first = arg("a");
    std::string second = arg("b");
    gofer::go(
        [&](const std::string& a, const std::string& b, int n) {
          hold.recv();
          c.send(sprint(a, b, n, " captured ", x));
        },
        first, second, x);
    x = 2;
    hold.close();
    println(receive(c));

    counted t{1};
    gofer::go(&counted::show, t, c);
    t.n = 2;
    println(receive(c));
    counted pointee{3};
    counted* p = &pointee;
    gofer::go(&counted::show_ptr, p, c);
    println(receive(c));
    gofer::go(result, c);
    println(receive(c));

    gofer::func([&] {
      gofer::defer d{[] { println("starter recovered:", gofer::recover()); }};
      gofer::go([&](int) { c.send("must not start"); },
                [] {
                  gofer::panic("argument");
                  return 0;
                }());
      println("unreachable");
    });

    gofer::go([c] {
      gofer::defer d1{[&] { c.send(sprint("grandchild's result: ", gofer::recover())); }};
      gofer::chan<gofer::panic_value> d = gofer::make_chan<gofer::panic_value>(0);
      gofer::go([d] {
        gofer::defer d2{[&] { d.send(gofer::recover()); }};
        gofer::panic("grandchild");
      });
      gofer::panic(receive(d));
    });
    println(receive(c));

    std::vector<int> order;
    gofer::chan<int> next = gofer::make_chan<int>(0);
    for (int i = 0; i < 5; i++) {
      gofer::go([&order, next, i] {
        gofer::defer d{[&] { next.send(i); }};
        order.push_back(i);
      });
      next.recv();
    }
    println(slice(order));
  });
}
