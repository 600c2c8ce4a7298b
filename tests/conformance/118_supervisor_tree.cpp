// A supervisor restarts workers that panic, gives up after three failures, and cancels the rest through a context:
// panics, recover, channels, select, timers, wait_group and context together.
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "go.hpp"
#include "slice.hpp"

using conformance::println;
using conformance::slice;
using conformance::sprint;
using namespace std::chrono_literals;

const gofer::error err_gave_up = gofer::make_error("gave up");

struct crash {
  int worker;
  int attempt;
  gofer::error cause;

  std::string what() const { return sprint("worker ", worker, " attempt ", attempt, ": ", cause); }
  gofer::error unwrap() const { return cause; }
};

FAULTS_ON_PURPOSE int quotient(int a, int b) { return a / b; }

gofer::error work(gofer::context ctx, int id, int attempt, gofer::send_chan<int> out) {
  return gofer::func([&](gofer::error& err) {
    gofer::defer d{[&] {
      gofer::panic_value r = gofer::recover();
      if (!r) {
        return;
      }
      if (const auto* e = r.as<gofer::error>()) {
        err = gofer::make_error(crash{id, attempt, *e});
      } else {
        err = gofer::make_error(crash{id, attempt, gofer::make_error(sprint(r))});
      }
    }};
    for (int i = 0;; i++) {
      if (id == 2 && i == attempt) {
        gofer::panic(sprint("unlucky at ", i));
      } else if (id == 4 && i == 1) {
        const int zero = 0;
        println(quotient(i, zero));
      } else if (id == 5 && attempt < 3) {
        gofer::defer cleanup{[] { gofer::panic(gofer::make_error("in cleanup")); }};
        return;
      } else if (i == 3) {
        return;
      }
      if (gofer::select(gofer::send(out, id * 100 + i), gofer::recv(ctx.done())) == 1) {
        err = ctx.cause();
        return;
      }
    }
  });
}

gofer::error supervise(gofer::context ctx, int id, gofer::send_chan<int> out,
                       const std::function<void(const std::string&)>& log) {
  for (int attempt = 1; attempt <= 3; attempt++) {
    gofer::error err = work(ctx, id, attempt, out);
    if (!err) {
      log(sprint("worker ", id, " done at attempt ", attempt));
      return {};
    }
    log(sprint(err));
    if (gofer::as<crash>(err) == nullptr) {
      return err;
    }
    if (gofer::select(gofer::recv(gofer::after(1ms)), gofer::recv(ctx.done())) == 1) {
      return ctx.cause();
    }
  }
  return gofer::wrap(err_gave_up, "worker {}", id);
}

int main() {
  return gofer::run([] {
    auto [ctx, cancel] = gofer::with_cancel_cause(gofer::background());
    gofer::chan<int> out = gofer::make_chan<int>(0);
    gofer::mutex mu;
    std::vector<std::string> lines;
    auto log = [&](const std::string& s) {
      std::lock_guard<gofer::mutex> lock{mu};
      lines.push_back(s);
    };
    gofer::wait_group wg;
    std::vector<gofer::error> errs(6);
    for (std::size_t id = 0; id < errs.size(); id++) {
      wg.add(1);
      gofer::go([&wg, &errs, &log, ctx = ctx, out, id] {
        gofer::defer d{[&] { wg.done(); }};
        errs[id] = supervise(ctx, static_cast<int>(id), out, log);
      });
    }
    gofer::chan<bool> finished = gofer::make_chan<bool>(0);
    gofer::go([&wg, finished] {
      wg.wait();
      finished.close();
    });
    std::vector<int> values;
    bool loop = true;
    while (loop) {
      gofer::select(gofer::recv(out, [&](std::optional<int> v) { values.push_back(*v); }),
                    gofer::recv(finished, [&](std::optional<bool>) { loop = false; }));
    }
    cancel(err_gave_up);
    std::sort(lines.begin(), lines.end());
    for (const std::string& line : lines) {
      println(line);
    }
    std::sort(values.begin(), values.end());
    println(slice(values));
    for (std::size_t id = 0; id < errs.size(); id++) {
      println(id, errs[id], gofer::is(errs[id], err_gave_up));
    }
    gofer::error late = supervise(ctx, 0, out, [](const std::string& s) { println("late:", s); });
    println("after cancel:", late == err_gave_up, ctx.err());
  });
}
