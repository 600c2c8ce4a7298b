// A Goexit between two panics of a chain is not shown in the report.
#include "go.hpp"

int main() {
  return gofer::run([] {
    gofer::go([] {
      gofer::defer a{[] { gofer::panic("C"); }};
      gofer::defer b{[] {
        gofer::defer x{[] { gofer::panic("B"); }};
        gofer::goexit();
      }};
      gofer::panic("A");
    });
    gofer::select();
  });
}
