// Panics and locks: a deferred unlock releases the mutex during the panic, without one the mutex stays locked after the
// recovery; the deferred unlock of a deferred call runs before an outer recover.
#include <functional>

#include "go.hpp"

using conformance::println;

namespace {

gofer::mutex mu;
gofer::shared_mutex rw;

void with_defer() {
  gofer::func([] {
    mu.lock();
    gofer::defer d{&gofer::mutex::unlock, &mu};
    gofer::panic("with defer");
  });
}

void without_defer() {
  mu.lock();
  gofer::panic("without defer");
}

void readers() {
  gofer::func([] {
    gofer::defer_list defers;
    for (int i = 0; i < 3; i++) {
      rw.lock_shared();
      defers.push(&gofer::shared_mutex::unlock_shared, &rw);
    }
    gofer::panic("readers");
  });
}

void catching(const std::function<void()>& f) {
  gofer::func([&] {
    gofer::defer d{[] { println("recovered", gofer::recover()); }};
    f();
  });
}

void attempt() {
  if (mu.try_lock()) {
    println("mutex was free");
    mu.unlock();
  } else {
    println("mutex still locked");
  }
}

}  // namespace

int main() {
  return gofer::run([] {
    catching(with_defer);
    attempt();
    catching(without_defer);
    attempt();
    mu.unlock();
    attempt();
    catching(readers);
    println("write lock available:", rw.try_lock());
    catching([] {
      gofer::func([] {
        gofer::defer outer{[] {
          gofer::defer inner{&gofer::mutex::unlock, &mu};
          mu.lock();
          gofer::panic("second, mutex released by inner defer");
        }};
        gofer::panic("first");
      });
    });
    attempt();
  });
}
