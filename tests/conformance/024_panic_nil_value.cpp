// panic(nullptr), and a panic with an empty error, become a runtime_error as in Go 1.21 and later.
//
// differs: Go also prints that the value is a *runtime.PanicNilError; here it is the one type runtime_error.
#include "go.hpp"

using conformance::println;

int main() {
  return gofer::run([] {
    gofer::func([] {
      gofer::defer d{[] {
        auto r = gofer::recover();
        println("recovered nil interface:", !r);
        println("text:", r);
        println("runtime.Error:", r.as<gofer::runtime_error>() != nullptr);
      }};
      gofer::panic(nullptr);
    });
    gofer::error err;
    gofer::defer d{println, "deferred"};
    gofer::panic(err);
  });
}
