// Three workers wait to send to nobody, main waits for them.
#include "go.hpp"

int main() {
  return gofer::run([] {
    auto c = gofer::make_chan<int>(0);
    gofer::wait_group wg;
    for (int i = 0; i < 3; i++) {
      wg.add(1);
      gofer::go([&wg, c, i] {
        gofer::defer d{&gofer::wait_group::done, &wg};
        c.send(i);
      });
    }
    wg.wait();
  });
}
