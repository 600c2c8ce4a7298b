// All goroutines blocked: a fatal error, exit status 2; it is not a panic, so deferred functions do not run.
#include "go.hpp"

using conformance::println;
using conformance::receive;

int wait(gofer::chan<int> c) { return receive(c); }

int main() {
  return gofer::run([] {
    gofer::defer d1{println, "must not run"};
    gofer::defer d2{[] { println("must not run", gofer::recover()); }};
    println("blocking");
    wait(gofer::make_chan<int>(0));
  });
}
