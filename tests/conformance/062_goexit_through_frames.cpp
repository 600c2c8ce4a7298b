// goexit from the bottom of 1000 frames, each with deferred calls that recover: all of them run, none of the frames
// resumes.
#include <string>

#include "go.hpp"

using conformance::println;
using conformance::receive;
using conformance::sprint;

namespace {

int ran = 0, recovered = 0, resumed = 0;

int down(int n) {
  return gofer::func([&](int& r) {
    gofer::defer first{[&] {
      ran++;
      if (gofer::recover()) recovered++;
      r = n;
    }};
    if (n == 0) gofer::goexit();
    gofer::defer second{[] { ran++; }};
    r = down(n - 1);
    resumed++;
  });
}

}  // namespace

int main() {
  return gofer::run([] {
    auto done = gofer::make_chan<std::string>(0);
    // differs: stacks do not grow in C++; 1000 frames of an unoptimized or sanitized build need more than the default.
    gofer::go(gofer::spawn_options{.stack_size = 16 << 20}, [done] {
      std::string s = "initial";
      gofer::defer d{[&] { done.send(s); }};
      s = "before";
      s = sprint("returned ", down(1000));
    });
    println("state", receive(done));
    println("ran", ran, "recovered", recovered, "resumed", resumed);
  });
}
