// gofer_explore: small interleavings of the scheduler's threads, all of them or many.
//
//   gofer_explore --list
//   gofer_explore SCENARIO [--steps N | --seconds S] [--schedules N] [--seed S] [--preemptions K] [--memory sc|tso]
//       Schedules of the scenario: first all with at most K deviations from the standard order (2), but no more than
//       half of what is allowed (20000 schedules); then random ones with the seeds from S (1) on. Without --memory the
//       random ones with an odd seed are under tso, all others under sc (point.hpp).
//   gofer_explore SCENARIO --seed S --schedules 1
//   gofer_explore SCENARIO --replay STEP:THREAD,... [--memory tso] [--trace]
//       One schedule: the random one of that seed, or the one with these deviations. STEP:THREAD+ leaves the stores of
//       the thread that is held up in its buffer.
//
// A schedule that goes wrong is repeated without those of its deviations that are not needed, and then shown: step by
// step at the end, and the command line that repeats it. Exit status 1.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "explore.hpp"
#include "strategy.hpp"

namespace gofer::explore {

namespace {

std::vector<scenario>& scenarios() {
  static auto* all = new std::vector<scenario>;
  return *all;
}

struct arguments {
  std::string scenario;
  std::uint64_t schedules = 20'000;
  std::uint64_t steps = ~std::uint64_t{0};
  double seconds = 0;
  std::uint64_t seed = 1;
  unsigned preemptions = 2;
  enum { mixed, sc, tso } memory = mixed;
  bool list = false;
  bool trace = false;
  bool one = false;
  std::vector<deviation> replay;
};

std::vector<deviation> parse_replay(const char* text) {
  std::vector<deviation> list;
  while (*text != '\0') {
    char* end = nullptr;
    deviation d{static_cast<std::uint32_t>(std::strtoul(text, &end, 10)), 0, false};
    if (*end != ':') break;
    d.thread = static_cast<std::int8_t>(std::strtol(end + 1, &end, 10));
    if (*end == '+') {
      d.keep = true;
      end++;
    }
    list.push_back(d);
    text = *end == ',' ? end + 1 : end;
  }
  return list;
}

std::string to_text(const std::vector<deviation>& list) {
  std::string text;
  for (const deviation& d : list) {
    text += (text.empty() ? "" : ",") + std::to_string(d.step) + ":" + std::to_string(d.thread) + (d.keep ? "+" : "");
  }
  return text;
}

arguments parse(int argc, char** argv) {
  arguments a;
  for (int i = 1; i < argc; i++) {
    const std::string_view name = argv[i];
    const auto value = [&]() -> const char* {
      if (++i < argc) return argv[i];
      std::fprintf(stderr, "gofer_explore: %s needs a value\n", argv[i - 1]);
      std::exit(64);
    };
    const auto number = [&] { return std::strtoull(value(), nullptr, 10); };
    if (name == "--schedules") {
      a.schedules = number();
    } else if (name == "--steps") {
      a.steps = number();
      a.schedules = ~std::uint64_t{0};
    } else if (name == "--seconds") {
      a.seconds = std::strtod(value(), nullptr);
      a.schedules = ~std::uint64_t{0};
    } else if (name == "--seed") {
      a.seed = number();
    } else if (name == "--preemptions") {
      a.preemptions = static_cast<unsigned>(number());
    } else if (name == "--memory") {
      const std::string_view model = value();
      if (model != "sc" && model != "tso") {
        std::fprintf(stderr, "gofer_explore: --memory is sc or tso\n");
        std::exit(64);
      }
      a.memory = model == "tso" ? arguments::tso : arguments::sc;
    } else if (name == "--replay") {
      a.one = true;
      a.replay = parse_replay(value());
    } else if (name == "--trace") {
      a.trace = true;
    } else if (name == "--list") {
      a.list = true;
    } else if (name.starts_with("--") || !a.scenario.empty()) {
      std::fprintf(stderr, "gofer_explore: what is %s? See the head of tests/explore/main.cpp\n", argv[i]);
      std::exit(64);
    } else {
      a.scenario = name;
    }
  }
  return a;
}

class exploration {
 public:
  exploration(const scenario& s, const arguments& a) : s_(s), a_(a), begun_(std::chrono::steady_clock::now()) {
    set_.tso = a.memory == arguments::tso;
  }

  int all() {
    if (!calibrate()) return 1;
    for (unsigned bound = 1; bound <= a_.preemptions && !enough(2); bound++) {
      if (!exhaust(bound)) return 1;
    }
    const std::uint64_t exhausted = done_;
    for (; !enough(1); done_++) {
      const std::uint64_t seed = a_.seed + (done_ - exhausted);
      randomized how(seed, 3, length_);
      if (a_.memory == arguments::mixed) set_.tso = seed % 2 == 1;
      if (!good(run(s_, how, set_), &seed)) return 1;
    }
    std::printf("%s: %llu schedules", s_.name, static_cast<unsigned long long>(done_));
    if (complete_ > 0) std::printf(", among them all with %u deviation%s", complete_, complete_ == 1 ? "" : "s");
    if (done_ > exhausted)
      std::printf(", and those of seeds %llu to %llu", ull(a_.seed), ull(a_.seed + done_ - exhausted - 1));
    std::printf("; a schedule has %u steps, %u of them on what is shared; %.1f s\n", steps_, length_, elapsed());
    return 0;
  }

  int one() {
    replay how(a_.replay);
    const outcome o = run(s_, how, set_);
    if (a_.trace) print_trace(~std::size_t{0});
    if (!how.followed()) std::printf("not every deviation was possible\n");
    std::printf("%s: %s\n", s_.name, o.good ? "good" : o.text.c_str());
    return o.good ? 0 : 1;
  }

 private:
  static unsigned long long ull(std::uint64_t n) { return n; }
  double elapsed() const { return std::chrono::duration<double>(std::chrono::steady_clock::now() - begun_).count(); }
  bool enough(std::uint64_t part) const {
    if (done_ >= a_.schedules / part || walked_ >= a_.steps / part) return true;
    return a_.seconds > 0 && elapsed() > a_.seconds / static_cast<double>(part);
  }

  // Which lines use what is shared, and how long a schedule is. Always the same, so that a seed's schedule is, too.
  bool calibrate() {
    constexpr std::uint64_t rounds = 32;
    for (std::uint64_t i = 0; i < rounds; i++) {
      randomized how(i, 2, 200);
      if (!good(run(s_, how, set_), nullptr)) return false;
      learn_shared();
    }
    standard_order how;
    const outcome o = run(s_, how, set_);
    if (!good(o, nullptr)) return false;
    length_ = o.contended;
    steps_ = o.steps;
    return true;
  }

  bool exhaust(unsigned bound) {
    do {
      exhaustive how(bound);
      for (;;) {
        if (!good(run(s_, how, set_), nullptr)) return false;
        done_++;
        if (enough(2)) return true;
        if (!how.next()) break;
      }
    } while (learn_shared());
    complete_ = bound;
    return true;
  }

  bool good(const outcome& o, const std::uint64_t* seed) {
    walked_ += o.steps;
    if (o.good) return true;
    std::printf("%s: %s\n", s_.name, o.text.c_str());
    if (seed != nullptr) {
      std::printf("  after %llu schedules, with seed %llu: gofer_explore %s --seed %llu --schedules 1\n", ull(done_),
                  ull(*seed), s_.name, ull(*seed));
    } else {
      std::printf("  after %llu schedules\n", ull(done_));
    }
    const std::vector<deviation> least = shrink(o);
    replay how(least);
    const outcome again = run(s_, how, set_);
    print_trace(150);
    std::printf("%s: %s\nrepeat it: gofer_explore %s%s --trace --replay \"%s\"\n", s_.name,
                again.good ? "the schedule is good when it is repeated" : again.text.c_str(), s_.name, memory(),
                to_text(least).c_str());
    return false;
  }

  const char* memory() const { return set_.tso ? " --memory tso" : ""; }

  // Without the deviations, one by one, that it fails without.
  std::vector<deviation> shrink(const outcome& o) {
    std::vector<deviation> list = o.deviations;
    for (bool shorter = true; shorter;) {
      shorter = false;
      for (std::size_t i = list.size(); i-- > 0;) {
        std::vector<deviation> less = list;
        less.erase(less.begin() + static_cast<std::ptrdiff_t>(i));
        replay how(less);
        const outcome without = run(s_, how, set_);
        if (without.good || without.deviations.size() >= list.size()) continue;
        list = without.deviations;
        shorter = true;
        if (i > list.size()) i = list.size();
      }
    }
    return list;
  }

  const scenario& s_;
  const arguments& a_;
  settings set_;
  std::chrono::steady_clock::time_point begun_;
  std::uint64_t done_ = 0;
  std::uint64_t walked_ = 0;  // steps in all
  unsigned complete_ = 0;
  std::uint32_t length_ = 0;
  std::uint32_t steps_ = 0;
};

int main_of(int argc, char** argv) {
  const arguments a = parse(argc, argv);
  if (a.list) {
    for (const scenario& s : scenarios()) std::printf("%-16s %s\n", s.name, s.what);
    return 0;
  }
  for (const scenario& s : scenarios()) {
    if (a.scenario != s.name) continue;
    engine_init();
    exploration x(s, a);
    return a.one ? x.one() : x.all();
  }
  std::fprintf(stderr, "gofer_explore: no scenario '%s'; --list names them\n", a.scenario.c_str());
  return 64;
}

}  // namespace

listed::listed(const scenario& s) { scenarios().push_back(s); }

}  // namespace gofer::explore

int main(int argc, char** argv) { return gofer::explore::main_of(argc, argv); }
