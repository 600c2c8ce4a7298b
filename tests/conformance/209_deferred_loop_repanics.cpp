// Deferred calls of a loop panic one after the other, some after recovering the one before.
#include "go.hpp"

using conformance::println;
using conformance::sprint;

int main() {
  return gofer::run([] {
    gofer::defer_list l;
    for (int i = 0; i < 4; i++)
      l.push([i] {
        if (i % 2 == 0) println("rec", gofer::recover());
        gofer::panic(sprint("d", i));
      });
    gofer::panic("start");
  });
}
