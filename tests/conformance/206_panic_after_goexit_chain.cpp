// A Goexit drops the panic that it interrupts, a panic in its deferred calls is recovered, and the Goexit goes on: only
// what is raised after that is reported.
#include "go.hpp"

using conformance::println;

int main() {
  return gofer::run([] {
    gofer::go([] {
      gofer::defer d{[] { gofer::panic("after"); }};
      gofer::defer e{[] { println("rec", gofer::recover()); }};
      gofer::defer f{[] { gofer::panic("mid"); }};
      gofer::defer g{[] { gofer::goexit(); }};
      gofer::panic("before");
    });
    gofer::select();
  });
}
