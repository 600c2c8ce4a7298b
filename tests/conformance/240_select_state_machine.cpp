// A state machine as one goroutine with a select, whose cases are switched on and off by nil channels; selects in
// handlers of selects, and panics out of them.
#include <chrono>
#include <deque>
#include <string>

#include "go.hpp"

using namespace std::chrono_literals;
using conformance::println;
using conformance::receive;
using conformance::sprint;
using gofer::chan;

// A vending machine.
struct machine {
  chan<int> coins = gofer::make_chan<int>();
  chan<std::string> buy = gofer::make_chan<std::string>();
  chan<std::string> out = gofer::make_chan<std::string>();
  chan<> quit = gofer::make_chan<>();

  void run(const chan<std::string>& done) {
    int credit = 0;
    std::deque<std::string> pending;
    chan<std::string> open;
    bool over = false;
    while (!over) {
      const chan<std::string> next = pending.empty() ? nullptr : out;
      gofer::select(gofer::recv(coins,
                                [&](std::optional<int> c) {
                                  if (!c) {
                                    coins = nullptr;
                                    pending.emplace_back("no more coins");
                                    return;
                                  }
                                  credit += *c;
                                  if (credit >= 2) open = buy;
                                }),
                    gofer::recv(open,
                                [&](std::optional<std::string> what) {
                                  credit -= 2;
                                  if (credit < 2) open = nullptr;
                                  pending.push_back(sprint(*what, " for 2, left ", credit));
                                }),
                    gofer::send(next, pending.empty() ? std::string() : pending.front(), [&] { pending.pop_front(); }),
                    gofer::recv(quit, [&] {
                      done.send(sprint("credit ", credit, " pending ", pending.size()));
                      over = true;
                    }));
    }
  }
};

int main() {
  return gofer::run([] {
    machine m;
    const chan<int> coins = m.coins;
    const chan<std::string> done{0};
    gofer::go([&] { m.run(done); });

    // Nothing is for sale yet.
    gofer::select(gofer::send(m.buy, "tea", [] { println("tea for nothing"); }),
                  gofer::after(2ms, [] { println("no credit"); }));
    for (int i = 0; i < 5; i++) coins.send(1);
    m.buy.send("tea");
    m.buy.send("coffee");
    gofer::select(gofer::send(m.buy, "soup", [] { println("soup for one"); }),
                  gofer::recv(m.out, [](std::optional<std::string> s) { println("got", *s); }));
    coins.close();
    println("got", receive(m.out));
    println("got", receive(m.out));
    gofer::select(gofer::recv(m.out, [](std::optional<std::string> s) { println("unexpected", *s); }),
                  gofer::otherwise([] { println("nothing more"); }));
    m.quit.send();
    println(receive(done));

    // A select in a handler of a select, and a panic out of one.
    const chan<int> a{1};
    const chan<int> b{1};
    a.send(1);
    gofer::select(gofer::recv(a,
                              [&](std::optional<int> v) {
                                b.send(*v + 1);
                                gofer::select(gofer::recv(b, [&](std::optional<int> w) { println("inner", *v, *w); }),
                                              gofer::otherwise([] { println("inner default"); }));
                              }),
                  gofer::otherwise([] { println("outer default"); }));
    gofer::func([&] {
      gofer::defer d{[] { println("recovered", gofer::recover()); }};
      a.send(3);
      gofer::select(gofer::recv(a, [](std::optional<int> v) { gofer::panic(sprint("handler of ", *v)); }),
                    gofer::recv(b, [] { gofer::panic("empty"); }));
    });
    println(a.len(), b.len());
    gofer::func([&] {
      gofer::defer d{[] { println("recovered", gofer::recover()); }};
      const chan<int> closed{0};
      closed.close();
      gofer::select(gofer::send(closed, 1, [] { println("sent"); }), gofer::recv(chan<int>(0)));
    });
  });
}
