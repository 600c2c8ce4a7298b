// Main returns while another goroutine runs the deferred calls of its panic: the process waits for that and reports it.
#include <chrono>

#include "go.hpp"

using conformance::println;
using namespace std::chrono_literals;

int main() {
  return gofer::run([] {
    gofer::func([] {
      gofer::go([] {
        gofer::defer d{[] {
          println("start");
          gofer::sleep(50ms);
          println("still");
        }};
        gofer::panic("other");
      });
      gofer::sleep(10ms);
      println("main returns");
    });
    println("returned");
  });
}
