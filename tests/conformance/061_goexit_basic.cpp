// goexit ends only its goroutine: deferred functions run last-in first-out, recover is empty in them, nothing after the
// call runs, others go on.
#include "go.hpp"

using conformance::println;

namespace {

void leave(const char* tag) {
  gofer::func([&] {
    gofer::defer d{println, tag, "leave defer"};
    gofer::goexit();
    println("unreachable");
  });
}

}  // namespace

int main() {
  return gofer::run([] {
    auto done = gofer::make_chan<bool>(0);
    gofer::go([done] {
      gofer::defer end{[&] { done.send(true); }};
      gofer::defer rec{[] { println("recover:", gofer::recover()); }};
      gofer::defer_list defers;
      for (int i = 0; i < 3; i++) defers.push(println, "loop defer", i);
      gofer::func([] {
        gofer::defer nested{[] { println("nested recover:", gofer::recover()); }};
        leave("one");
        println("unreachable");
      });
      println("unreachable");
    });
    done.recv();
    gofer::go([done] {
      gofer::defer end{[&] { done.send(true); }};
      gofer::defer outer{[] {
        gofer::defer inner{println, "defer of a defer"};
        println("deferred body");
      }};
      gofer::goexit();
    });
    done.recv();
    println("main goes on");
  });
}
