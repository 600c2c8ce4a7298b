// Deferred calls of a panicking goroutine wake main, which has not returned when the process ends.
#include <chrono>

#include "go.hpp"

using conformance::println;
using namespace std::chrono_literals;

int main() {
  return gofer::run([] {
    auto c = gofer::make_chan<int>(0);
    gofer::go([c] {
      gofer::defer d{[&] { c.close(); }};
      gofer::panic("closes");
    });
    c.recv();
    gofer::sleep(1s);
    println("never");
  });
}
