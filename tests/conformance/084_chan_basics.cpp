// len, cap, first-in first-out order, zero-size elements, nil channels, the comma-ok form, range until close, and a
// rendezvous on an unbuffered channel.
#include <any>
#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "go.hpp"
#include "slice.hpp"

using conformance::println;
using conformance::receive;
using conformance::slice;
using namespace std::chrono_literals;

struct empty {};

int main() {
  return gofer::run([] {
    gofer::chan<int> c = gofer::make_chan<int>(3);
    println("empty", c.len(), c.cap());
    c.send(1);
    c.send(2);
    println("two", c.len(), c.cap());
    c.send(3);
    gofer::select(gofer::send(c, 4, [] { println("sent to a full channel"); }),
                  gofer::otherwise([] { println("full"); }));
    const int first = receive(c);
    const int second = receive(c);
    const int third = receive(c);
    println(first, second, third, c.len());
    gofer::select(gofer::recv(c, [](std::optional<int> v) { println("got", v.value_or(0)); }),
                  gofer::otherwise([] { println("empty"); }));

    gofer::chan<int> n;
    println("nil channel", n.len(), n.cap(), n == gofer::chan<int>());
    gofer::select(gofer::recv(n, [](std::optional<int>) { println("never"); }),
                  gofer::send(n, 1, [] { println("never"); }), gofer::otherwise([] { println("nil is never ready"); }));

    gofer::chan<std::string> u = gofer::make_chan<std::string>(0);
    println("unbuffered", u.len(), u.cap());
    std::vector<std::string> log;
    gofer::chan<bool> done = gofer::make_chan<bool>(0);
    gofer::go([&] {
      log.push_back("receiver got " + receive(u));
      done.send(true);
    });
    gofer::sleep(10ms);
    log.emplace_back("sender sends");
    u.send("x");
    done.recv();
    println(slice(log));

    gofer::chan<empty> z = gofer::make_chan<empty>(2);
    z.send({});
    z.send({});
    println("zero-size", z.len(), z.cap());
    z.recv();
    println("zero-size", z.len());

    gofer::chan<int> r = gofer::make_chan<int>(5);
    for (int i = 0; i < 5; i++) {
      r.send(i * i);
    }
    r.close();
    for (int v : r) {
      std::printf("%d ", v);
    }
    std::optional<int> v = r.recv();
    println("then", v.value_or(0), v.has_value(), r.len(), r.cap());

    gofer::send_chan<int> send_only = c;
    gofer::recv_chan<int> recv_only = c;
    send_only.send(42);
    std::optional<int> x = recv_only.recv();
    println(x.value_or(0), x.has_value());

    gofer::chan<gofer::chan<int>> cc = gofer::make_chan<gofer::chan<int>>(1);
    cc.send(c);
    receive(cc).send(7);
    println("through a channel of channels", receive(c));
    gofer::chan<int> same = c;
    // any(u) == any(c) compares the types first, and they differ.
    println("equal", same == c, std::any(u).type() == std::any(c).type());
  });
}
