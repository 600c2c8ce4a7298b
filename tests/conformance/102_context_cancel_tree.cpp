// Cancelling a context cancels its whole subtree before cancel returns, leaves parents and siblings alone, and is
// idempotent; Done is closed, not sent on.
#include <chrono>
#include <string>

#include "go.hpp"

using conformance::println;
using conformance::receive;
using conformance::sprint;
using namespace std::chrono_literals;

std::string state(gofer::context c) {
  if (gofer::select(gofer::recv(c.done()), gofer::otherwise([] {})) == 0) {
    return sprint("done:", c.err());
  }
  if (c.err()) {
    return "BAD";
  }
  return "live";
}

int main() {
  return gofer::run([] {
    auto [root, cancel_root] = gofer::with_cancel(gofer::background());
    auto [a, cancel_a] = gofer::with_cancel(root);
    auto [b, cancel_b] = gofer::with_cancel(root);
    auto [a1, cancel_a1] = gofer::with_cancel(a);
    gofer::context a2 = gofer::with_value(a, "k", "v");
    auto [a21, cancel_a21] = gofer::with_timeout(a2, 1h);
    // Clang 14 cannot capture structured bindings.
    auto show = [root = root, a = a, b = b, a1 = a1, a2, a21 = a21](const char* s) {
      println(s, "root", state(root), "a", state(a), "b", state(b), "a1", state(a1), "a2", state(a2), "a21",
              state(a21));
    };
    show("start");
    cancel_a1();
    show("a1");
    cancel_a();
    show("a ");
    cancel_a();
    cancel_b();
    cancel_root();
    show("all");
    cancel_a21();
    println("value survives:", *a21.value<std::string>("k"));
    auto [late, cancel_late] = gofer::with_cancel(a);
    println("child of a cancelled parent:", state(late));
    cancel_late();
    // differs: there is no TODO, so its <nil> is left out.
    println("background:", gofer::background().done() == gofer::recv_chan<>(), gofer::background().err());
    println("identity:", a.err() == gofer::context::canceled, a.done() == a.done(), a2.done() == a.done());

    auto [ctx, cancel] = gofer::with_cancel(gofer::background());
    gofer::defer_list defers;
    gofer::wait_group wg;
    gofer::chan<std::string> results = gofer::make_chan<std::string>(100);
    for (int i = 0; i < 100; i++) {
      gofer::context c = ctx;
      for (int d = 0; d < i % 5; d++) {
        auto [child, cc] = gofer::with_cancel(c);
        c = child;
        defers.push(cc);
      }
      wg.add(1);
      gofer::go([&wg, results, c] {
        gofer::defer d{[&] { wg.done(); }};
        switch (gofer::select(gofer::recv(c.done()), gofer::recv(gofer::after(10s)))) {
          case 0:
            results.send(sprint(c.err()));
            break;
          default:
            results.send("timeout");
        }
      });
    }
    for (int i = 0; i < 4; i++) {
      wg.add(1);
      gofer::go([&wg, cancel = cancel] {
        gofer::defer d{[&] { wg.done(); }};
        cancel();
      });
    }
    wg.wait();
    int ok = 0;
    for (int i = 0; i < 100; i++) {
      if (receive(results) == "context canceled") {
        ok++;
      }
    }
    println("all woken:", ok);
  });
}
