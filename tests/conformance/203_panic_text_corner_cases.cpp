// Texts with newlines at their end and tabs; one that needs a panic and a recover to come about; a nil
// error; joined and wrapped errors.
#include <string>

#include "go.hpp"

using conformance::sprint;
struct careful {
  std::string what() const {
    return gofer::func([](std::string& s) {
      gofer::defer d{[&] { s = sprint("recovered: ", gofer::recover()); }};
      gofer::panic("inside Error");
    });
  }
};

struct wraps {
  gofer::error err;
  std::string what() const { return "wraps " + err.what(); }
  gofer::error unwrap() const { return err; }
};

int main() {
  return gofer::run([] {
    gofer::error none;
    GOFER_DEFER(gofer::panic("ends with a newline\n"));
    GOFER_DEFER(gofer::panic("tab\there"));
    GOFER_DEFER(gofer::panic(careful{}));
    GOFER_DEFER(gofer::panic(none));
    GOFER_DEFER(gofer::panic(gofer::join(gofer::make_error("a"), gofer::make_error("b\nc"))));
    GOFER_DEFER(gofer::panic(wraps{gofer::wrap(gofer::make_error("y"), "x")}));
    GOFER_DEFER(gofer::panic("unsupported operation"));
    gofer::panic("start");
  });
}
