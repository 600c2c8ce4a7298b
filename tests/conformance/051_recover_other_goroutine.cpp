// A panic belongs to its goroutine: recover in a goroutine started by a deferred function, in the parent, or in a
// sibling, is empty.
#include <string>

#include "go.hpp"

using conformance::println;
using conformance::receive;
using conformance::sprint;

int main() {
  return gofer::run([] {
    auto child = gofer::make_chan<gofer::panic_value>(0);
    auto sib = gofer::make_chan<gofer::chan<gofer::panic_value>>(0);
    gofer::go([sib] {
      for (auto reply : sib) {
        gofer::func([&] { gofer::defer d{[&] { reply.send(gofer::recover()); }}; });
      }
    });
    gofer::func([&] {
      gofer::defer own{[] { println("own:", gofer::recover()); }};
      gofer::defer asks{[&] {
        gofer::go([child] { gofer::defer d{[&] { child.send(gofer::recover()); }}; });
        println("child of deferred:", receive(child));
        auto reply = gofer::make_chan<gofer::panic_value>(0);
        sib.send(reply);
        println("sibling:", receive(reply));
      }};
      gofer::panic("mine");
    });
    auto res = gofer::make_chan<std::string>(0);
    gofer::func([&] {
      gofer::defer parent{[] { println("parent:", gofer::recover()); }};
      gofer::go([res] {
        gofer::defer d{[&] { res.send(sprint("in child: ", gofer::recover())); }};
        gofer::panic("child's");
      });
      println(receive(res));
    });
    sib.close();
  });
}
