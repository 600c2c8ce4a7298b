// A fault becomes a panic and is recovered. Works only if the flags came along with the target: divided() can fail in
// no other way, so that without them a compiler concludes that nothing has to be done around calls of quotient() when
// it does.
#include <gofer/gofer.hpp>

static int divided(int a, int b) { return a / b; }

[[gnu::noinline]] static int quotient(int a, int b) { return divided(a, b); }

static int divide(int a, int b) {
  return gofer::func([&](int& result) {
    gofer::defer d{[&] {
      if (gofer::recover()) result = -1;
    }};
    result = quotient(a, b);
  });
}

int main(int argc, char**) {
  return gofer::run([argc] { return divide(argc, argc - 1) == -1 ? 0 : 1; });
}
