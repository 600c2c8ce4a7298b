// Each goroutine has its own deferred calls and its own panic: they interleave freely and do not see each other.
#include <string>

#include "go.hpp"

using conformance::println;
using conformance::receive;
using conformance::sprint;

namespace {

using strings = gofer::chan<std::string>;

void worker(const std::string& name, strings in, strings out, bool bad) {
  gofer::defer end{[&] { out.send(sprint(name, " end recover=", gofer::recover())); }};
  gofer::defer_list defers;
  for (int i = 0; i < 3; i++) {
    defers.push(
        [&](int n) {
          in.recv();
          out.send(sprint(name, " defer ", n));
        },
        i);
  }
  in.recv();
  if (bad) gofer::panic(name + "!");
  out.send(name + " returning");
}

}  // namespace

int main() {
  return gofer::run([] {
    auto a = gofer::make_chan<std::string>(0), b = gofer::make_chan<std::string>(0);
    auto ao = gofer::make_chan<std::string>(0), bo = gofer::make_chan<std::string>(0);
    gofer::go(worker, "A", a, ao, true);
    gofer::go(worker, "B", b, bo, false);
    b.send("");
    println(receive(bo));
    a.send("");
    for (int i = 0; i < 2; i++) {
      b.send("");
      println(receive(bo));
      a.send("");
      println(receive(ao));
    }
    a.send("");
    println(receive(ao));
    println(receive(ao));
    b.send("");
    println(receive(bo));
    println(receive(bo));
  });
}
