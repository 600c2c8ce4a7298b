// What C++ has for defer, panic and recover, under the names of bench/defer/defer_bench.cpp's lines and without gofer's
// compiler flags: a guard class for a deferred call, a hand-made list of std::function for those in a loop, a handler
// that is not entered for a recover() that finds nothing, and throw and catch.
#include <cstdlib>
#include <functional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "common/measure.hpp"

#if defined(__clang__)
#define BENCH_OPAQUE [[gnu::noinline]]
#else
#define BENCH_OPAQUE [[gnu::noipa]]
#endif

namespace {

std::int64_t counter = 0;

BENCH_OPAQUE void count() { counter = counter + 1; }

template <class F>
class guard {
 public:
  explicit guard(F f) : f_(std::move(f)) {}
  guard(const guard&) = delete;
  guard& operator=(const guard&) = delete;
  ~guard() { f_(); }

 private:
  F f_;
};

class function_list {
 public:
  function_list() = default;
  function_list(const function_list&) = delete;
  function_list& operator=(const function_list&) = delete;
  ~function_list() {
    for (; !list_.empty(); list_.pop_back()) list_.back()();
  }
  template <class F>
  void push(F f) {
    list_.emplace_back(std::move(f));
  }

 private:
  std::vector<std::function<void()>> list_;
};

BENCH_OPAQUE void direct_call() { count(); }

BENCH_OPAQUE void one_guard() {
  const guard g([] { count(); });
}

BENCH_OPAQUE void three_guards() {
  const guard a([] { count(); });
  const guard b([] { count(); });
  const guard c([] { count(); });
}

BENCH_OPAQUE std::int64_t guard_changes_result(std::int64_t x) {
  std::int64_t r = x;
  {
    const guard g([&r, x] { r += x; });
  }
  return r;
}

BENCH_OPAQUE void list_of(int n) {
  function_list list;
  for (int i = 0; i < n; i++) list.push([] { count(); });
}

BENCH_OPAQUE void handler_not_entered() {
  try {
    count();
  } catch (const std::exception&) {
    std::abort();
  }
}

BENCH_OPAQUE void deep_throw(int depth) {
  if (depth == 1) throw std::runtime_error("x");
  if (depth > 1) deep_throw(depth - 1);
  count();
}

BENCH_OPAQUE void deep_throw_guards(int depth) {
  const guard g([] { count(); });
  if (depth == 1) throw std::runtime_error("x");
  if (depth > 1) deep_throw_guards(depth - 1);
  count();
}

BENCH_OPAQUE void catching(int depth, void (*f)(int)) {
  try {
    f(depth);
    std::abort();
  } catch (const std::exception&) {
    count();
  }
}

/// As defer_bench's: n rounds of `per` operations, a tenth more to warm up.
template <class F>
void measure(const std::string& name, std::int64_t n, int per, F body) {
  for (std::int64_t i = 0; i < n / 10 + 1; i++) body();
  const bench::stopwatch time;
  for (std::int64_t i = 0; i < n; i++) body();
  bench::print(name.c_str(), time.ns_per(n * per), "ns/op");
}

}  // namespace

int main(int argc, char** argv) {
  bench::arguments asked;
  if (!asked.read(argc, argv) || asked.bench != "defer" || asked.workers != 1) return bench::no_such_bench;
  const auto of = [percent = asked.n != 0 ? asked.n : 100](std::int64_t n) { return n * percent / 100 + 1; };
  measure("call_direct", of(100'000'000), 1, [] { direct_call(); });
  measure("defer_open1", of(100'000'000), 1, [] { one_guard(); });
  measure("defer_open3_each", of(30'000'000), 3, [] { three_guards(); });
  measure("defer_closure", of(100'000'000), 1, [] { counter += guard_changes_result(1); });
  measure("defer_loop1", of(20'000'000), 1, [] { list_of(1); });
  measure("defer_loop10_each", of(2'000'000), 10, [] { list_of(10); });
  measure("defer_loop100_each", of(200'000), 100, [] { list_of(100); });
  measure("recover_no_panic", of(50'000'000), 1, [] { handler_not_entered(); });
  for (const int depth : {1, 10, 100}) {
    const std::string d = std::to_string(depth);
    const std::int64_t n = of(500'000 / (depth + 3));
    measure("panic_recover_d" + d, n, 1, [depth] { catching(depth, deep_throw); });
    measure("panic_recover_defers_d" + d, n, 1, [depth] { catching(depth, deep_throw_guards); });
  }
}
