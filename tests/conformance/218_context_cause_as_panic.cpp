// The cause of a context, joined of two errors, as a panic value.
#include "go.hpp"

int main() {
  return gofer::run([] {
    auto [ctx, c] = gofer::with_cancel_cause(gofer::background());
    c(gofer::join(gofer::make_error("x"), gofer::make_error("y")));
    gofer::panic(ctx.cause());
  });
}
