// recover outside a deferred call has no effect: it is empty before the panic, and a helper that was called normally
// cannot stop a later panic.
#include "go.hpp"

using conformance::println;

namespace {

bool try_recover() { return !gofer::recover(); }

}  // namespace

int main() {
  return gofer::run([] {
    gofer::defer a{println, "deferA"};
    println("recover nil:", !gofer::recover());
    println("helper nil:", try_recover());
    [] { (void)gofer::recover(); }();
    println("about to panic");
    gofer::panic("panic");
  });
}
