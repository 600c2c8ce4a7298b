// What is evaluated when: the function, the receiver and the arguments where the defer stands, in order; closure bodies
// read variables when they run.
#include <functional>
#include <span>
#include <string>

#include "go.hpp"

using conformance::println;

namespace {

struct T {
  int n;
  void val() const { println("value receiver", n); }
  void ptr() { println("pointer receiver", n); }
};

std::string arg(const char* s) {
  println("eval", s);
  return s;
}

auto fn(std::string s) {
  println("eval fn", s);
  return [s](const std::string& a, const std::string& b) { println("call", s, a, b); };
}

auto chain(std::string s) {
  println("enter", s);
  return [s](const std::string& m) { println("leave", s, m); };
}

void work() {
  gofer::func([] {
    gofer::defer d{chain("work"), "done"};
    println("working");
  });
}

}  // namespace

int main() {
  return gofer::run([] {
    T t{1};
    gofer::defer val{&T::val, t};
    gofer::defer ptr{&T::ptr, &t};
    gofer::defer call{fn("F"), arg("x"), arg("y")};
    std::function<void()> g = [] { println("old g"); };
    gofer::defer old_g{g};
    g = [] { println("new g"); };
    int x = 1;
    gofer::defer closure{[&] { println("closure x", x); }};
    gofer::defer param{[&](int v) { println("param x", v, "captured", x); }, x};
    const int* p = &x;
    gofer::defer deref{println, "deref at defer", *p};
    int array[] = {1, 2, 3};
    std::span<int> s{array};
    gofer::defer slice{[](std::span<int> v) { println("slice", v[0], v.size()); }, s};
    s[0] = 9;
    s = {};
    t.n = 2;
    x = 2;
    work();
    println("end of main");
  });
}
