// During a Goexit a deferred call panics, recovers that and panics again: the report shows which was recovered.
#include "go.hpp"

using conformance::println;

int main() {
  return gofer::run([] {
    gofer::go([] {
      gofer::defer z{[] { gofer::panic("C"); }};
      gofer::defer a{[] {
        gofer::defer x{[] {
          println(gofer::recover());
          gofer::panic("B");
        }};
        gofer::panic("A");
      }};
      gofer::goexit();
    });
    gofer::select();
  });
}
