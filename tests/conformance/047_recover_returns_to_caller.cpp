// The recovering function returns to its caller; everything between is skipped; the caller's own deferred calls and
// later statements work as usual.
#include "go.hpp"

using conformance::println;

namespace {

int calls = 0;

void c(int depth) {
  gofer::func([&] {
    gofer::defer d{println, "c defer", depth};
    if (depth == 2) {
      calls++;
      gofer::panic(100 * calls);
    }
    c(depth + 1);
    println("never");
  });
}

int b() {
  return gofer::func([](int& n) {
    gofer::defer after{println, "b defer runs after the recovering one"};
    gofer::defer recovers{[&] {
      if (auto r = gofer::recover()) n = *r.as<int>();
    }};
    gofer::defer before{println, "b defer runs before it"};
    c(0);
    println("never");
    n = -1;
  });
}

int a() {
  return gofer::func([]() -> int {
    gofer::defer d{println, "a defer"};
    int n = b();
    println("a continues with", n);
    n += b();
    println("a continues with", n);
    return n;
  });
}

}  // namespace

int main() {
  return gofer::run([] {
    println("result", a());
    int sum = 0;
    for (int i = 0; i < 5; i++) {
      gofer::func([&] {
        gofer::defer d{[&] {
          if (auto r = gofer::recover()) sum += *r.as<int>();
        }};
        if (i % 2 == 1) gofer::panic(i);
        sum += 10;
      });
    }
    println("sum", sum);
  });
}
