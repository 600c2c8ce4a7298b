// What a deferred call costs, next to what C++ has for the purpose; and a panic next to an exception.
#include <boost/scope_exit.hpp>
#include <functional>

#include "common/defer_subjects.hpp"
#include "micro/in_goroutine.hpp"

namespace {

using bench::count;
using bench::in_goroutine;

BENCH_OPAQUE void raii_guard() {
  const bench::guard g([] { count(); });
}

BENCH_OPAQUE void function_guard() {
  const bench::guard<std::function<void()>> g([] { count(); });
}

/// Three words of captures no longer fit into std::function: it allocates.
BENCH_OPAQUE void function_guard_heap(std::int64_t a, std::int64_t b, std::int64_t c) {
  const bench::guard<std::function<void()>> g([a, b, c] { bench::counter += a + b + c; });
}

BENCH_OPAQUE void boost_scope_exit() {
  BOOST_SCOPE_EXIT(void) { count(); }
  BOOST_SCOPE_EXIT_END
}

template <class F>
void loop(benchmark::State& state, F f) {
  in_goroutine([&] {
    for (auto _ : state) f();
  });
}

void direct_call(benchmark::State& state) { loop(state, bench::direct_call); }
void guard_raii(benchmark::State& state) { loop(state, raii_guard); }
void guard_function(benchmark::State& state) { loop(state, function_guard); }
void guard_function_heap(benchmark::State& state) {
  loop(state, [] { function_guard_heap(1, 2, 3); });
}
void guard_boost_scope_exit(benchmark::State& state) { loop(state, boost_scope_exit); }
void defer_open(benchmark::State& state) { loop(state, bench::open_defer); }
void defer_open_3(benchmark::State& state) { loop(state, bench::open_defer_3); }
void defer_closure(benchmark::State& state) {
  loop(state, [] { bench::counter += bench::closure_defer(1); });
}
/// Per record. Up to four lie in the list itself, further ones come from the P's pool: 64 is nearly all pool.
void defer_list(benchmark::State& state) {
  const auto n = state.range(0);
  in_goroutine([&] {
    while (state.KeepRunningBatch(n)) bench::list_defer(static_cast<int>(n));
  });
}
void recover_without_panic(benchmark::State& state) { loop(state, bench::recover_without_panic); }

template <void (*Deep)(int)>
void panic_recover(benchmark::State& state) {
  const int depth = static_cast<int>(state.range(0));
  loop(state, [depth] { bench::recovering(depth, Deep); });
}

template <void (*Deep)(int)>
void throw_catch(benchmark::State& state) {
  const int depth = static_cast<int>(state.range(0));
  loop(state, [depth] { bench::catching(depth, Deep); });
}

GOFER_BENCHMARK(direct_call);
GOFER_BENCHMARK(guard_raii);
GOFER_BENCHMARK(guard_function);
GOFER_BENCHMARK(guard_function_heap);
GOFER_BENCHMARK(guard_boost_scope_exit);
GOFER_BENCHMARK(defer_open);
GOFER_BENCHMARK(defer_open_3);
GOFER_BENCHMARK(defer_closure);
GOFER_BENCHMARK(defer_list)->Arg(1)->Arg(4)->Arg(10)->Arg(64);
GOFER_BENCHMARK(recover_without_panic);
GOFER_BENCHMARK(panic_recover<bench::deep_panic>)->Name("panic_recover")->Arg(1)->Arg(10)->Arg(100);
GOFER_BENCHMARK(throw_catch<bench::deep_throw>)->Name("throw_catch")->Arg(1)->Arg(10)->Arg(100);
GOFER_BENCHMARK(panic_recover<bench::deep_panic_defers>)->Name("panic_recover_defers")->Arg(1)->Arg(10)->Arg(100);
GOFER_BENCHMARK(throw_catch<bench::deep_throw_guards>)->Name("throw_catch_guards")->Arg(1)->Arg(10)->Arg(100);

}  // namespace
