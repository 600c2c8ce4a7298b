// A benchmark's loop inside a goroutine, on one worker: what is timed is the runtime's own path, not what the kernel
// makes of two threads. bench/macro sweeps the workers.
#pragma once

#include <benchmark/benchmark.h>

#include <gofer/runtime.hpp>
#include <utility>

namespace bench {

template <class F>
void in_goroutine(F f) {
  gofer::run({.maxprocs = 1}, std::move(f));
}

}  // namespace bench

// Real time: Google Benchmark would otherwise take the processor time of whichever thread stands at the loop's end.
#define GOFER_BENCHMARK(function) BENCHMARK(function)->UseRealTime()
