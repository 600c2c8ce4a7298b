// 1000 deferred calls made by a loop in one frame; all run in reverse order, on normal return, on panic and recover,
// and when one in the middle panics.
#include <vector>

#include "go.hpp"

using conformance::println;

namespace {

std::vector<int> seq;

void push(int i) { seq.push_back(i); }

void check(const char* tag) {
  bool ok = true;
  for (std::size_t k = 0; k < seq.size(); k++) {
    if (seq[k] != 999 - static_cast<int>(k)) ok = false;
  }
  println(tag, "count", seq.size(), "reverse", ok, "first", seq.front(), "last", seq.back());
  seq.clear();
}

void normal() {
  gofer::func([] {
    gofer::defer_list defers;
    for (int i = 0; i < 1000; i++) defers.push(push, i);
    println("registered", seq.size());
  });
}

void panicking() {
  gofer::func([] {
    gofer::defer r{[] { println("recovered", gofer::recover()); }};
    gofer::defer_list defers;
    for (int i = 0; i < 1000; i++) defers.push(push, i);
    gofer::panic("after loop");
  });
}

void middle_panics() {
  gofer::func([] {
    gofer::defer r{[] { println("recovered", gofer::recover()); }};
    gofer::defer_list defers;
    for (int i = 0; i < 1000; i++) {
      defers.push(
          [](int n) {
            push(n);
            if (n % 100 == 50) gofer::panic(n);
          },
          i);
    }
    gofer::panic("start");
  });
}

}  // namespace

int main() {
  return gofer::run([] {
    normal();
    check("normal");
    panicking();
    check("panicking");
    middle_panics();
    check("middlePanics");
  });
}
