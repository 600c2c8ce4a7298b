// A panic raised and recovered inside a deferred function leaves the first panic in progress, and only the first is
// reported.
#include "go.hpp"

using conformance::println;

namespace {

void quiet(const char* v) {
  gofer::func([&] {
    gofer::defer d{[] { println("quiet recovered", gofer::recover()); }};
    gofer::panic(v);
  });
}

}  // namespace

int main() {
  return gofer::run([] {
    gofer::defer outer{[] {
      quiet("second");
      quiet("third");
      gofer::func([] {
        gofer::defer fifth{[] {
          gofer::defer deep{[] { println("deep recovered", gofer::recover()); }};
          gofer::panic("fifth");
        }};
        gofer::defer mid{[] { println("mid recovered", gofer::recover()); }};
        gofer::panic("fourth");
      });
      println("deferred function ends, not recovering");
    }};
    gofer::panic("first");
  });
}
