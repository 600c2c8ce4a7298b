// WithoutCancel, AfterFunc and values: detached contexts, callbacks run once in their own goroutine, stop reports
// whether it prevented the call, the nearest value wins.
#include <chrono>
#include <optional>
#include <string>

#include "go.hpp"

using conformance::println;
using conformance::receive;
using conformance::sprint;
using namespace std::chrono_literals;

enum class key : int {};

/// ctx.Value(k), as fmt prints it.
template <class Key>
std::string value(const gofer::context& ctx, Key k) {
  const std::string* v = ctx.value<std::string>(k);
  return v != nullptr ? *v : "<nil>";
}

int main() {
  return gofer::run([] {
    gofer::context bg = gofer::background();
    {
      auto [p, cancel] = gofer::with_timeout(gofer::with_value(bg, key{1}, "one"), 1h);
      gofer::context detached = gofer::without_cancel(p);
      auto [sub, csub] = gofer::with_cancel(detached);
      cancel();
      const bool has = detached.deadline().has_value();
      println("detached:", detached.err(), has, detached.done() == gofer::recv_chan<>(), value(detached, key{1}),
              detached.cause());
      println("child of detached:", sub.err());
      csub();
      println("child of detached:", sub.err(), "parent:", detached.err());
    }

    gofer::chan<std::string> out = gofer::make_chan<std::string>(10);
    {
      auto [c, cancel] = gofer::with_cancel(bg);
      auto stop1 = gofer::after_func(c, [out] { out.send("first"); });
      auto stop2 = gofer::after_func(c, [out] { out.send("second must not run"); });
      const bool before = stop2();
      const bool again = stop2();
      println("stop before:", before, "again:", again);
      gofer::select(
          gofer::recv(out, [](std::optional<std::string> s) { println("early", *s); }),
          gofer::recv(gofer::after(10ms), [](std::optional<gofer::time_point>) { println("nothing before cancel"); }));
      cancel();
      const std::string ran = receive(out);
      println(ran, "stop after:", stop1());
      gofer::after_func(c, [out] { out.send("at once on a done context"); });
      println(receive(out));
    }

    {
      auto [c, cancel] = gofer::with_cancel(bg);
      gofer::chan<bool> gate = gofer::make_chan<bool>(0);
      gofer::after_func(c, [out, gate] {
        gate.recv();
        out.send("slow callback");
      });
      cancel();
      println("cancel does not wait for callbacks");
      gate.close();
      println(receive(out));
    }

    auto [c, cancel] = gofer::with_timeout(bg, 5ms);
    gofer::defer d1{cancel};
    gofer::after_func(c, [out, c = c] { out.send(sprint("after ", c.err())); });
    println(receive(out));

    gofer::context a = gofer::with_value(bg, key{1}, "a1");
    gofer::context b = gofer::with_value(a, key{2}, "b2");
    auto [d, cd] = gofer::with_cancel(gofer::with_value(b, key{1}, "d1"));
    gofer::defer d2{cd};
    println(value(a, key{1}), value(a, key{2}), value(b, key{1}), value(d, key{1}), value(d, key{2}), value(d, 1));
    gofer::context e = gofer::with_value(d, key{2}, nullptr);
    println("hidden by nil:", value(e, key{2}) == "<nil>");
  });
}
