// A deferred call panics while the first panic is in progress: the other deferred call still runs, and both panics are
// reported, oldest first, the later one indented.
#include "go.hpp"

using conformance::println;

namespace {

void defer_a() { println("deferA"); }
void defer_b() { gofer::panic("panicB"); }

}  // namespace

int main() {
  return gofer::run([] {
    gofer::defer a{defer_a};
    gofer::defer b{defer_b};
    gofer::panic("panicM");
  });
}
