// Uncaught nil dereference: the message, then the signal line; exit status 2.
#include "go.hpp"

using conformance::println;

namespace {

struct T {
  int a, b;
};

FAULTS_ON_PURPOSE int get(T* p) { return p->b; }

}  // namespace

int main() {
  return gofer::run([] {
    gofer::defer d{println, "defer runs"};
    T* volatile p = nullptr;
    println("before");
    println(get(p));
  });
}
