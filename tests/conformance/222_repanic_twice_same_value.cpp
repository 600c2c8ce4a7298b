// The same value panicked with again at two frames: each recovered one is shown.
#include "go.hpp"

int main() {
  return gofer::run([] {
    gofer::defer d{[] { gofer::panic(gofer::recover()); }};
    gofer::defer e{[] { gofer::panic(gofer::recover()); }};
    gofer::panic("v");
  });
}
