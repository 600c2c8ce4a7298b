// What is timed when deferred calls are: small functions that the compiler must neither inline nor look into, or it
// would measure what it found out about them. Each does the same thing, count(), the way its name says.
#pragma once

#include <boost/scope_exit.hpp>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <gofer/defer.hpp>
#include <gofer/panic.hpp>
#include <gofer/runtime.hpp>
#include <stdexcept>
#include <utility>

#if __has_include(<boost/scope/scope_exit.hpp>)  // Boost 1.85
#include <boost/scope/scope_exit.hpp>
#define BENCH_BOOST_SCOPE 1
#else
#define BENCH_BOOST_SCOPE 0
#endif

// noipa: without it GCC sees that a callee cannot throw and drops the very landing pads whose price is asked for.
#if defined(__clang__)
#define BENCH_OPAQUE [[gnu::noinline]] inline
#else
#define BENCH_OPAQUE [[gnu::noipa]] inline
#endif

namespace bench {

inline std::int64_t counter = 0;

BENCH_OPAQUE void count() { counter = counter + 1; }

BENCH_OPAQUE void direct_call() { count(); }

BENCH_OPAQUE void open_defer() {
  gofer::defer d([] { count(); });
}

BENCH_OPAQUE void open_defer_3() {
  gofer::defer a([] { count(); });
  gofer::defer b([] { count(); });
  gofer::defer c([] { count(); });
}

/// Go's `func f(x int) (r int) { defer func() { r += x }(); return x }`.
BENCH_OPAQUE std::int64_t closure_defer(std::int64_t x) {
  return gofer::func([x](std::int64_t& r) {
    gofer::defer d([&r, x] { r += x; });
    r = x;
  });
}

/// n records on one list: four lie in the list, the others come from the pool.
BENCH_OPAQUE void list_defer(int n) {
  gofer::defer_list list;
  for (int i = 0; i < n; i++) list.push([] { count(); });
}

BENCH_OPAQUE void recover_without_panic() {
  gofer::func([] {
    gofer::defer d([] { gofer::recover(); });
    count();
  });
}

/// Calls f(depth), which panics, and recovers.
template <class F>
BENCH_OPAQUE void recovering(int depth, F f) {
  gofer::func([&] {
    gofer::defer d([] {
      if (!gofer::recover()) std::abort();
    });
    f(depth);
  });
}

BENCH_OPAQUE void deep_panic(int depth) {
  if (depth == 1) gofer::panic("x");
  if (depth > 1) deep_panic(depth - 1);
  count();
}

/// As deep_panic, with a deferred call in every frame.
BENCH_OPAQUE void deep_panic_defers(int depth) {
  gofer::defer d([] { count(); });
  if (depth == 1) gofer::panic("x");
  if (depth > 1) deep_panic_defers(depth - 1);
  count();
}

BENCH_OPAQUE void deep_goexit(int depth) {
  gofer::defer d([] { count(); });
  if (depth == 1) gofer::goexit();
  if (depth > 1) deep_goexit(depth - 1);
  count();
}

/// A destructor that calls: what C++ has for defer.
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

BENCH_OPAQUE void raii_guard() {
  const guard g([] { count(); });
}

BENCH_OPAQUE void function_guard() {
  const guard<std::function<void()>> g([] { count(); });
}

/// Three words of captures no longer fit into std::function: it allocates.
BENCH_OPAQUE void function_guard_heap(std::int64_t a, std::int64_t b, std::int64_t c) {
  const guard<std::function<void()>> g([a, b, c] { counter += a + b + c; });
}

BENCH_OPAQUE void boost_scope_exit(){BOOST_SCOPE_EXIT(void){count();
}  // namespace bench
BOOST_SCOPE_EXIT_END
}

#if BENCH_BOOST_SCOPE
BENCH_OPAQUE void boost_scope_guard() {
  const boost::scope::scope_exit g([] { count(); });
}
#endif

BENCH_OPAQUE void deep_throw(int depth) {
  if (depth == 1) throw std::runtime_error("x");
  if (depth > 1) deep_throw(depth - 1);
  count();
}

/// As deep_throw, with a destructor in every frame.
BENCH_OPAQUE void deep_throw_guards(int depth) {
  const guard g([] { count(); });
  if (depth == 1) throw std::runtime_error("x");
  if (depth > 1) deep_throw_guards(depth - 1);
  count();
}

template <class F>
BENCH_OPAQUE void catching(int depth, F f) {
  try {
    f(depth);
    std::abort();
  } catch (const std::exception&) {
    count();
  }
}

}  // namespace bench
