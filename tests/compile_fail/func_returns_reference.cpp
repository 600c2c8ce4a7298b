// A reference has no zero value to return after a recover.
// expect: gofer::func: a reference has no zero value
#include <gofer/panic.hpp>

int& refers(int& i) {
  return gofer::func([&]() -> int& { return i; });
}
