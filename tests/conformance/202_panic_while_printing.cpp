// A value whose own text panics ends the process with a report about that; values are asked youngest first.
#include <string>

#include "go.hpp"

using conformance::println;

struct quiet {
  std::string what() const {
    println("quiet asked");
    return "quiet";
  }
};

struct loud {
  std::string what() const {
    gofer::defer d{println, "deferred in Error"};
    gofer::panic("inside Error");
  }
};

int main() {
  return gofer::run([] {
    gofer::defer d{println, "deferred in main"};
    GOFER_DEFER(gofer::panic(quiet{}));
    GOFER_DEFER(gofer::panic(loud{}));
    gofer::panic("start");
  });
}
