// A second read lock waits behind a waiting writer, which waits for the first: all asleep.
#include <chrono>

#include "go.hpp"

using namespace std::chrono_literals;

int main() {
  return gofer::run([] {
    gofer::shared_mutex m;
    m.lock_shared();
    gofer::go(&gofer::shared_mutex::lock, &m);
    gofer::sleep(5ms);
    m.lock_shared();
  });
}
