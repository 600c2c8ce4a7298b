// expect: deleted
#include <gofer/sync.hpp>

void copies() {
  gofer::mutex one;
  gofer::mutex another = one;
}
