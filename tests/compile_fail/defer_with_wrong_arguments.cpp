// expect: cannot be called with these arguments
#include <gofer/defer.hpp>

void defers() {
  gofer::defer one{[](int) {}, "two"};
}
