// Deferred functions run by goexit may block: on channels, locks, sleep and select, while other goroutines are also in
// the middle of a goexit or a panic.
#include <chrono>
#include <optional>
#include <string>

#include "go.hpp"

using conformance::println;
using conformance::receive;
using conformance::sprint;
using namespace std::chrono_literals;

int main() {
  return gofer::run([] {
    auto a = gofer::make_chan<std::string>(0), b = gofer::make_chan<std::string>(0);
    gofer::wait_group wg;
    gofer::mutex mu;
    wg.add(3);
    gofer::go([&] {
      gofer::defer done{[&] { wg.done(); }};
      gofer::defer last{[&] {
        const std::string s = receive(b);
        println("A last:", s, gofer::recover());
      }};
      gofer::defer selects{[&] {
        gofer::select(gofer::recv(b, [](std::optional<std::string> s) { println("A select:", *s); }),
                      gofer::after(10s, [] { println("timeout"); }));
        a.send("from A");
      }};
      gofer::defer first{[&] { println("A first:", receive(b)); }};
      gofer::goexit();
    });
    gofer::go([&] {
      gofer::defer done{[&] { wg.done(); }};
      gofer::defer recovers{[&] {
        auto r = gofer::recover();
        b.send(sprint("recovered ", r));
      }};
      gofer::defer locks{[&] {
        b.send("two");
        println("B got:", receive(a));
        mu.lock();
        gofer::defer unlock{[&] { mu.unlock(); }};
        println("B locked");
      }};
      b.send("one");
      gofer::panic("B!");
    });
    mu.lock();
    gofer::go([&] {
      gofer::defer done{[&] { wg.done(); }};
      gofer::defer unlocks{[&] {
        gofer::sleep(30ms);
        println("C unlocks");
        mu.unlock();
      }};
      gofer::goexit();
    });
    wg.wait();
    println("end");
  });
}
