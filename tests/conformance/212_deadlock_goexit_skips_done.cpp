// Done is not deferred, so a Goexit skips it and Wait waits for ever.
#include "go.hpp"

int main() {
  return gofer::run([] {
    gofer::wait_group wg;
    wg.add(1);
    gofer::go([&wg] {
      gofer::goexit();
      wg.done();
    });
    wg.wait();
  });
}
