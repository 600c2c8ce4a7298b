// 300 goroutines panic at the same time; their deferred functions yield, sleep, take locks and use channels before and
// after recovering.
#include <chrono>
#include <string>
#include <vector>

#include "go.hpp"

using conformance::println;
using conformance::receive;
using conformance::sprint;

namespace {

struct job_result {
  int id = 0;
  std::string values;
};

std::string job(int id, gofer::mutex& mu, gofer::chan<bool> sem) {
  return gofer::func([&](std::string& values) {
    gofer::defer last{[&] {
      sem.send(true);
      values += sprint("|", gofer::recover());
      sem.recv();
    }};
    gofer::defer locks{[&] {
      mu.lock();
      gofer::defer unlock{[&] { mu.unlock(); }};
      gofer::gosched();
      values += "L";
    }};
    gofer::defer panics{[&] {
      gofer::defer inner{[&] {
        gofer::gosched();
        values += sprint("<", gofer::recover(), ">");
      }};
      if (id % 3 == 0) gofer::sleep(std::chrono::milliseconds(id % 7));
      gofer::panic(sprint("inner", id));
    }};
    gofer::gosched();
    gofer::panic(id);
  });
}

}  // namespace

int main() {
  return gofer::run([] {
    gofer::mutex mu;
    auto sem = gofer::make_chan<bool>(3);
    auto res = gofer::make_chan<job_result>(0);
    const int n = 300;
    for (int i = 0; i < n; i++) {
      gofer::go([i, &mu, sem, res] { res.send(job_result{i, job(i, mu, sem)}); });
    }
    std::vector<std::string> all(n);
    for (int i = 0; i < n; i++) {
      auto r = receive(res);
      all[static_cast<std::size_t>(r.id)] = r.values;
    }
    int good = 0;
    for (int i = 0; i < n; i++) {
      if (all[static_cast<std::size_t>(i)] == sprint("<inner", i, ">L|", i)) good++;
    }
    println(all[0]);
    println(all[299]);
    println("good", good);
  });
}
