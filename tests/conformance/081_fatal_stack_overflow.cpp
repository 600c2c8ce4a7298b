// Unbounded recursion: the goroutine stack limit is reported as a fatal error that cannot be recovered; exit status 2.
// debug.SetMaxStack(1 << 20) becomes the size of the stack of the goroutine that recurses.
#include "go.hpp"

using conformance::println;

// The volatile array keeps each frame on the stack. The recursion has an end that is never reached, because compilers
// warn of one without.
int grow(int n) {  // NOLINT(misc-no-recursion)
  volatile char buf[1024];
  buf[n % 1024] = static_cast<char>(n);
  if (n < 0) return 0;
  return grow(n + 1) + static_cast<int>(buf[n % 1024]);
}

int main() {
  return gofer::run([] {
    gofer::defer d{println, "must not run"};
    gofer::chan<bool> done = gofer::make_chan<bool>(0);
    println("recursing");
    gofer::go(gofer::spawn_options{.stack_size = 1 << 20}, [done] {
      gofer::defer d2{[&] {
        static_cast<void>(gofer::recover());
        done.send(true);
      }};
      println(grow(0));
    });
    done.recv();
  });
}
