// Timer and Ticker channels since Go 1.23: unbuffered as seen by cap, no stale value after Stop or Reset, Stop reports
// whether it prevented the value from being received.
//
// Times that a loaded machine would miss are longer than in the Go program.
#include <chrono>
#include <optional>
#include <string>

#include "go.hpp"

using conformance::println;
using conformance::receive;
using namespace std::chrono_literals;

bool ready(gofer::recv_chan<gofer::time_point> c) {
  return gofer::select(gofer::recv(c), gofer::otherwise([] {})) == 0;
}

int main() {
  return gofer::run([] {
    gofer::timer t{1h};
    println("len cap", t.c().len(), t.c().cap());
    bool first = t.stop();
    bool second = t.stop();
    println("stop pending:", first, "again:", second);
    first = t.reset(1h);
    second = t.reset(1h);
    println("reset stopped:", first, "reset running:", second);
    t.reset(1ns);
    gofer::sleep(10ms);
    println("expired, len", t.c().len());
    first = t.stop();
    println("stop an expired unread timer:", first, "value left:", ready(t.c()));
    t.reset(1ns);
    gofer::sleep(10ms);
    first = t.reset(1h);
    println("reset an expired unread timer:", first, "value left:", ready(t.c()));
    t.reset(1ns);
    t.c().recv();
    first = t.stop();
    second = t.reset(5ms);
    println("stop after receiving:", first, "reset after receiving:", second);
    t.c().recv();
    println("fired again, second value:", ready(t.c()));

    gofer::ticker tk{50ms};
    println("ticker cap", tk.c().cap());
    gofer::sleep(220ms);
    first = ready(tk.c());
    second = ready(tk.c());
    println("missed ticks are dropped:", first, second);
    gofer::sleep(100ms);
    tk.stop();
    println("after stop:", ready(tk.c()));
    tk.reset(5ms);
    tk.c().recv();
    tk.reset(1h);
    println("after long reset:", ready(tk.c()));

    gofer::chan<std::string> blocked = gofer::make_chan<std::string>(0);
    gofer::timer u{1h};
    gofer::go([&u, blocked] {
      u.c().recv();
      blocked.send("woken by Reset");
    });
    gofer::sleep(10ms);
    u.reset(1ns);
    println(receive(blocked));
    u.reset(200ms);
    gofer::go([&u, blocked] {
      gofer::select(gofer::recv(u.c(), [&](std::optional<gofer::time_point>) { blocked.send("fired"); }),
                    gofer::recv(gofer::after(400ms), [&](std::optional<gofer::time_point>) {
                      blocked.send("stopped while being waited for");
                    }));
    });
    gofer::sleep(2ms);
    u.stop();
    println(receive(blocked));
  });
}
