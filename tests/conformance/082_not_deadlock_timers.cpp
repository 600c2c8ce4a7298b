// Waits that something can still end are not a deadlock: sleeping goroutines, pending timers of every kind, tickers and
// context deadlines.
#include <chrono>
#include <string>

#include "go.hpp"

using conformance::println;
using conformance::receive;
using namespace std::chrono_literals;

int main() {
  return gofer::run([] {
    constexpr auto d = 20ms;
    gofer::chan<std::string> c = gofer::make_chan<std::string>(0);
    gofer::go([c, d] {
      gofer::sleep(d);
      c.send("sleeper");
    });
    println(receive(c));
    gofer::after_func(d, [c] { c.send("AfterFunc"); });
    println(receive(c));
    gofer::after(d).recv();
    println("After");
    gofer::ticker tk{d};
    tk.c().recv();
    tk.stop();
    println("Ticker");
    auto [ctx, cancel] = gofer::with_timeout(gofer::background(), d);
    ctx.done().recv();
    println("context:", ctx.err());
    cancel();
    gofer::mutex mu;
    mu.lock();
    gofer::after_func(d, [&] { mu.unlock(); });
    mu.lock();
    println("mutex unlocked by a timer");
    gofer::wait_group wg;
    wg.add(1);
    gofer::after_func(d, [&] { wg.done(); });
    wg.wait();
    println("WaitGroup released by a timer");
    gofer::timer t{1h};
    gofer::after_func(d, [&] { t.reset(0ms); });
    t.c().recv();
    println("far timer moved near");
  });
}
