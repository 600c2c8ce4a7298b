// Channel operations that panic: the texts, that the value is not delivered, and that blocked senders and selects panic
// when the channel is closed.
#include <chrono>
#include <optional>
#include <string>

#include "go.hpp"

using conformance::println;
using conformance::receive;
using conformance::sprint;
using namespace std::chrono_literals;

template <class F>
void attempt(const char* name, F f) {
  gofer::func([&] {
    gofer::defer d{[&] {
      gofer::panic_value r = gofer::recover();
      const bool rt = r.template as<gofer::runtime_error>() != nullptr;
      println(name, "=>", r, rt);
    }};
    f();
    println(name, "did not panic");
  });
}

int main() {
  return gofer::run([] {
    attempt("close nil", [] {
      gofer::chan<int> c;
      c.close();
    });
    attempt("close twice", [] {
      gofer::chan<int> c = gofer::make_chan<int>(0);
      c.close();
      c.close();
    });
    attempt("send closed unbuffered", [] {
      gofer::chan<int> c = gofer::make_chan<int>(0);
      c.close();
      c.send(1);
    });
    gofer::chan<int> buf = gofer::make_chan<int>(2);
    buf.send(5);
    buf.close();
    attempt("send closed buffered", [&] { buf.send(6); });
    std::optional<int> v = buf.recv();
    println("buffered value survives", v.value_or(0), v.has_value());
    v = buf.recv();
    println("then", v.value_or(0), v.has_value());
    attempt("select send closed",
            [&] { gofer::select(gofer::send(buf, 1), gofer::otherwise([] { println("default taken"); })); });
    attempt("select closed send among others", [&] {
      gofer::chan<int> never = gofer::make_chan<int>(0);
      gofer::select(gofer::recv(never), gofer::send(buf, 1));
    });

    for (const std::string how : {"send", "select"}) {
      gofer::chan<int> c = gofer::make_chan<int>(0);
      gofer::chan<std::string> res = gofer::make_chan<std::string>(0);
      for (int i = 0; i < 3; i++) {
        gofer::go([c, res, how, i] {
          gofer::defer d{[&] { res.send(sprint("blocked ", how, " panicked: ", gofer::recover())); }};
          if (how == "send") {
            c.send(i);
          } else {
            gofer::select(gofer::send(c, i), gofer::recv(gofer::make_chan<int>(0)));
          }
        });
      }
      gofer::sleep(20ms);
      c.close();
      for (int i = 0; i < 3; i++) {
        println(receive(res));
      }
      v = c.recv();
      println("nothing delivered:", v.value_or(0), v.has_value());
    }
    attempt("make negative", [] {
      const int n = -1;
      static_cast<void>(gofer::make_chan<int>(n));
    });
  });
}
