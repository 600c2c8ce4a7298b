// Are channels linearizable? Several goroutines and a plain thread do random things to two channels, each noting what
// it did, what came of it, and when it began and ended. A history is right if the operations can be put in one order
// that agrees with those times and in which plain queues of the channels' capacities answer the same (Wing and Gong's
// search). On an unbuffered channel a send and its receive take effect together.
//
//   stress_chan_linear SECONDS [SEED]
#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <gofer/chan.hpp>
#include <gofer/defer.hpp>
#include <gofer/panic.hpp>
#include <gofer/runtime.hpp>
#include <gofer/select.hpp>
#include <gofer/sync.hpp>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {

using namespace std::chrono_literals;

enum class what : std::uint8_t { sent, received, drained, panicked, nothing, timed_out, closed };

/// One operation. A plain send or receive is a select with one case.
struct op {
  std::array<int, 2> send{0, 0};  // per channel: the value that is offered, 0 for none
  std::array<bool, 2> recv{false, false};
  int close = -1;  // or: close that channel
  what result = what::nothing;
  int channel = -1;  // on which it happened
  int value = 0;
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
};

struct model {
  std::array<std::size_t, 2> cap;
  std::array<std::deque<int>, 2> queue;
  std::array<bool, 2> closed{false, false};

  bool is_ready(const op& o) const {
    for (std::size_t c = 0; c < 2; c++) {
      if (cap[c] == 0 && !closed[c]) continue;  // depends on who waits: anything may be true
      if (o.send[c] != 0 && (closed[c] || queue[c].size() < cap[c])) return true;
      if (o.recv[c] && (closed[c] || !queue[c].empty())) return true;
    }
    return false;
  }

  /// Does o alone; false when it could not have had its result now.
  bool apply(const op& o) {
    const auto c = static_cast<std::size_t>(o.channel);
    switch (o.result) {
      case what::sent:
        if (closed[c] || queue[c].size() >= cap[c]) return false;
        queue[c].push_back(o.value);
        return true;
      case what::received:
        if (queue[c].empty() || queue[c].front() != o.value) return false;
        queue[c].pop_front();
        return true;
      case what::drained:
        return closed[c] && queue[c].empty();
      case what::panicked:
        return (o.send[0] != 0 && closed[0]) || (o.send[1] != 0 && closed[1]);
      case what::nothing:
        return !is_ready(o);
      case what::timed_out:
        return true;
      case what::closed:
        if (closed[c]) return false;
        return closed[c] = true;
    }
    return false;
  }

  /// An unbuffered hand-over.
  bool apply_pair(const op& s, const op& r) const {
    return s.result == what::sent && r.result == what::received && s.channel == r.channel && s.value == r.value &&
           cap[static_cast<std::size_t>(s.channel)] == 0 && !closed[static_cast<std::size_t>(s.channel)];
  }
};

class checker {
 public:
  checker(std::vector<op> history, model start) : ops_(std::move(history)), start_(std::move(start)) {}
  bool linearizable() { return search(0, start_); }

 private:
  bool search(std::uint64_t done, const model& m) {
    if (done == (std::uint64_t{1} << ops_.size()) - 1) return true;
    if (!seen_.insert({done, m.queue}).second) return false;
    std::uint64_t first_end = UINT64_MAX;
    for (std::size_t i = 0; i < ops_.size(); i++) {
      if ((done >> i & 1) == 0) first_end = std::min(first_end, ops_[i].end);
    }
    for (std::size_t i = 0; i < ops_.size(); i++) {
      if ((done >> i & 1) != 0 || ops_[i].begin > first_end) continue;
      const std::uint64_t with_i = done | std::uint64_t{1} << i;
      model next = m;
      if (next.apply(ops_[i]) && search(with_i, next)) return true;
      if (ops_[i].result != what::sent) continue;
      for (std::size_t k = 0; k < ops_.size(); k++) {
        if ((with_i >> k & 1) == 0 && ops_[k].begin <= first_end && m.apply_pair(ops_[i], ops_[k]) &&
            search(with_i | std::uint64_t{1} << k, m)) {
          return true;
        }
      }
    }
    return false;
  }

  std::vector<op> ops_;
  model start_;
  std::set<std::pair<std::uint64_t, std::array<std::deque<int>, 2>>> seen_;
};

template <class T>
struct world {
  std::array<gofer::chan<T>, 2> c;
  std::atomic<std::uint64_t> clock{1};
};

int to_int(int v) { return v; }
int to_int(const std::string& v) { return std::stoi(v); }
template <class T>
T from_int(int v) {
  if constexpr (std::is_same_v<T, int>) {
    return v;
  } else {
    return std::to_string(v);
  }
}

/// Runs o, as random says: waiting, not waiting, or for a while.
template <class T>
void perform(world<T>& w, op& o, unsigned mode) {
  o.begin = w.clock++;
  o.result = what::panicked;  // unless it ends otherwise
  gofer::func([&] {
    gofer::defer d{[] { gofer::recover(); }};
    if (o.close >= 0) {
      w.c[static_cast<std::size_t>(o.close)].close();
      o.channel = o.close;
      o.result = what::closed;
      return;
    }
    const auto sent = [&](int ch) {
      return [&o, ch] {
        o.result = what::sent;
        o.channel = ch;
        o.value = o.send[static_cast<std::size_t>(ch)];
      };
    };
    const auto received = [&](int ch) {
      return [&o, ch](std::optional<T> v) {
        o.result = v ? what::received : what::drained;
        o.channel = ch;
        o.value = v ? to_int(*v) : 0;
      };
    };
    std::vector<gofer::select_case> cases;
    for (int ch = 0; ch < 2; ch++) {
      const auto i = static_cast<std::size_t>(ch);
      if (o.send[i] != 0) cases.push_back(gofer::send(w.c[i], from_int<T>(o.send[i]), sent(ch)));
      if (o.recv[i]) cases.push_back(gofer::recv(w.c[i], received(ch)));
    }
    if (mode == 0) cases.push_back(gofer::otherwise([&o] { o.result = what::nothing; }));
    if (mode == 1) cases.push_back(gofer::after(20us, [&o] { o.result = what::timed_out; }));
    gofer::select(cases);
  });
  o.end = w.clock++;
}

template <class T>
bool one_history(std::mt19937_64& random, bool with_thread) {
  constexpr int workers = 4;
  constexpr int each = 4;
  world<T> w;
  model start{.cap = {random() % 3, random() % 2}, .queue = {}};
  for (std::size_t i = 0; i < 2; i++) w.c[i] = gofer::make_chan<T>(static_cast<int>(start.cap[i]));
  std::array<std::vector<op>, workers + 1> logs;
  std::array<std::vector<unsigned>, workers> modes;
  int next_value = 1;
  for (std::size_t k = 0; k < workers; k++) {
    for (int i = 0; i < each; i++) {
      op o;
      for (std::size_t ch = 0; ch < 2; ch++) {
        if (random() % 3 == 0) o.send[ch] = next_value++;
        if (random() % 3 == 0) o.recv[ch] = true;
      }
      if (o.send[0] + o.send[1] == 0 && !o.recv[0] && !o.recv[1]) o.recv[random() % 2] = true;
      logs[k].push_back(o);
      modes[k].push_back(static_cast<unsigned>(random() % 4));
    }
  }
  gofer::wait_group wg;
  const auto work = [&](std::size_t k) {
    for (std::size_t i = 0; i < logs[k].size(); i++) {
      perform(w, logs[k][i], modes[k][i]);
      if (modes[k][i] == 3) gofer::gosched();
    }
    wg.done();
  };
  wg.add(workers);
  std::thread plain;
  for (std::size_t k = 0; k < workers; k++) {
    if (k == 0 && with_thread) {
      plain = std::thread(work, k);
    } else {
      gofer::go(work, k);
    }
  }
  // Whoever waits for a partner that does not come is released by the close.
  const bool soon = random() % 4 == 0;
  if (!soon) gofer::sleep(60us);
  for (int ch = 0; ch < 2; ch++) {
    op o;
    o.close = ch;
    logs[workers].push_back(o);
    perform(w, logs[workers].back(), 3);
  }
  wg.wait();
  if (plain.joinable()) plain.join();
  std::vector<op> history;
  for (const auto& log : logs) history.insert(history.end(), log.begin(), log.end());
  if (checker(history, start).linearizable()) return true;
  std::fprintf(stderr, "not linearizable: capacities %zu and %zu\n", start.cap[0], start.cap[1]);
  std::sort(history.begin(), history.end(), [](const op& a, const op& b) { return a.begin < b.begin; });
  static constexpr std::array names{"sent", "received", "drained", "panicked", "nothing", "timed out", "closed"};
  for (const op& o : history) {
    std::fprintf(stderr, "  %3lu..%3lu send{%d,%d} recv{%d,%d} close %d: %s on %d, value %d\n",
                 static_cast<unsigned long>(o.begin), static_cast<unsigned long>(o.end), o.send[0], o.send[1],
                 o.recv[0], o.recv[1], o.close, names[static_cast<std::size_t>(o.result)], o.channel, o.value);
  }
  return false;
}

/// The checker must find fault with a broken history.
bool checker_works() {
  op s, r1, r2;
  s.send[0] = 1, s.result = what::sent, s.channel = 0, s.value = 1, s.begin = 1, s.end = 2;
  r1.recv[0] = true, r1.result = what::received, r1.channel = 0, r1.value = 1, r1.begin = 3, r1.end = 4;
  r2 = r1;
  r2.begin = 5, r2.end = 6;
  op none = r1;
  none.result = what::nothing;
  const model buffered{.cap = {1, 0}, .queue = {}};
  const model unbuffered{.cap = {0, 0}, .queue = {}};
  op overlapping = r1;
  overlapping.begin = 1;
  return checker({s, r1}, buffered).linearizable() && !checker({s, r1, r2}, buffered).linearizable() &&
         !checker({s, none}, buffered).linearizable() && !checker({s, r1}, unbuffered).linearizable() &&
         checker({s, overlapping}, unbuffered).linearizable();
}

}  // namespace

int main(int argc, char** argv) {
  const double seconds = argc > 1 ? std::atof(argv[1]) : 2;
  const std::uint64_t seed = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : std::random_device{}();
  if (!checker_works()) {
    std::fprintf(stderr, "the checker itself is broken\n");
    return 1;
  }
  const auto until = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
  std::mt19937_64 random(seed);
  long histories = 0;
  int failed = 0;
  while (failed == 0 && std::chrono::steady_clock::now() < until) {
    const int procs = 1 << random() % 4;
    failed = gofer::run(gofer::options{.maxprocs = procs}, [&] {
      for (int i = 0; i < 200 && std::chrono::steady_clock::now() < until; i++) {
        const bool ok =
            random() % 2 == 0 ? one_history<int>(random, i % 10 == 0) : one_history<std::string>(random, i % 10 == 0);
        if (!ok) return 1;
        histories++;
      }
      return 0;
    });
  }
  std::printf("%ld histories, seed %lu%s\n", histories, static_cast<unsigned long>(seed),
              failed != 0 ? ": FAILED" : "");
  return failed;
}
