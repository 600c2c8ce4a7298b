// Deferred closures read and modify named results after the body has assigned them; without named results a recovered
// panic returns zero values.
#include <string>
#include <utility>

#include "go.hpp"

using conformance::println;

namespace {

int plus_one() {
  return gofer::func([](int& r) {
    gofer::defer d{[&] { r++; }};
    r = 41;
  });
}

int not_named() {
  return gofer::func([]() -> int {
    int r = 41;
    gofer::defer d{[&] { r++; }};
    return r;
  });
}

int order() {
  return gofer::func([](int& r) {
    gofer::defer times{[&] { r *= 10; }};
    gofer::defer plus{[&] { r += 3; }};
    r = 1;
    r = r + 1;
  });
}

std::pair<int, std::string> recovered_zero() {
  return gofer::func([]() -> std::pair<int, std::string> {
    gofer::defer d{[] { (void)gofer::recover(); }};
    if (plus_one() == 42) gofer::panic("x");
    return {7, "seven"};
  });
}

std::pair<int, std::string> recovered_keeps() {
  return gofer::func([](std::pair<int, std::string>& ns) {
    gofer::defer d{[] { (void)gofer::recover(); }};
    ns = {5, "set"};
    gofer::panic("x");
  });
}

gofer::result<int> recovered_err() {
  return gofer::func([](gofer::result<int>& n) {
    gofer::defer d{[&] {
      if (auto r = gofer::recover()) n.err = gofer::make_error("caught: {}", r.what());
    }};
    n.value = 9;
    gofer::panic(gofer::make_error("boom"));
  });
}

int sees_result() {
  return gofer::func([](int& r) {
    gofer::defer last{[&] { println("deferred sees", r); }};
    gofer::defer first{[&] {
      println("deferred sees", r);
      r = 100;
    }};
    r = 50;
  });
}

int panics() { gofer::panic("while evaluating"); }

std::pair<int, int> half_return() {
  return gofer::func([](std::pair<int, int>& ab) {
    gofer::defer d{[] { (void)gofer::recover(); }};
    ab = {1, 2};
    ab = {3, panics()};
  });
}

}  // namespace

int main() {
  return gofer::run([] {
    println(plus_one());
    println(not_named());
    println(order());
    const auto [zero, empty] = recovered_zero();
    println(zero, empty);
    const auto [five, set] = recovered_keeps();
    println(five, set);
    const auto [n, err] = recovered_err();
    println(n, err);
    println(sees_result());
    const auto [a, b] = half_return();
    println(a, b);
  });
}
