// Timers and tickers that are stopped and reset before, at and after their time.
#include <chrono>
#include <string>

#include "go.hpp"

using namespace std::chrono_literals;
using conformance::println;
using conformance::receive;
using conformance::sprint;

std::string received(const gofer::recv_chan<gofer::time_point>& c) {
  std::string got;
  gofer::select(gofer::recv(c, [&] { got = "value"; }), gofer::otherwise([&] { got = "nothing"; }));
  return got;
}

template <class F>
void recovered(F f) {
  gofer::func([&] {
    gofer::defer d{[] { println(gofer::recover()); }};
    f();
  });
}

int main() {
  return gofer::run([] {
    // Go evaluates the operands of a call from left to right; C++ wants them in variables for that.
    // Stop and Reset tell whether the timer was pending; a value that nobody took counts as pending, and is gone.
    const gofer::timer t(1h);
    bool one = t.stop();
    bool two = t.stop();
    println("pending:", one, two);
    println("reset stopped:", t.reset(1ms));
    gofer::sleep(5ms);
    one = t.stop();
    println("stop of an old value:", one, received(t.c()));
    println("reset:", t.reset(1us));
    gofer::sleep(5ms);
    one = t.reset(1h);
    println("reset over an old value:", one, received(t.c()));
    println("brought forward:", t.reset(1ms));
    t.c().recv();
    one = t.stop();
    println("after the value:", one, received(t.c()), t.c().len(), t.c().cap());

    // Put off many times, it comes once.
    t.reset(1ms);
    for (int i = 0; i < 100; i++) t.reset(std::chrono::milliseconds(2 + i % 3));
    t.c().recv();
    gofer::sleep(8ms);
    println("put off:", received(t.c()));

    // Tickers drop what nobody takes, go on after a reset, and are silent after a stop.
    const gofer::ticker k{1ms};
    gofer::sleep(10ms);
    println("tick:", received(k.c()));
    k.stop();
    gofer::sleep(5ms);
    const std::string first = received(k.c());
    println("stopped:", first, received(k.c()));
    k.reset(1ms);
    k.c().recv();
    k.c().recv();
    k.reset(1h);
    println("slow now:", received(k.c()));
    k.stop();

    // AfterFunc: stopped in time it never runs; a reset runs it again.
    const gofer::chan<std::string> ran{10};
    const gofer::timer f = gofer::after_func(1h, [=] { ran.send("ran"); });
    one = f.stop();
    two = f.stop();
    println("func pending:", one, two, f.c() == nullptr);
    one = f.reset(0s);
    println("func reset:", one, receive(ran));
    one = f.stop();
    two = f.reset(1ms);
    const std::string again = receive(ran);
    println("func over:", one, two, again, ran.len());

    for (const auto d : {0s, -1s}) {
      recovered([&] { gofer::ticker{d}; });
    }
    recovered([&] { k.reset(0s); });
    recovered([] {
      const gofer::timer zero;
      zero.stop();
    });
    const gofer::ticker zero;
    zero.stop();
    println("done");
  });
}
