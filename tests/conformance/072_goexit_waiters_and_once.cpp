// goexit inside callbacks: a once is marked done, a wait_group and a mutex are released by deferred calls, a range over
// a channel ends, and a deferred close wakes receivers.
#include <chrono>
#include <mutex>
#include <string>

#include "go.hpp"

using conformance::println;
using conformance::receive;
using namespace std::chrono_literals;

int main() {
  return gofer::run([] {
    gofer::once once;
    gofer::wait_group wg;
    int calls = 0;
    for (int i = 0; i < 3; i++) {
      wg.add(1);
      gofer::go([&, i] {
        gofer::defer done{[&] { wg.done(); }};
        gofer::call_once(once, [&] {
          calls++;
          gofer::goexit();
        });
        println("goroutine", i, "passed once");
      });
      wg.wait();
    }
    println("calls", calls);

    auto c = gofer::make_chan<int>(0);
    gofer::go([c] {
      gofer::defer closes{[&] { c.close(); }};
      for (int i = 0;; i++) {
        c.send(i);
        if (i == 2) {
          gofer::func([] {
            gofer::defer d{[] { (void)gofer::recover(); }};
            gofer::goexit();
          });
        }
      }
    });
    for (int v : c) println("value", v);

    gofer::mutex mu;
    gofer::condition_variable cond;
    int state = 0;
    gofer::go([&] {
      mu.lock();
      gofer::defer unlock{[&] { mu.unlock(); }};
      gofer::defer broadcast{[&] { cond.notify_all(); }};
      gofer::defer sets{[&] { state = 1; }};
      gofer::goexit();
    });
    std::unique_lock lock(mu);
    while (state == 0) cond.wait(lock);
    lock.unlock();
    println("state", state);

    auto fired = gofer::make_chan<std::string>(1);
    auto timer = gofer::after_func(1ms, [fired] {
      gofer::defer d{[&] { fired.send("timer goroutine left by Goexit"); }};
      gofer::goexit();
    });
    println(receive(fired));
    while (gofer::num_goroutine() > 1) gofer::sleep(1ms);
    println("goroutines", gofer::num_goroutine());
  });
}
