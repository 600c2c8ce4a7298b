// A division by zero is no signal in Go, so its report has no line about one, although here it is SIGFPE.
#include "go.hpp"

using conformance::println;

namespace {
volatile int zero = 0;
FAULTS_ON_PURPOSE void divide() { println(1 / zero); }
}  // namespace

int main() {
  return gofer::run([] {
    gofer::defer d{[] {
      const auto r = gofer::recover();
      gofer::panic(gofer::wrap(gofer::make_error(*r.as<gofer::runtime_error>()), "wrapped"));
    }};
    divide();
  });
}
