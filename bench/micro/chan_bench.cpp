// Channels on one worker: the round trip over two unbuffered ones, and items through buffers of several sizes.
#include <cstdint>
#include <gofer/chan.hpp>
#include <gofer/sync.hpp>

#include "micro/in_goroutine.hpp"

namespace {

void chan_ping_pong(benchmark::State& state) {
  bench::in_goroutine([&] {
    const auto there = gofer::make_chan<std::int64_t>();
    const auto back = gofer::make_chan<std::int64_t>();
    gofer::wait_group wg;
    wg.go([&] {
      for (const std::int64_t v : there) back.send(v);
    });
    for (auto _ : state) {
      there.send(1);
      benchmark::DoNotOptimize(back.recv());
    }
    there.close();
    wg.wait();
  });
}

/// A producer and a consumer with so many places between them; 0 is unbuffered. Per item.
void chan_items(benchmark::State& state) {
  bench::in_goroutine([&] {
    const gofer::chan<std::int64_t> items(state.range(0));
    gofer::wait_group wg;
    wg.go([&items, n = state.max_iterations] {
      for (benchmark::IterationCount i = 0; i < n; i++) items.send(i);
    });
    for (auto _ : state) benchmark::DoNotOptimize(items.recv());
    wg.wait();
  });
}

/// Send and receive by one goroutine, which never parks: the buffer alone.
void chan_send_recv_alone(benchmark::State& state) {
  bench::in_goroutine([&] {
    const gofer::chan<std::int64_t> c(1);
    for (auto _ : state) {
      c.send(1);
      benchmark::DoNotOptimize(c.recv());
    }
  });
}

GOFER_BENCHMARK(chan_ping_pong);
GOFER_BENCHMARK(chan_items)->Arg(0)->Arg(1)->Arg(16)->Arg(128);
GOFER_BENCHMARK(chan_send_recv_alone);

}  // namespace
