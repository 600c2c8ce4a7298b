// Nobody signals the condition variable, and main locks its mutex twice.
#include <chrono>
#include <mutex>

#include "go.hpp"

using namespace std::chrono_literals;

int main() {
  return gofer::run([] {
    gofer::mutex m;
    gofer::condition_variable c;
    gofer::go([&] {
      std::unique_lock l(m);
      c.wait(l);
    });
    gofer::sleep(5ms);
    m.lock();
    m.lock();
  });
}
