// Tickers: period, Reset, Stop does not close the channel; panics on bad intervals and uninitialised timers are plain
// strings.
#include <chrono>
#include <optional>
#include <string>

#include "go.hpp"

using conformance::println;
using namespace std::chrono_literals;

template <class F>
void attempt(const char* name, F f) {
  gofer::func([&] {
    gofer::defer d{[&] {
      gofer::panic_value r = gofer::recover();
      std::string kind = "other";
      if (!r) {
        kind = "none";
      } else if (r.template as<gofer::error>() != nullptr || r.template as<gofer::runtime_error>() != nullptr) {
        kind = "error";
      } else if (r.template as<std::string>() != nullptr) {
        kind = "string";
      }
      println(name, "=>", r, "(" + kind + ")");
    }};
    f();
  });
}

// Called through a volatile pointer, so that no compiler sees the null and reasons from it.
FAULTS_ON_PURPOSE void stop_nil_timer() {
  gofer::timer* volatile nil_timer = nullptr;
  nil_timer->stop();
}

int main() {
  return gofer::run([] {
    const auto t0 = gofer::time_point::clock::now();
    gofer::ticker tk{10ms};
    for (int i = 0; i < 5; i++) {
      tk.c().recv();
    }
    const auto el = gofer::time_point::clock::now() - t0;
    println("five ticks in about 50ms:", el >= 45ms && el < 500ms);
    tk.reset(2ms);
    tk.c().recv();
    tk.c().recv();
    tk.stop();
    tk.stop();
    gofer::select(
        gofer::recv(tk.c(), [](std::optional<gofer::time_point> v) { println("after stop, open:", v.has_value()); }),
        gofer::recv(gofer::after(20ms),
                    [](std::optional<gofer::time_point>) { println("stopped ticker is silent and not closed"); }));
    tk.reset(1ms);
    tk.c().recv();
    println("reset revives a stopped ticker");
    tk.stop();

    attempt("NewTicker(0)", [] { gofer::ticker{0ms}; });
    attempt("NewTicker(-1)", [] { gofer::ticker{-1ns}; });
    attempt("Ticker.Reset(0)", [&] { tk.reset(0ms); });
    attempt("zero Timer Stop", [] {
      gofer::timer t;
      t.stop();
    });
    attempt("zero Timer Reset", [] {
      gofer::timer t;
      t.reset(1ns);
    });
    attempt("zero Ticker Stop", [] {
      gofer::ticker t;
      t.stop();
    });
    attempt("zero Ticker Reset", [] {
      gofer::ticker t;
      t.reset(1ns);
    });
    // differs: there is no Tick, so the line "Tick(0) is nil: true" is left out.
    gofer::func([] {
      gofer::defer d{[] {
        gofer::panic_value r = gofer::recover();
        println("nil timer:", r.as<gofer::runtime_error>() != nullptr, r);
      }};
      stop_nil_timer();
    });

    int count = 0;
    gofer::ticker fast{5ms};
    gofer::recv_chan<gofer::time_point> stop = gofer::after(200ms);
    bool loop = true;
    while (loop) {
      gofer::select(gofer::recv(fast.c(), [&](std::optional<gofer::time_point>) { count++; }),
                    gofer::recv(stop, [&](std::optional<gofer::time_point>) { loop = false; }));
    }
    println("a ticker neither bursts nor stalls:", count >= 20 && count <= 41);
  });
}
