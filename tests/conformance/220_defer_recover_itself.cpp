// recover deferred itself: called by the panic it would be too early, so it does nothing; deferred by a deferred
// function it is that function's own recover, unless a newer panic runs it.
#include "go.hpp"

using conformance::println;

namespace {

void expect(int want) { println("want", want, "got", gofer::recover()); }
void expect_none() { println("want none, got", gofer::recover()); }

void too_early() {
  gofer::func([] {
    gofer::defer a{expect, 2};
    gofer::defer b{gofer::recover};
    gofer::panic(2);
  });
}

void by_a_deferred_function() {
  gofer::func([] {
    gofer::defer a{expect_none};
    gofer::defer b{[] { gofer::defer c{gofer::recover}; }};
    gofer::panic(4);
  });
}

void after_a_recovered_panic() {
  gofer::func([] {
    gofer::defer a{expect_none};
    gofer::defer b{[] {
      gofer::defer c{gofer::recover};
      gofer::defer d{expect, 3};
      gofer::panic(3);
    }};
    gofer::panic(2);
  });
}

void run_by_a_newer_panic() {
  gofer::func([] {
    gofer::defer a{expect, 2};
    gofer::defer b{[] {
      gofer::defer c{expect, 3};
      gofer::defer d{gofer::recover};
      gofer::panic(3);
    }};
    gofer::panic(2);
  });
}

}  // namespace

int main() {
  return gofer::run([] {
    too_early();
    by_a_deferred_function();
    after_a_recovered_panic();
    run_by_a_newer_panic();
    gofer::func([] {
      gofer::defer last{println, "last"};
      gofer::defer nothing{gofer::recover};
      gofer::panic("not recovered");
    });
  });
}
