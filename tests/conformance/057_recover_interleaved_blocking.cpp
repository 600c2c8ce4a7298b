// Two goroutines are both in the middle of panics: their deferred functions block on channels and take turns, so the
// panics overlap without nesting. Each recovers its own value.
#include <string>

#include "go.hpp"

using conformance::println;

namespace {

struct turn {
  gofer::chan<bool> me, other;

  template <class... A>
  void say(const A&... a) {
    me.recv();
    println(a...);
    other.send(true);
  }
};

void body(const std::string& name, turn t, gofer::chan<bool> done) {
  gofer::defer end{[&] { done.send(true); }};
  gofer::defer outer{[&] { t.say(name, "outer recover:", gofer::recover()); }};
  gofer::defer first{[&] {
    t.say(name, "first deferred starts");
    gofer::func([&] {
      gofer::defer inner{[&] {
        t.say(name, "inner deferred starts");
        auto r = gofer::recover();
        t.say(name, "inner recover:", r);
      }};
      t.say(name, "panics again");
      gofer::panic(name + " two");
    });
    t.say(name, "first deferred continues");
    gofer::defer third{[&] {
      auto r = gofer::recover();
      t.say(name, "third recovered:", r);
    }};
    gofer::panic(name + " three");
  }};
  t.say(name, "panics");
  gofer::panic(name + " one");
}

}  // namespace

int main() {
  return gofer::run([] {
    auto a = gofer::make_chan<bool>(1), b = gofer::make_chan<bool>(1);
    auto done = gofer::make_chan<bool>(0);
    gofer::go(body, "A", turn{a, b}, done);
    gofer::go(body, "B", turn{b, a}, done);
    a.send(true);
    done.recv();
    done.recv();
    println("end");
  });
}
