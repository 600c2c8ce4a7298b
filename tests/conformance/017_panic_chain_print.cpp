// Panics raised by deferred functions at several frames: every unrecovered panic is reported, oldest first, later ones
// indented by one tab.
#include "go.hpp"

using conformance::println;

namespace {

void inner() {
  gofer::func([] {
    gofer::defer plain{println, "inner plain defer"};
    gofer::defer panics{[] {
      println("inner defer panics");
      gofer::panic("two");
    }};
    gofer::panic("one");
  });
}

void middle() {
  gofer::func([] {
    gofer::defer panics{[] {
      println("middle defer panics");
      gofer::panic(3);
    }};
    inner();
    println("unreachable");
  });
}

}  // namespace

int main() {
  return gofer::run([] {
    gofer::defer plain{println, "main plain defer"};
    gofer::defer panics{[] {
      println("main defer panics");
      gofer::panic(gofer::make_error("four"));
    }};
    middle();
    println("unreachable");
  });
}
