// num_goroutine, gosched, gomaxprocs, the number of processors and parallel progress.
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <thread>

#include "go.hpp"
#include "slice.hpp"

using conformance::println;
using conformance::slice;
using namespace std::chrono_literals;

bool settle(int n) {
  for (int i = 0; i < 2000 && gofer::num_goroutine() != n; i++) {
    gofer::sleep(1ms);
  }
  return gofer::num_goroutine() == n;
}

int main() {
  return gofer::run([] {
    println("at start", gofer::num_goroutine());
    gofer::chan<bool> stop = gofer::make_chan<bool>(0);
    for (int i = 0; i < 10; i++) {
      gofer::go([stop] { stop.recv(); });
    }
    println("ten more", gofer::num_goroutine());
    stop.close();
    println("back to one:", settle(1));
    gofer::go([] {
      gofer::defer d{gofer::recover};
      gofer::goexit();
    });
    println("Goexit counted out:", settle(1));
    gofer::timer t = gofer::after_func(1h, [] {});
    println("a pending timer is no goroutine:", gofer::num_goroutine());
    t.stop();

    const int old = gofer::gomaxprocs(0);
    const bool query_leaves_it = gofer::gomaxprocs(0) == old;
    const bool returns_previous = gofer::gomaxprocs(3) == old;
    println("query leaves it:", query_leaves_it, "returns previous:", returns_previous, "now", gofer::gomaxprocs(0));
    const int negative = gofer::gomaxprocs(-5);
    println("negative is a query:", negative, gofer::gomaxprocs(0));
    println("at least one CPU:", std::thread::hardware_concurrency() >= 1);

    gofer::gomaxprocs(1);
    std::array<int, 3> turns{};
    int log = 0;
    gofer::chan<bool> done = gofer::make_chan<bool>(0);
    for (std::size_t i = 0; i < 3; i++) {
      gofer::go([&turns, &log, done, i] {
        for (int k = 0; k < 4; k++) {
          turns[i]++;
          log++;
          gofer::gosched();
        }
        done.send(true);
      });
    }
    for (int i = 0; i < 3; i++) {
      done.recv();
    }
    println("turns", slice(turns), "entries", log);

    std::atomic<bool> flag{false};
    gofer::go([&] { flag.store(true); });
    while (!flag.load()) {
      gofer::gosched();
    }
    println("spinning with Gosched does not block others on one processor");

    gofer::gomaxprocs(2);
    std::atomic<int> ready{0};
    for (int i = 0; i < 2; i++) {
      gofer::go([&ready, done] {
        ready.fetch_add(1);
        while (ready.load() < 2) {
        }
        done.send(true);
      });
    }
    done.recv();
    done.recv();
    println("two processors run two spinning goroutines at once");
  });
}
