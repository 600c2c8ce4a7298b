// An uncaught panic, and another one in a deferred call that two frames further out had waiting: both are reported.
#include "go.hpp"

using conformance::println;

namespace {

[[gnu::noinline]] void gamma() { gofer::panic("gamma failed"); }

[[gnu::noinline]] void helper() { gofer::panic("cleanup failed"); }

[[gnu::noinline]] void cleanup() { helper(); }

[[gnu::noinline]] void beta() {
  gofer::func([] {
    gofer::defer d{cleanup};
    gamma();
    println("unreachable");
  });
}

[[gnu::noinline]] void alpha() {
  beta();
  println("unreachable");
}

}  // namespace

int main() {
  return gofer::run([] { alpha(); });
}
