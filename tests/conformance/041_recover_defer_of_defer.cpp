// A deferred closure inside a deferred closure: when the inner one is run by the normal end of the outer one, its
// recover is empty, because the panic did not call it; the outer frame's next deferred function still recovers.
#include "go.hpp"

using conformance::println;

int main() {
  return gofer::run([] {
    gofer::defer a{[] { println("A", gofer::recover()); }};
    gofer::defer b{[] {
      gofer::defer inner{[] {
        println("B.inner", gofer::recover());
        gofer::defer inner_inner{[] { println("B.inner.inner", gofer::recover()); }};
      }};
      println("B body does not recover");
    }};
    gofer::defer c{[] {
      gofer::defer inner{[] { println("C.inner", gofer::recover()); }};
      gofer::func([] { gofer::defer deferred{[] { println("C.call.deferred", gofer::recover()); }}; });
      gofer::panic("second");
    }};
    gofer::panic("first");
  });
}
