// Arguments of a deferred call are evaluated where the defer stands.
#include "go.hpp"

namespace {

void defer_a(int a) { std::printf("DeferA,a :%d\n", a); }

}  // namespace

int main() {
  return gofer::run([] {
    int a = 1;
    gofer::defer d{defer_a, a};
    a++;
    std::printf("normal run,a:%d\n", a);
  });
}
