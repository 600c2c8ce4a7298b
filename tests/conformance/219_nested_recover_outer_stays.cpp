// A function called by a deferred call panics and recovers; the older panic stays, and a newer one joins it.
#include "go.hpp"

using conformance::println;

int main() {
  return gofer::run([] {
    gofer::defer d{[] {
      gofer::func([] {
        gofer::defer e{[] { println("inner", gofer::recover()); }};
        gofer::panic("tmp");
      });
      gofer::panic("from defer");
    }};
    gofer::panic("base");
  });
}
