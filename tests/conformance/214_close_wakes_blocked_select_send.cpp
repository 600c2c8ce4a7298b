// A select that waits to send panics when the channel is closed under it.
#include <chrono>

#include "go.hpp"

using namespace std::chrono_literals;

int main() {
  return gofer::run([] {
    auto c = gofer::make_chan<int>(0);
    auto d = gofer::make_chan<int>(0);
    gofer::go([c] {
      gofer::sleep(10ms);
      c.close();
    });
    gofer::select(gofer::send(c, 1), gofer::recv(d));
  });
}
