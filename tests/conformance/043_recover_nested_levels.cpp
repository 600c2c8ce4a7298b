// Nested panics recovered level by level: inside the deferred function of panic n, panic n+1 is raised and recovered by
// its own deferred function, then panic n is recovered in turn.
#include "go.hpp"

using conformance::println;
using conformance::sprint;

namespace {

void level(int n, int max) {
  gofer::func([&] {
    gofer::defer d{[&] {
      if (n < max) level(n + 1, max);
      println("level", n, "recovers", gofer::recover());
      if (n < max) level(n + 1, n + 1);
      println("level", n, "then", gofer::recover());
    }};
    gofer::panic(sprint("P", n));
  });
}

}  // namespace

int main() {
  return gofer::run([] {
    level(1, 4);
    println("end");
  });
}
