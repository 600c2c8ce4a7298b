// recover stops a panic only when the deferred function calls it directly: not from a helper it calls, not from a
// recursive call of itself, not from a closure it calls, and only the first direct call gets the value.
#include "go.hpp"

using conformance::println;

namespace {

gofer::panic_value helper() { return gofer::recover(); }

void direct() {
  println("helper:", helper());
  println("closure:", [] { return gofer::recover(); }());
  println("direct:", gofer::recover());
  println("direct again:", gofer::recover());
  println("helper after:", helper());
}

void via_helper() { println("viaHelper:", helper()); }

void via_recursion(int n) {
  if (n > 0) {
    via_recursion(n - 1);
    return;
  }
  println("viaRecursion:", gofer::recover());
}

void via_pointer(gofer::panic_value (*f)()) { println("viaPointer:", f()); }

}  // namespace

int main() {
  return gofer::run([] {
    gofer::defer last{[] { println("last:", gofer::recover()); }};
    gofer::defer d1{direct};
    gofer::defer d2{via_helper};
    gofer::defer d3{via_recursion, 1};
    gofer::defer d4{via_pointer, helper};
    gofer::defer d5{[] {
      for (int i = 0; i < 2; i++) {
        [i] { println("nested call", i, gofer::recover()); }();
      }
    }};
    gofer::panic("P");
  });
}
