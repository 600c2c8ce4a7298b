// A once whose function has panicked is done; the panic goes to the caller.
#include "go.hpp"

using conformance::println;

int main() {
  return gofer::run([] {
    gofer::once o;
    gofer::func([&] {
      gofer::defer d{[] { println("r", gofer::recover()); }};
      gofer::call_once(o, [] { gofer::panic("in once"); });
    });
    gofer::call_once(o, [] { println("never"); });
    println("done once");
    gofer::once o2;
    gofer::call_once(o2, [] { gofer::panic("once dies"); });
  });
}
