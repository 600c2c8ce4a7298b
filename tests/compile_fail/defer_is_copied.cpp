// A deferred call belongs to its scope.
// expect: deleted
#include <gofer/defer.hpp>

void copies() {
  gofer::defer one{[] {}};
  auto another = one;
}
