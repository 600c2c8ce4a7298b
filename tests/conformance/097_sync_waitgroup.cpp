// WaitGroup: counting, several waiters, reuse, Add with larger deltas, and the recoverable panic for a negative
// counter, after which it can be used.
#include <chrono>
#include <mutex>

#include "go.hpp"

using conformance::println;
using conformance::receive;
using namespace std::chrono_literals;

int main() {
  return gofer::run([] {
    gofer::wait_group wg;
    wg.wait();
    println("Wait on zero returns");

    for (int round = 0; round < 3; round++) {
      int n = 0;
      gofer::mutex mu;
      wg.add(10);
      for (int i = 0; i < 10; i++) {
        gofer::go([&] {
          gofer::defer d{[&] { wg.done(); }};
          gofer::gosched();
          mu.lock();
          n++;
          mu.unlock();
        });
      }
      wg.wait();
      println("round", round, n);
    }

    wg.add(2);
    gofer::chan<int> out = gofer::make_chan<int>(3);
    for (int i = 0; i < 3; i++) {
      gofer::go([&wg, out] {
        wg.wait();
        out.send(1);
      });
    }
    gofer::sleep(10ms);
    wg.done();
    gofer::sleep(10ms);
    println("released early:", out.len());
    wg.done();
    println("released", receive(out) + receive(out) + receive(out));

    wg.add(5);
    wg.add(-3);
    wg.done();
    wg.done();
    wg.wait();
    println("balanced");

    gofer::func([] {
      gofer::defer d{[] {
        gofer::panic_value r = gofer::recover();
        // differs: Go's value is a string, gofer's a runtime_error; the line's "error: false string: true" is left out.
        println("recovered:", r);
      }};
      gofer::wait_group w;
      w.add(1);
      w.done();
      w.done();
    });
    gofer::defer d{println, "deferred"};
    gofer::wait_group w;
    w.add(-1);
  });
}
