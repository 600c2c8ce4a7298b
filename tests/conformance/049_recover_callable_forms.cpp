// The deferred function that calls recover may be a function, a member function on a copy of the object or on the
// object itself, a virtual one, one chosen at run time, a closure, a function with arguments or a variable number of
// them.
//
// differs: C++ has no bound method values; where Go defers one, the member pointer and a copy of the object are
// deferred.
#include <array>
#include <string>
#include <utility>

#include "go.hpp"

using conformance::println;

namespace {

struct catcher {
  virtual ~catcher() = default;
  virtual void do_catch() const = 0;
};

struct V : catcher {
  std::string name;
  explicit V(std::string s) : name(std::move(s)) {}
  void do_catch() const override { println("V.Catch", name, gofer::recover()); }
  void do_catch_p() { println("V.CatchP", name, gofer::recover()); }
};

struct Big : catcher {
  std::array<int, 1000> data{};
  void do_catch() const override { println("Big.Catch", data[999], gofer::recover()); }
};

void do_catch() { println("catch", gofer::recover()); }
void catch_args(int a, const std::string& s) { println("catchArgs", a, s, gofer::recover()); }
constexpr auto catch_var = [](auto... xs) { println("catchVar", sizeof...(xs), gofer::recover()); };
void catch_into(gofer::panic_value* dst) { *dst = gofer::recover(); }
std::pair<gofer::panic_value, bool> catch_result() {
  auto r = gofer::recover();
  const bool ok = static_cast<bool>(r);
  return {std::move(r), ok};
}

// Go's setup is a function with deferred calls, so it runs inside a func here.
template <class F>
void run(const char* name, F setup) {
  gofer::func([&] {
    gofer::defer d{println, "after", name};
    gofer::func(setup);
  });
}

}  // namespace

int main() {
  return gofer::run([] {
    V v{"v"};
    run("func", [] {
      gofer::defer d{do_catch};
      gofer::panic(1);
    });
    run("args", [] {
      gofer::defer d{catch_args, 5, "x"};
      gofer::panic(2);
    });
    run("variadic", [] {
      gofer::defer d{catch_var, 1, 2, 3};
      gofer::panic(3);
    });
    run("value method", [&] {
      gofer::defer d{&V::do_catch, v};
      v.name = "changed";
      gofer::panic(4);
    });
    v.name = "v";
    run("pointer method", [&] {
      gofer::defer d{&V::do_catch_p, &v};
      v.name = "changed";
      gofer::panic(5);
    });
    run("method value", [&] {
      auto f = &V::do_catch;
      gofer::defer d{f, v};
      gofer::panic(6);
    });
    run("interface", [&] {
      const V copy = v;
      const catcher* c = &copy;
      gofer::defer d{&catcher::do_catch, c};
      gofer::panic(7);
    });
    run("big receiver", [] {
      Big b;
      b.data[999] = 9;
      gofer::defer d{&catcher::do_catch, b};
      gofer::panic(8);
    });
    run("func variable", [&] {
      void (catcher::*fs[])() const = {nullptr, &catcher::do_catch};
      gofer::defer d{fs[1], v};
      gofer::panic(9);
    });
    gofer::panic_value got;
    run("into", [&] {
      gofer::defer d{catch_into, &got};
      gofer::panic(10);
    });
    println("got", got);
    run("results dropped", [] {
      gofer::defer d{catch_result};
      gofer::panic(11);
    });
  });
}
