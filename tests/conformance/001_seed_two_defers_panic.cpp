// Two deferred calls, then an uncaught panic: the calls run last-in first-out, then the panic is reported on stderr and
// the exit status is 2.
#include "go.hpp"

using conformance::println;

namespace {

void defer_a() { println("deferA"); }
void defer_b() { println("deferB"); }

}  // namespace

int main() {
  return gofer::run([] {
    gofer::defer a{defer_a};
    gofer::defer b{defer_b};
    gofer::panic("panic");
  });
}
