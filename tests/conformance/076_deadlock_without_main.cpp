// A deadlock without main: the last goroutine alive is not main, which has already called goexit, and it waits in a
// select.
#include <chrono>
#include <string>

#include "go.hpp"

using conformance::println;
using namespace std::chrono_literals;

int main() {
  return gofer::run([] {
    gofer::chan<int> a = gofer::make_chan<int>(0);
    gofer::chan<std::string> b = gofer::make_chan<std::string>(0);
    gofer::go([a, b] {
      gofer::sleep(10ms);
      println("main should be gone");
      gofer::select(gofer::recv(a), gofer::send(b, std::string("x")));
    });
    gofer::defer d{println, "main leaves"};
    gofer::goexit();
  });
}
