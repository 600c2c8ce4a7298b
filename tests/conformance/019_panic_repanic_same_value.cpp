// Panicking again with the recovered value reports it twice, as Go 1.23 does.
#include "go.hpp"

using conformance::println;

namespace {

const gofer::error err_boom = gofer::make_error("boom");

void filter() {
  gofer::func([] {
    gofer::defer d{[] {
      if (auto r = gofer::recover()) {
        const auto* err = r.as<gofer::error>();
        println("same value:", err != nullptr && *err == err_boom);
        gofer::panic(r);
      }
    }};
    gofer::panic(err_boom);
  });
}

}  // namespace

int main() {
  return gofer::run([] {
    gofer::defer d{println, "main defer"};
    filter();
  });
}
