// After a recovery the remaining deferred calls of the same frame run as if the function returned normally; each may
// panic and be recovered again.
#include <string>
#include <vector>

#include "go.hpp"

using conformance::println;
using conformance::sprint;

namespace {

std::vector<std::string> seq() {
  return gofer::func([](std::vector<std::string>& log) {
    auto say = [&](const auto&... a) { log.push_back(sprint(a...)); };
    gofer::defer d1{[&] { say("1 sees ", gofer::recover()); }};
    gofer::defer d2{[&] {
      say("2 panics");
      gofer::panic("from 2");
    }};
    gofer::defer d3{[&] { say("3 sees ", gofer::recover()); }};
    gofer::defer d4{[&] { say("4 sees ", gofer::recover()); }};
    gofer::defer d5{[&] {
      say("5 panics");
      gofer::panic("from 5");
    }};
    gofer::defer d6{[&] {
      say("6 sees ", gofer::recover());
      gofer::panic("from 6");
    }};
    gofer::defer d7{[&] { say("7 plain"); }};
    gofer::panic("body");
  });
}

}  // namespace

int main() {
  return gofer::run([] {
    for (const std::string& s : seq()) println(s);
  });
}
