// Texts of run-time errors; all of them are recoverable and are runtime_error.
//
// differs: no slice expressions, makeslice, checked shifts, nil maps, type assertions and array conversions in C++;
// their lines are left out. Indexing is gofer::at.
#include <string>
#include <vector>

#include "go.hpp"

using conformance::println;

namespace {

struct node {
  int pad[4];
  node* next;
};

// Global: a compiler that sees that a pointer is never anything but null drops the access.
node* volatile nowhere = nullptr;
volatile int zero = 0;
volatile int neg = -1;
const std::vector<int> three = {1, 2, 3};

template <class F>
void attempt(const char* name, F f) {
  gofer::func([&] {
    gofer::defer d{[&] {
      auto r = gofer::recover();
      const auto* rt = r.template as<gofer::runtime_error>();
      if (rt == nullptr) {
        println(name, "=> NOT a runtime_error:", r);
        return;
      }
      println(name, "=>", rt->what());
    }};
    f();
  });
}

FAULTS_ON_PURPOSE void divide() { println(1 / zero); }
FAULTS_ON_PURPOSE void modulo() { println(1 % zero); }
FAULTS_ON_PURPOSE void nil_read() { println(nowhere->next == nullptr); }
FAULTS_ON_PURPOSE void nil_write() { nowhere->pad[2] = 1; }
FAULTS_ON_PURPOSE void nil_call() {
  void (*volatile f)() = nullptr;
  f();
}

}  // namespace

int main() {
  return gofer::run([] {
    const int idx = 5;
    attempt("divide", divide);
    attempt("modulo", modulo);
    attempt("nil read", nil_read);
    attempt("nil write", nil_write);
    attempt("nil call", nil_call);
    attempt("index", [&] { println(gofer::at(three, idx)); });
    attempt("index at length", [] { println(gofer::at(three, 3 + zero)); });
    attempt("index negative", [] { println(gofer::at(three, static_cast<int>(neg))); });
    attempt("index empty", [] {
      std::vector<int> e;
      println(gofer::at(e, static_cast<int>(zero)));
    });
    attempt("string index", [&] {
      const std::string s = "ab";
      println(gofer::at(s, idx));
    });
    attempt("close nil channel", [] {
      gofer::chan<int> c;
      c.close();
    });
    attempt("close closed channel", [] {
      auto c = gofer::make_chan<int>(0);
      c.close();
      c.close();
    });
    attempt("send on closed channel", [] {
      auto c = gofer::make_chan<int>(1);
      c.close();
      c.send(1);
    });
    attempt("makechan negative", [] { (void)gofer::make_chan<int>(static_cast<int>(neg)); });
  });
}
