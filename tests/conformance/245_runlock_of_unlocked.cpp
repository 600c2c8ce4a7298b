// One unlock_shared too many: no recover helps, no deferred call runs.
#include "go.hpp"

using conformance::println;

int main() {
  return gofer::run([] {
    gofer::defer d1{println, "not run"};
    gofer::defer d2{[] { gofer::recover(); }};
    gofer::shared_mutex rw;
    rw.lock_shared();
    rw.unlock_shared();
    println("once too often");
    rw.unlock_shared();
  });
}
