// A pseudo-random maze of calls, deferred calls, panics and recovers. One function is used both called and deferred;
// the random numbers are drawn while running, so any departure from Go's order shows at once. 400 seeds are hashed, six
// are printed in full.
#include <cstdint>
#include <string>
#include <vector>

#include "go.hpp"

using conformance::println;
using conformance::sprint;

namespace {

struct maze {
  std::uint64_t x = 0;
  int ops = 0;
  int ids = 0;
  int vals = 0;
  std::vector<std::string> log;

  int rnd(int n) {
    x = x * 6364136223846793005u + 1442695040888963407u;
    return static_cast<int>((x >> 33) % static_cast<std::uint64_t>(n));
  }

  template <class... A>
  void say(const A&... a) {
    log.push_back(sprint(a...));
  }
};

std::string show(const gofer::panic_value& v) { return v ? std::string(v.what()) : "nil"; }

void call(maze& m, int depth, const char* how);

// A deferred call is a boundary by itself, and recover works only in the very function that is deferred; so the
// boundary that a called frame needs is in call, not here.
void frame(maze* m, int depth, const std::string& how) {
  gofer::defer_list defers;
  m->ids++;
  const int id = m->ids;
  m->say("enter ", id, " ", how);
  const int steps = 1 + m->rnd(5);
  for (int i = 0; i < steps && m->ops < 120; i++) {
    m->ops++;
    switch (m->rnd(9)) {
      case 0:
        m->say("step ", id);
        break;
      case 1:
      case 2:
        if (depth < 6) call(*m, depth + 1, "called");
        break;
      case 3:
      case 4:
      case 5:
        if (depth < 6) {
          m->say("defer in ", id);
          defers.push(frame, m, depth + 1, sprint("deferred by ", id));
        }
        break;
      case 6:
      case 7:
        m->say("recover in ", id, " = ", show(gofer::recover()));
        break;
      default:
        m->vals++;
        m->say("panic ", m->vals, " in ", id);
        gofer::panic(m->vals);
    }
  }
  m->say("leave ", id);
}

void call(maze& m, int depth, const char* how) {
  gofer::func([&] { frame(&m, depth, how); });
}

maze run(int seed) {
  maze m{.x = static_cast<std::uint64_t>(seed) * 7919, .log = {}};
  gofer::func([&] {
    gofer::defer d{[&] { m.say("top recover = ", show(gofer::recover())); }};
    for (int i = 0; i < 3; i++) call(m, 0, "top");
  });
  return m;
}

std::uint64_t hash(const std::vector<std::string>& log) {
  std::uint64_t h = 14695981039346656037u;
  for (const std::string& s : log) {
    for (const char ch : s) h = (h ^ static_cast<unsigned char>(ch)) * 1099511628211u;
    h = (h ^ 10) * 1099511628211u;
  }
  return h;
}

}  // namespace

int main() {
  return gofer::run([] {
    for (int seed = 1; seed <= 400; seed++) {
      const maze m = run(seed);
      println("seed", seed, "lines", m.log.size(), "panics", m.vals, "hash", hash(m.log));
      if (seed % 67 == 5) {
        for (const std::string& s : m.log) println("   ", s);
      }
    }
  });
}
