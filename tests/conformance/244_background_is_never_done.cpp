// Waiting for the end of a context that has none is waiting on a nil channel; and so everybody waits for ever.
#include "go.hpp"

using conformance::println;

int main() {
  return gofer::run([] {
    struct k {
      const char* v;
    };
    const gofer::context ctx = with_value(gofer::background(), k{"v"});
    println(ctx.err(), ctx.done() == nullptr);
    gofer::mutex mu;
    mu.lock();
    gofer::go([&] { mu.lock(); });
    gofer::go([=] { gofer::select(gofer::recv(ctx.done()), gofer::recv(gofer::chan<int>(0))); });
    ctx.done().recv();
  });
}
