// Ten goroutines say hello; main waits for them.
#include <cstdio>
#include <gofer/gofer.hpp>

int main() {
  return gofer::run([] {
    gofer::wait_group all;
    for (int i = 0; i < 10; i++) {
      all.go([i] { std::printf("hello from goroutine %d\n", i); });
    }
    all.wait();
    std::puts("that was all");
  });
}
