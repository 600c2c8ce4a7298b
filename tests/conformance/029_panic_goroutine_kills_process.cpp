// An uncaught panic in any goroutine ends the whole process; main's recover cannot stop it, and main's deferred calls
// do not run.
#include "go.hpp"

using conformance::println;

namespace {

void worker() {
  gofer::defer d{println, "worker defer"};
  gofer::panic("in worker");
}

}  // namespace

int main() {
  return gofer::run([] {
    gofer::defer d{[] { println("main defer must not run", gofer::recover()); }};
    auto block = gofer::make_chan<int>(0);
    println("start");
    gofer::go(worker);
    block.recv();
  });
}
