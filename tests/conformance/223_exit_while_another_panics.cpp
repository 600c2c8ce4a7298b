// Exit does not wait for a goroutine that panics.
#include <chrono>
#include <cstdlib>

#include "go.hpp"

using namespace std::chrono_literals;

int main() {
  return gofer::run([] {
    gofer::go([] {
      gofer::defer d{[] { gofer::sleep(1s); }};
      gofer::panic("slow");
    });
    gofer::sleep(5ms);
    std::exit(9);
  });
}
