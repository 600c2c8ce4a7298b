// goexit called by a deferred function while a panic is in progress: the panic is dropped, the goroutine ends quietly,
// the process goes on.
#include <functional>
#include <string>

#include "go.hpp"

using conformance::println;

namespace {

// Go's f is a function with deferred calls, so it runs inside a func here.
void run(const std::string& name, const std::function<void()>& f) {
  auto done = gofer::make_chan<bool>(0);
  gofer::go([name, f, done] {
    gofer::defer closes{[&] { done.close(); }};
    gofer::defer recovers{[&] { println(name, "recover:", gofer::recover()); }};
    gofer::func([&] { f(); });
    println(name, "RESUMED");
  });
  done.recv();
  println(name, "ended");
}

}  // namespace

int main() {
  return gofer::run([] {
    run("plain", [] {
      gofer::defer d{gofer::goexit};
      gofer::panic("dropped");
    });
    run("nested", [] {
      gofer::defer still{println, "still runs"};
      gofer::defer outer{[] {
        gofer::func([] {
          gofer::defer sees{[] { println("sees:", gofer::recover()); }};
          gofer::goexit();
        });
      }};
      gofer::panic("dropped too");
    });
    run("chain", [] {
      gofer::defer outer{[] {
        gofer::defer in_goexit{[] { println("in goexit:", gofer::recover()); }};
        gofer::defer d{gofer::goexit};
        gofer::panic("second");
      }};
      gofer::panic("first");
    });
    run("recovered first", [] {
      gofer::defer d{[] {
        println("got", gofer::recover());
        gofer::goexit();
      }};
      gofer::panic("taken");
    });
    run("new panic recovered", [] {
      gofer::defer outer{[] { println("outer of new:", gofer::recover()); }};
      gofer::defer panics{[] { gofer::panic("new"); }};
      gofer::defer d{gofer::goexit};
      gofer::panic("old");
    });
  });
}
