// Unlock of an unlocked mutex is a fatal error: recover cannot stop it and deferred functions do not run; exit
// status 2.
#include "go.hpp"

using conformance::println;

int main() {
  return gofer::run([] {
    gofer::defer d1{println, "must not run"};
    gofer::defer d2{[] { println("must not run", gofer::recover()); }};
    gofer::mutex mu;
    mu.lock();
    mu.unlock();
    println("once is fine");
    mu.unlock();
  });
}
