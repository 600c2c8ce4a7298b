// Starting a goroutine and waiting for its end, against a thread.
#include <gofer/sync.hpp>
#include <thread>

#include "micro/in_goroutine.hpp"

namespace {

void spawn_join(benchmark::State& state) {
  bench::in_goroutine([&] {
    gofer::wait_group wg;
    for (auto _ : state) {
      wg.add(1);
      gofer::go([&wg] { wg.done(); });
      wg.wait();
    }
  });
}

/// So many at a time, which all live at once; figures per goroutine.
void spawn_join_batch(benchmark::State& state) {
  const auto batch = state.range(0);
  bench::in_goroutine([&] {
    gofer::wait_group wg;
    while (state.KeepRunningBatch(batch)) {
      wg.add(static_cast<int>(batch));
      for (std::int64_t i = 0; i < batch; i++) gofer::go([&wg] { wg.done(); });
      wg.wait();
    }
  });
}

void thread_spawn_join(benchmark::State& state) {
  for (auto _ : state) std::thread([] {}).join();
}

GOFER_BENCHMARK(spawn_join);
GOFER_BENCHMARK(spawn_join_batch)->Arg(10)->Arg(100)->Arg(1000);
GOFER_BENCHMARK(thread_spawn_join);

}  // namespace
