// A deferred call that blocks for ever while a panic is in progress is a deadlock like any other.
#include "go.hpp"

using conformance::println;

int main() {
  return gofer::run([] {
    gofer::defer d{println, "x"};
    gofer::defer e{[] { gofer::select(); }};
    gofer::panic("lost");
  });
}
