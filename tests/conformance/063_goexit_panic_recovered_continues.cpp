// A panic in a deferred function run by goexit can be recovered, but the recovery does not cancel the goexit: callers
// do not resume.
#include <functional>
#include <string>

#include "go.hpp"

using conformance::println;

namespace {

void inner() {
  gofer::func([] {
    gofer::defer after{println, "inner defer after recovery, recover:", "n/a"};
    gofer::defer recovers{[] { println("inner recovered:", gofer::recover()); }};
    gofer::defer panics{[] { gofer::panic("during goexit"); }};
    gofer::goexit();
  });
}

void self_recovered() {
  gofer::func([] {
    gofer::defer outer{[] {
      gofer::defer recovers{[] { println("self recovered:", gofer::recover()); }};
      gofer::panic("inside one deferred call");
    }};
    gofer::goexit();
  });
}

void twice() {
  gofer::func([] {
    gofer::defer third{[] {
      println("second recovered:", gofer::recover());
      gofer::panic("third");
    }};
    gofer::defer second{[] { gofer::panic("second"); }};
    gofer::defer recovers{[] { println("first recovered:", gofer::recover()); }};
    gofer::defer first{[] { gofer::panic("first"); }};
    gofer::goexit();
  });
}

void run(const std::string& name, const std::function<void()>& f) {
  auto done = gofer::make_chan<bool>(0);
  gofer::go([name, f, done] {
    gofer::defer closes{[&] { done.close(); }};
    gofer::defer outermost{[&] { println(name, "outermost recover:", gofer::recover()); }};
    gofer::defer before{[&] { println(name, "before it:", gofer::recover()); }};
    f();
    println(name, "RESUMED");
  });
  done.recv();
}

}  // namespace

int main() {
  return gofer::run([] {
    run("inner", inner);
    run("self", self_recovered);
    run("twice", twice);
    run("caller", [] {
      gofer::func([] {
        gofer::defer recovers{[] { println("caller's frame recovered:", gofer::recover()); }};
        gofer::func([] {
          gofer::defer panics{[] { gofer::panic("one frame down"); }};
          gofer::goexit();
        });
        println("RESUMED in caller");
      });
      println("RESUMED after caller");
    });
    while (gofer::num_goroutine() > 1) gofer::gosched();
    println("goroutines left:", gofer::num_goroutine());
  });
}
