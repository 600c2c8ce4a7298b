// expect: cannot be called with these arguments
#include <gofer/runtime.hpp>

void starts() {
  gofer::go([](int) {}, "two");
}
