// A deferred call belongs to its scope.
// expect: deleted
#include <gofer/defer.hpp>
#include <utility>

void moves() {
  gofer::defer one{[] {}};
  auto another = std::move(one);
}
