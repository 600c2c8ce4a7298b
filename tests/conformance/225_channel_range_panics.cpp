// A panic in a loop over a channel runs what was deferred in earlier rounds.
#include "go.hpp"

using conformance::println;

int main() {
  return gofer::run([] {
    auto c = gofer::make_chan<int>(3);
    c.send(1);
    c.send(2);
    c.close();
    gofer::defer_list l;
    for (int v : c) {
      if (v == 2) gofer::panic(v);
      l.push(println, "deferred", v);
    }
  });
}
