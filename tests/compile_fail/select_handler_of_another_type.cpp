// A receive may find the channel closed: its handler takes an optional.
// expect: takes a std::optional
#include <gofer/select.hpp>

void selects(const gofer::chan<int>& c) {
  gofer::select(gofer::recv(c, [](int) {}));
}
