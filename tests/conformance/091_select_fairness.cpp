// When several cases are ready the choice is uniform pseudo-random: over many rounds every case gets a fair share, with
// and without default, for sends and receives, and no fixed rotation.
#include <cstddef>
#include <vector>

#include "go.hpp"

using conformance::println;
using conformance::receive;

void fair(const char* name, const std::vector<int>& counts, int total) {
  bool ok = true;
  for (int c : counts) {
    const int want = total / static_cast<int>(counts.size());
    if (c < want * 7 / 10 || c > want * 13 / 10) {
      ok = false;
    }
  }
  println(name, "fair:", ok);
}

int main() {
  return gofer::run([] {
    constexpr int rounds = 20000;
    std::vector<gofer::chan<int>> closed(4);
    for (gofer::chan<int>& c : closed) {
      c = gofer::make_chan<int>(0);
      c.close();
    }
    std::vector<int> cnt(4);
    std::vector<std::size_t> seq;
    seq.reserve(rounds);
    for (int i = 0; i < rounds; i++) {
      const int k =
          gofer::select(gofer::recv(closed[0]), gofer::recv(closed[1]), gofer::recv(closed[2]), gofer::recv(closed[3]));
      cnt[static_cast<std::size_t>(k)]++;
      seq.push_back(static_cast<std::size_t>(k));
    }
    fair("four closed", cnt, rounds);
    std::vector<int> pairs(16);
    for (std::size_t i = 1; i < seq.size(); i++) {
      pairs[seq[i - 1] * 4 + seq[i]]++;
    }
    fair("successive pairs", pairs, rounds);

    cnt = std::vector<int>(2);
    for (int i = 0; i < rounds; i++) {
      switch (gofer::select(gofer::recv(closed[0]), gofer::recv(closed[1]), gofer::otherwise([] {}))) {
        case 0:
          cnt[0]++;
          break;
        case 1:
          cnt[1]++;
          break;
        default:
          println("default although ready");
      }
    }
    fair("two closed with default", cnt, rounds);

    gofer::chan<std::size_t> c = gofer::make_chan<std::size_t>(1);
    cnt = std::vector<int>(2);
    for (int i = 0; i < rounds; i++) {
      gofer::select(gofer::send(c, std::size_t{0}), gofer::send(c, std::size_t{1}));
      cnt[receive(c)]++;
    }
    fair("two sends to one channel", cnt, rounds);
  });
}
