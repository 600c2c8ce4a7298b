// Going from one stack to another: the bare switch of Boost.Context, which is the floor for a portable runtime, and
// yielding, which is a switch with a run queue around it. Figures are per switch, one way.
#include <boost/context/detail/fcontext.hpp>
#include <cstddef>
#include <gofer/sync.hpp>
#include <memory>

#include "micro/in_goroutine.hpp"

namespace {

namespace context = boost::context::detail;

void raw_jump_fcontext(benchmark::State& state) {
  constexpr std::size_t size = std::size_t{64} << 10;
  const auto stack = std::make_unique<std::byte[]>(size);
  context::fcontext_t other = context::make_fcontext(stack.get() + size, size, [](context::transfer_t from) {
    for (;;) from = context::jump_fcontext(from.fctx, nullptr);
  });
  while (state.KeepRunningBatch(2)) other = context::jump_fcontext(other, nullptr).fctx;
}

/// Two goroutines in turn.
void yield(benchmark::State& state) {
  bench::in_goroutine([&] {
    gofer::wait_group wg;
    wg.go([n = state.max_iterations / 2] {
      for (benchmark::IterationCount i = 0; i < n; i++) gofer::gosched();
    });
    while (state.KeepRunningBatch(2)) gofer::gosched();
    wg.wait();
  });
}

/// Nobody else to run: the price of asking.
void yield_alone(benchmark::State& state) {
  bench::in_goroutine([&] {
    for (auto _ : state) gofer::gosched();
  });
}

GOFER_BENCHMARK(raw_jump_fcontext);
GOFER_BENCHMARK(yield);
GOFER_BENCHMARK(yield_alone);

}  // namespace
