// expect: more than one otherwise
#include <gofer/select.hpp>

void selects(const gofer::chan<int>& c) {
  gofer::select(gofer::recv(c), gofer::otherwise(), gofer::otherwise([] {}));
}
