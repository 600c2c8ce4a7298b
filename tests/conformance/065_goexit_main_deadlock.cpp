// main calls goexit: the program goes on while other goroutines run; when the last one has ended it is a fatal error,
// exit status 2.
#include <chrono>

#include "go.hpp"

using conformance::println;
using namespace std::chrono_literals;

int main() {
  return gofer::run([] {
    gofer::defer d{println, "main defer"};
    gofer::go([] {
      gofer::sleep(20ms);
      println("other goroutine still works");
      gofer::go([] {
        gofer::sleep(1ms);
        println("and its child");
      });
    });
    gofer::goexit();
  });
}
