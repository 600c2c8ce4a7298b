// Deferred calls, panics and goexit, line for line what bench/peers/go/defer.go measures, and between them what else
// C++ has for the purpose: PROGRAM defer WORKERS [PERCENT].
#include <charconv>
#include <cstdio>
#include <cstring>
#include <gofer/chan.hpp>
#include <gofer/runtime.hpp>
#include <string>

#include "common/harness.hpp"
#include "defer/subjects.hpp"

namespace {

std::int64_t percent = 100;

/// Prints nanoseconds per operation, of which body() does `per`; a tenth of the n rounds warms up.
template <class F>
void measure(const std::string& name, std::int64_t n, int per, F body) {
  n = n * percent / 100 + 1;
  for (std::int64_t i = 0; i < n / 10 + 1; i++) body();
  const bench::stopwatch time;
  for (std::int64_t i = 0; i < n; i++) body();
  bench::print(name.c_str(), time.ns_per(n * per), "ns/op");
}

void measure_all() {
  measure("call_direct", 100'000'000, 1, [] { bench::direct_call(); });
  measure("guard_raii", 100'000'000, 1, [] { bench::raii_guard(); });
  measure("guard_scope_exit", 100'000'000, 1, [] { bench::boost_scope_exit(); });
#if BENCH_BOOST_SCOPE
  measure("guard_boost_scope", 100'000'000, 1, [] { bench::boost_scope_guard(); });
#endif
  measure("guard_function", 50'000'000, 1, [] { bench::function_guard(); });
  measure("guard_function_heap", 20'000'000, 1, [] { bench::function_guard_heap(1, 2, 3); });
  measure("defer_open1", 100'000'000, 1, [] { bench::open_defer(); });
  measure("defer_open3_each", 30'000'000, 3, [] { bench::open_defer_3(); });
  measure("defer_closure", 100'000'000, 1, [] { bench::counter += bench::closure_defer(1); });
  measure("defer_loop1", 20'000'000, 1, [] { bench::list_defer(1); });
  measure("defer_loop10_each", 2'000'000, 10, [] { bench::list_defer(10); });
  measure("defer_loop100_each", 200'000, 100, [] { bench::list_defer(100); });
  measure("recover_no_panic", 50'000'000, 1, [] { bench::recover_without_panic(); });
  for (const int depth : {1, 10, 100}) {
    const std::string d = std::to_string(depth);
    const std::int64_t n = 2'000'000 / (depth + 3);
    measure("panic_recover_d" + d, n, 1, [depth] { bench::recovering(depth, bench::deep_panic); });
    measure("throw_catch_d" + d, n / 4, 1, [depth] { bench::catching(depth, bench::deep_throw); });
    measure("panic_recover_defers_d" + d, n, 1, [depth] { bench::recovering(depth, bench::deep_panic_defers); });
    measure("throw_catch_guards_d" + d, n / 4, 1, [depth] { bench::catching(depth, bench::deep_throw_guards); });
  }

  const auto done = gofer::make_chan<std::int64_t>();
  measure("goroutine_return", 500'000, 1, [&done] {
    gofer::go([&done] { gofer::defer d([&done] { done.send(1); }); });
    done.recv();
  });
  for (const int depth : {1, 10, 100}) {
    measure("goroutine_goexit_d" + std::to_string(depth), 500'000 / depth, 1, [&done, depth] {
      gofer::go([&done, depth] {
        gofer::defer d([&done] { done.send(1); });
        bench::deep_goexit(depth);
      });
      done.recv();
    });
  }
}

bool number(const char* text, std::int64_t& n) {
  const char* end = text + std::strlen(text);
  const auto r = std::from_chars(text, end, n);
  return r.ec == std::errc() && r.ptr == end && n > 0 && n <= 1'000'000;
}

}  // namespace

int main(int argc, char** argv) {
  std::int64_t workers = 0;
  if (argc < 3 || argc > 4 || std::strcmp(argv[1], "defer") != 0 || !number(argv[2], workers) ||
      (argc == 4 && !number(argv[3], percent))) {
    std::fprintf(stderr, "usage: %s defer WORKERS [PERCENT]; WORKERS and PERCENT are positive numbers\n", argv[0]);
    return 2;
  }
  gofer::run({.maxprocs = static_cast<int>(workers)}, measure_all);
}
