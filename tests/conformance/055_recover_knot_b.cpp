// Panics that start while several frames' deferred functions are suspended in the middle: which frames' remaining
// deferred calls run, in what order, and where control returns after each recovery.
#include "go.hpp"

namespace {

constexpr auto p = conformance::println;

void f4() {
  gofer::func([] {
    gofer::defer d1{p, "f4 defer 1"};
    gofer::defer d2{[] {
      p("f4 defer 2 recovers", gofer::recover());
      gofer::panic("D");
    }};
    gofer::panic("C");
  });
}

void f3() {
  gofer::func([] {
    gofer::defer d1{p, "f3 defer 1"};
    gofer::defer d2{[] {
      p("f3 defer 2 in");
      f4();
      p("f3 defer 2 out: unreachable");
    }};
    gofer::defer d3{[] { p("f3 defer 3 sees", gofer::recover()); }};
    gofer::panic("B");
  });
}

void f2() {
  gofer::func([] {
    gofer::defer d1{p, "f2 defer 1"};
    gofer::defer d2{[] {
      p("f2 defer 2 in");
      f3();
      p("f2 defer 2 out");
    }};
    gofer::defer d3{p, "f2 defer 3"};
    gofer::panic("A");
  });
}

void f1() {
  gofer::func([] {
    gofer::defer end{p, "f1 end, defer"};
    gofer::defer recovers{[] { p("f1 recovers", gofer::recover()); }};
    f2();
    p("f1 after f2: unreachable");
  });
}

void g1() {
  gofer::func([] {
    gofer::defer recovers{[] { p("g1 recovers", gofer::recover()); }};
    gofer::func([] {
      gofer::defer x{[] {
        p("g1.x in");
        gofer::defer x1{p, "g1.x.1"};
        gofer::func([] {
          gofer::defer call1{p, "g1.x.call.1"};
          gofer::defer call2{[] {
            p("g1.x.call.2 in");
            gofer::panic("Z");
          }};
          gofer::panic("Y");
        });
        p("unreachable");
      }};
      gofer::defer y{p, "g1.y"};
      gofer::panic("X");
    });
    p("unreachable");
  });
}

}  // namespace

int main() {
  return gofer::run([] {
    f1();
    p("back in main");
    g1();
    p("back in main again");
  });
}
