// Errors are reported by their what() (Go: Error()), other values by their operator<< (Go: String()); a value with both
// uses what(); wrapped errors give the wrapped text; a newline in any text is followed by a tab. These functions run
// after all deferred calls have run.
#include <exception>
#include <ostream>
#include <string>

#include "go.hpp"

using conformance::println;
using conformance::sprint;

namespace {

class E : public std::exception {
 public:
  explicit E(int code) : code_(code), text_(sprint("E code ", code)) {}
  const char* what() const noexcept override {
    println("Error() called", code_);
    return text_.c_str();
  }

 private:
  int code_;
  std::string text_;
};

struct S {
  std::string name;
};

std::ostream& operator<<(std::ostream& os, const S& s) {
  println("String() called", s.name);
  return os << "S " << s.name;
}

struct Both {
  const char* what() const { return "both as error"; }
};

[[maybe_unused]] std::ostream& operator<<(std::ostream& os, const Both&) { return os << "both as stringer"; }

}  // namespace

int main() {
  return gofer::run([] {
    gofer::defer last{println, "last defer"};
    GOFER_DEFER(gofer::panic(E{7}));
    GOFER_DEFER(gofer::panic(S{"alice"}));
    GOFER_DEFER(gofer::panic(Both{}));
    GOFER_DEFER(gofer::panic(gofer::wrap(gofer::make_error("base"), "wrap")));
    GOFER_DEFER(gofer::panic(gofer::make_error("error\nof two lines")));
    GOFER_DEFER(gofer::panic("string\nwith\nnewlines"));
    gofer::defer start{println, "start"};
  });
}
