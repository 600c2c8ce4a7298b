// A deferred function recovers and then panics anew before it returns: the recovered panic is still there and is
// reported with " [recovered]".
#include "go.hpp"

using conformance::println;

int main() {
  return gofer::run([] {
    gofer::defer outer{println, "outer defer"};
    gofer::defer repanics{[] {
      println("recovered:", gofer::recover());
      println("again:", gofer::recover());
      gofer::panic("second");
    }};
    gofer::panic("first");
  });
}
