// A select over 16 cases, waiting from many goroutines, with exactly one case fired at a time: the right one wakes with
// the right value and all the other queues are cleaned.
#include <chrono>
#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

#include "go.hpp"
#include "slice.hpp"

using conformance::println;
using conformance::receive;
using conformance::slice;
using namespace std::chrono_literals;

using outcome = std::pair<std::size_t, int>;

outcome wait(const std::vector<gofer::chan<int>>& cs, gofer::chan<bool> quit) {
  int value = -1;
  auto take = [&](std::optional<int> v) { value = *v; };
  const int k = gofer::select(
      gofer::recv(cs[0], take), gofer::recv(cs[1], take), gofer::recv(cs[2], take), gofer::recv(cs[3], take),
      gofer::recv(cs[4], take), gofer::recv(cs[5], take), gofer::recv(cs[6], take), gofer::recv(cs[7], take),
      gofer::send(cs[8], 108), gofer::send(cs[9], 109), gofer::send(cs[10], 110), gofer::send(cs[11], 111),
      gofer::send(cs[12], 112), gofer::send(cs[13], 113), gofer::send(cs[14], 114), gofer::recv(quit));
  return {static_cast<std::size_t>(k), value};
}

int main() {
  return gofer::run([] {
    std::vector<gofer::chan<int>> cs(15);
    for (gofer::chan<int>& c : cs) {
      c = gofer::make_chan<int>(0);
    }
    gofer::chan<bool> quit = gofer::make_chan<bool>(0);
    gofer::chan<outcome> res = gofer::make_chan<outcome>(0);
    for (int i = 0; i < 15; i++) {
      gofer::go([cs, quit, res] { res.send(wait(cs, quit)); });
      gofer::sleep(2ms);
      if (i < 8) {
        cs[static_cast<std::size_t>(i)].send(i * i);
        const outcome r = receive(res);
        println("case", r.first, "value", r.second);
      } else {
        const int v = receive(cs[static_cast<std::size_t>(i)]);
        const outcome r = receive(res);
        println("case", r.first, "sent", v);
      }
    }
    constexpr int n = 40;
    for (int i = 0; i < n; i++) {
      gofer::go([cs, quit, res] { res.send(wait(cs, quit)); });
    }
    gofer::sleep(10ms);
    int sum = 0;
    for (int i = 0; i < n / 2; i++) {
      if (const std::size_t k = static_cast<std::size_t>(i) % 15; k < 8) {
        cs[k].send(i);
      } else {
        sum += receive(cs[k]);
      }
    }
    quit.close();
    std::vector<int> hist(16);
    for (int i = 0; i < n; i++) {
      const outcome r = receive(res);
      hist[r.first]++;
    }
    println(slice(hist), "sum", sum);
    int stale = 0;
    for (gofer::chan<int>& c : cs) {
      gofer::select(gofer::send(c, 1, [&] { stale++; }), gofer::recv(c, [&](std::optional<int>) { stale++; }),
                    gofer::otherwise([] {}));
    }
    println("stale waiters", stale);
  });
}
