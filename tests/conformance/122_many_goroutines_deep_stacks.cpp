// 20000 goroutines blocked at once, then released; and 20 goroutines that each recurse 20000 frames deep, block at the
// bottom, and come back by return, by panic and by goexit.
#include <array>
#include <cstddef>
#include <functional>
#include <string>

#include "go.hpp"
#include "slice.hpp"

using conformance::println;
using conformance::receive;
using conformance::slice;
using conformance::sprint;

// A stack does not grow here: the deep goroutines ask for one that holds 20000 frames of any build (the address
// sanitizer's are the largest, some 500 bytes). Only the pages touched are real.
constexpr std::size_t deep_stack = std::size_t{64} << 20;

int deep(int n, const std::function<void()>& bottom) {  // NOLINT(misc-no-recursion)
  volatile int pad[10] = {};
  pad[n % 10] = n;
  if (n == 0) {
    bottom();
    return 0;
  }
  const int r = deep(n - 1, bottom) + 1;
  if (pad[n % 10] != n) {
    gofer::panic("stack corrupted");
  }
  return r;
}

int main() {
  return gofer::run([] {
    constexpr int many = 20000;
    gofer::chan<bool> gate = gofer::make_chan<bool>(0);
    gofer::chan<int> sum = gofer::make_chan<int>(0);
    for (int i = 0; i < many; i++) {
      gofer::go([gate, sum, i] {
        gate.recv();
        sum.send(i);
      });
    }
    gate.close();
    int total = 0;
    for (int i = 0; i < many; i++) {
      total += receive(sum);
    }
    println("total", total);

    constexpr int depth = 20000;
    gofer::chan<bool> bottom = gofer::make_chan<bool>(0);
    gofer::chan<bool> release = gofer::make_chan<bool>(0);
    gofer::chan<std::string> res = gofer::make_chan<std::string>(0);
    auto wait = [bottom, release] {
      bottom.send(true);
      release.recv();
    };
    for (int i = 0; i < 20; i++) {
      gofer::go(gofer::spawn_options{.stack_size = deep_stack}, [wait, res, i] {
        std::string how = "goexit";
        gofer::defer d{[&] {
          if (gofer::panic_value r = gofer::recover()) {
            how = sprint("panic ", r);
          }
          res.send(how);
        }};
        const int n = deep(depth, [&] {
          wait();
          switch (i % 4) {
            case 1:
              gofer::panic("at the bottom");
            case 2:
              gofer::goexit();
            default:
              break;
          }
        });
        how = sprint("returned ", n);
      });
    }
    for (int i = 0; i < 20; i++) {
      bottom.recv();
    }
    println("all at the bottom");
    release.close();
    std::array<int, 3> counts{};
    for (int i = 0; i < 20; i++) {
      const std::string how = receive(res);
      if (how == "returned 20000") {
        counts[0]++;
      } else if (how == "panic at the bottom") {
        counts[1]++;
      } else if (how == "goexit") {
        counts[2]++;
      }
    }
    println("returned, panicked, left:", slice(counts));
  });
}
