// A ring of 1000 goroutines, a prime sieve, and 8x8 producers and consumers: nothing lost, nothing duplicated, order
// kept per producer.
#include <array>
#include <cstddef>
#include <optional>
#include <vector>

#include "go.hpp"
#include "slice.hpp"

using conformance::println;
using conformance::receive;
using conformance::slice;

int ring(int n, int rounds) {
  gofer::chan<int> first = gofer::make_chan<int>(0);
  gofer::chan<int> in = first;
  for (int i = 0; i < n; i++) {
    gofer::chan<int> next = gofer::make_chan<int>(0);
    gofer::go(
        [](gofer::chan<int> from, gofer::chan<int> to) {
          for (int v : from) {
            to.send(v + 1);
          }
          to.close();
        },
        in, next);
    in = next;
  }
  int total = 0;
  gofer::go([first, rounds] {
    for (int i = 0; i < rounds; i++) {
      first.send(i);
    }
    first.close();
  });
  for (int v : in) {
    total += v;
  }
  return total;
}

std::vector<int> primes(std::size_t n) {
  std::vector<int> list;
  gofer::chan<int> c = gofer::make_chan<int>(0);
  gofer::chan<bool> stop = gofer::make_chan<bool>(0);
  gofer::go(
      [stop](gofer::chan<int> out) {
        for (int i = 2;; i++) {
          if (gofer::select(gofer::send(out, i), gofer::recv(stop)) == 1) return;
        }
      },
      c);
  while (list.size() < n) {
    const int prime = receive(c);
    list.push_back(prime);
    gofer::chan<int> next = gofer::make_chan<int>(0);
    gofer::go(
        [stop](gofer::chan<int> in, gofer::chan<int> out, int p) {
          for (;;) {
            bool stopped = false;
            gofer::select(gofer::recv(in,
                                      [&](std::optional<int> v) {
                                        if (*v % p != 0) {
                                          stopped = gofer::select(gofer::send(out, *v), gofer::recv(stop)) == 1;
                                        }
                                      }),
                          gofer::recv(stop, [&](std::optional<bool>) { stopped = true; }));
            if (stopped) return;
          }
        },
        c, next, prime);
    c = next;
  }
  stop.close();
  return list;
}

struct msg {
  std::size_t from;
  int seq;
};

void many_to_many() {
  using counts = std::array<long, 8>;
  gofer::chan<msg> c = gofer::make_chan<msg>(7);
  gofer::chan<counts> done = gofer::make_chan<counts>(0);
  gofer::chan<int> bad = gofer::make_chan<int>(8);
  for (std::size_t p = 0; p < 8; p++) {
    gofer::go([c, bad, p] {
      for (int i = 1; i <= 1000; i++) {
        c.send({p, i});
      }
      bad.send(0);
    });
  }
  for (int k = 0; k < 8; k++) {
    gofer::go([c, done] {
      counts last{};
      counts count{};
      for (msg m : c) {
        if (m.seq <= last[m.from]) {
          count[m.from] = -(1L << 40);
        }
        last[m.from] = m.seq;
        count[m.from]++;
      }
      done.send(count);
    });
  }
  for (int p = 0; p < 8; p++) {
    bad.recv();
  }
  c.close();
  counts total{};
  for (int k = 0; k < 8; k++) {
    const counts cnt = receive(done);
    for (std::size_t p = 0; p < cnt.size(); p++) {
      total[p] += cnt[p];
    }
  }
  println("per producer", slice(total));
}

int main() {
  return gofer::run([] {
    println("ring", ring(1000, 50));
    println("primes", slice(primes(40)));
    many_to_many();
  });
}
