// Which case a select takes: default only if nothing is ready, nil channels never, closed ones always for receive. What
// Go's break does inside a select is a handler's return here.
#include <functional>
#include <optional>
#include <string>

#include "go.hpp"

using conformance::println;
using conformance::sprint;

int main() {
  return gofer::run([] {
    gofer::chan<int> nilc;
    gofer::chan<int> closed = gofer::make_chan<int>(0);
    closed.close();
    gofer::chan<int> empty = gofer::make_chan<int>(0);
    gofer::chan<int> full = gofer::make_chan<int>(1);
    full.send(1);

    // A handler cannot return from the function around the select: it sets the result.
    auto pick = [](const char* name, const std::function<void(std::string&)>& f) {
      std::string result;
      f(result);
      println(name, "->", result);
    };
    pick("only default", [&](std::string& s) { gofer::select(gofer::otherwise([&] { s = "default"; })); });
    pick("nil recv", [&](std::string& s) {
      gofer::select(gofer::recv(nilc, [&](std::optional<int>) { s = "nil"; }),
                    gofer::otherwise([&] { s = "default"; }));
    });
    pick("nil send", [&](std::string& s) {
      gofer::select(gofer::send(nilc, 1, [&] { s = "nil"; }), gofer::otherwise([&] { s = "default"; }));
    });
    pick("closed recv", [&](std::string& s) {
      gofer::select(
          gofer::recv(closed, [&](std::optional<int> v) { s = sprint("closed ", v.value_or(0), v.has_value()); }),
          gofer::otherwise([&] { s = "default"; }));
    });
    pick("closed recv, no default", [&](std::string& s) {
      gofer::select(
          gofer::recv(nilc, [&](std::optional<int>) { s = "nil"; }),
          gofer::recv(empty, [&](std::optional<int>) { s = "empty"; }),
          gofer::recv(closed, [&](std::optional<int> v) { s = sprint("closed ", v.value_or(0), v.has_value()); }));
    });
    pick("full send", [&](std::string& s) {
      gofer::select(gofer::send(full, 2, [&] { s = "sent"; }), gofer::otherwise([&] { s = "default"; }));
    });
    pick("full recv", [&](std::string& s) {
      gofer::select(gofer::send(full, 2, [&] { s = "sent"; }),
                    gofer::recv(full, [&](std::optional<int> v) { s = sprint("received ", *v); }));
    });
    pick("empty buffered send", [&](std::string& s) {
      gofer::select(gofer::send(full, 3, [&] { s = sprint("sent ", full.len()); }),
                    gofer::otherwise([&] { s = "default"; }));
    });
    pick("break", [&](std::string& s) {
      for (int i = 0; i < 3; i++) {
        gofer::select(gofer::recv(closed, [&](std::optional<int>) {
          s += "a";
          if (i == 1) {
            return;
          }
          s += "b";
        }));
        s += "c";
      }
    });
    pick("labelled break", [&](std::string& s) {
      int n = 0;
      bool loop = true;
      while (loop) {
        gofer::select(gofer::recv(closed, [&](std::optional<int>) {
          n++;
          if (n == 4) {
            loop = false;
          }
        }));
      }
      s = sprint(n);
    });
    pick("disabling cases", [&](std::string& s) {
      gofer::chan<int> a = gofer::make_chan<int>(3);
      gofer::chan<int> b = gofer::make_chan<int>(2);
      for (int i = 0; i < 3; i++) {
        a.send(1);
      }
      b.send(10);
      b.send(10);
      a.close();
      b.close();
      const gofer::chan<int> nil;
      int sum = 0;
      int turns = 0;
      while (!(a == nil) || !(b == nil)) {
        turns++;
        gofer::select(gofer::recv(a,
                                  [&](std::optional<int> v) {
                                    if (!v) {
                                      a = nil;
                                    }
                                    sum += v.value_or(0);
                                  }),
                      gofer::recv(b, [&](std::optional<int> v) {
                        if (!v) {
                          b = nil;
                        }
                        sum += v.value_or(0);
                      }));
      }
      s = sprint(sum, " in ", turns);
    });
  });
}
