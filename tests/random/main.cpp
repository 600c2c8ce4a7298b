// Random programs against the model.
//
//   gofer_random [--programs N] [--first SEED] [--procs P] [--goroutines G] [--dying N] [--quiet]
//       N programs (default 1000) of the seeds from SEED (1), G at a time on P workers; then `dying` programs that die,
//       each in a process of its own, and what they report.
//   gofer_random --seed SEED [--drop ID,…] [--hoist ID,…] [--verbose]
//       One program. --drop leaves statements out, --hoist puts a statement's first block in its place. Exit status: 0
//       equal, 1 different, 3 none to run.
//   gofer_random --seed SEED --shrink
//       Leaves out of the program what it differs without, and shows the rest.
//
// The batch runs in a child process, which notes its seeds in shared memory: so that a program that ends the process or
// hangs has a name too.
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <gofer/runtime.hpp>
#include <gofer/sync.hpp>
#include <map>
#include <mutex>
#include <new>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "executor.hpp"
#include "model.hpp"
#include "program.hpp"

extern char** environ;

namespace {

using namespace gofer::random;

constexpr int equal = 0, different = 1, none_to_run = 3;
constexpr unsigned seconds_for_one = 60;

struct arguments {
  std::uint64_t programs = 1000;
  std::uint64_t first = 1;
  int procs = 4;
  int goroutines = 0;
  std::uint64_t dying = 0;
  bool quiet = false;
  bool one = false;
  std::uint64_t seed = 0;
  cuts cut;
  bool verbose = false;
  bool shrink = false;
  bool unprotected = false;  // --seed N --unprotected: let it die
};

std::set<int> numbers(const char* text) {
  std::set<int> out;
  for (const char* p = text; *p != '\0';) {
    char* end = nullptr;
    out.insert(static_cast<int>(std::strtol(p, &end, 10)));
    p = *end == ',' ? end + 1 : end;
    if (p == end && *p != '\0') break;
  }
  return out;
}

arguments parse(int argc, char** argv) {
  arguments a;
  for (int i = 1; i < argc; i++) {
    const std::string_view name = argv[i];
    const auto value = [&]() -> const char* {
      if (++i < argc) return argv[i];
      std::fprintf(stderr, "gofer_random: %s needs a value\n", argv[i - 1]);
      std::exit(64);
    };
    const auto number = [&] { return std::strtoull(value(), nullptr, 10); };
    if (name == "--programs") {
      a.programs = number();
    } else if (name == "--first") {
      a.first = number();
    } else if (name == "--procs") {
      a.procs = static_cast<int>(number());
    } else if (name == "--goroutines") {
      a.goroutines = static_cast<int>(number());
    } else if (name == "--dying") {
      a.dying = number();
    } else if (name == "--seed") {
      a.one = true;
      a.seed = number();
    } else if (name == "--drop") {
      a.cut.dropped = numbers(value());
    } else if (name == "--hoist") {
      a.cut.hoisted = numbers(value());
    } else if (name == "--verbose") {
      a.verbose = true;
    } else if (name == "--quiet") {
      a.quiet = true;
    } else if (name == "--shrink") {
      a.shrink = true;
    } else if (name == "--unprotected") {
      a.unprotected = true;
    } else {
      std::fprintf(stderr, "gofer_random: what is %s? See the head of tests/random/main.cpp\n", argv[i]);
      std::exit(64);
    }
  }
  if (a.goroutines <= 0) a.goroutines = 4 * a.procs;
  return a;
}

// --- one program
// ------------------------------------------------------------------------------------------------------

int run_one(const arguments& a) {
  const program p = make_program(a.seed, a.cut);
  const expectation e = expect(p, !a.unprotected);
  if (a.verbose) std::printf("%s", listing(p).c_str());
  if (!e.rejected.empty()) {
    if (a.verbose) std::printf("none to run: %s\n", e.rejected.c_str());
    return none_to_run;
  }
  if (a.verbose) std::printf("model:    %s\n", readable(a.unprotected ? e.dies_of : e.trail).c_str());
  std::fflush(stdout);
  ::alarm(seconds_for_one);
  if (a.unprotected) {
    gofer::run(gofer::options{.maxprocs = a.procs}, [&] { execute_unprotected(p); });
    return equal;
  }
  std::string trail;
  gofer::run(gofer::options{.maxprocs = a.procs}, [&] { trail = execute(p); });
  if (a.verbose) std::printf("executed: %s\n", trail.c_str());
  if (live_objects() != 0) std::printf("%ld objects were not destroyed\n", live_objects());
  return matches(e.trail, trail) && live_objects() == 0 ? equal : different;
}

struct end_of_process {
  int status = 0;  // as waitpid's
  std::string out;
};

// This program with other arguments; what it wrote, both ways. GOFER_TRACEBACK=none: symbolizing takes most of the
// time.
end_of_process run_self(std::vector<std::string> args) {
  int pipe_ends[2];
  if (::pipe2(pipe_ends, O_CLOEXEC) != 0) std::abort();
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, pipe_ends[1], 1);
  posix_spawn_file_actions_adddup2(&actions, pipe_ends[1], 2);
  args.insert(args.begin(), "gofer_random");
  std::vector<char*> argv;
  for (std::string& s : args) argv.push_back(s.data());
  argv.push_back(nullptr);
  static const bool set = ::setenv("GOFER_TRACEBACK", "none", 1) == 0;
  (void)set;
  pid_t pid = 0;
  if (::posix_spawn(&pid, "/proc/self/exe", &actions, nullptr, argv.data(), environ) != 0) std::abort();
  posix_spawn_file_actions_destroy(&actions);
  ::close(pipe_ends[1]);
  end_of_process end;
  char buffer[4096];
  for (ssize_t n = 0; (n = ::read(pipe_ends[0], buffer, sizeof buffer)) != 0;) {
    if (n > 0) end.out.append(buffer, static_cast<std::size_t>(n));
    if (n < 0 && errno != EINTR) break;
  }
  ::close(pipe_ends[0]);
  while (::waitpid(pid, &end.status, 0) < 0 && errno == EINTR) {
  }
  return end;
}

std::string joined(const std::set<int>& ids) {
  std::string out;
  for (const int id : ids) out += (out.empty() ? "" : ",") + std::to_string(id);
  return out;
}

std::vector<std::string> command(std::uint64_t seed, const cuts& c, int procs) {
  std::vector<std::string> out{"--seed", std::to_string(seed), "--procs", std::to_string(procs)};
  if (!c.dropped.empty()) out.insert(out.end(), {"--drop", joined(c.dropped)});
  if (!c.hoisted.empty()) out.insert(out.end(), {"--hoist", joined(c.hoisted)});
  return out;
}

bool fails(std::uint64_t seed, const cuts& c, int procs) {
  const int status = run_self(command(seed, c, procs)).status;
  return !WIFEXITED(status) || (WEXITSTATUS(status) != equal && WEXITSTATUS(status) != none_to_run);
}

void statements_of(const block& b, std::vector<std::pair<int, bool>>& out) {
  for (const stmt& s : b) {
    out.emplace_back(s.id, !s.blocks.empty());
    for (const block& inner : s.blocks) statements_of(inner, out);
  }
}

// Greedy: outer statements first, until nothing more can go.
void shrink(std::uint64_t seed, cuts c, int procs) {
  if (!fails(seed, c, procs)) {
    std::printf("seed %llu does not fail alone\n", static_cast<unsigned long long>(seed));
    return;
  }
  for (bool smaller = true; smaller;) {
    smaller = false;
    std::vector<std::pair<int, bool>> statements;
    statements_of(make_program(seed, c).body, statements);
    for (const auto& [id, has_blocks] : statements) {
      if (c.dropped.contains(id)) continue;
      cuts less = c;
      less.dropped.insert(id);
      if (fails(seed, less, procs)) {
        c = less;
        smaller = true;
        continue;
      }
      if (!has_blocks || c.hoisted.contains(id)) continue;
      less = c;
      less.hoisted.insert(id);
      if (fails(seed, less, procs)) {
        c = less;
        smaller = true;
      }
    }
  }
  std::string line = "gofer_random";
  std::vector<std::string> args = command(seed, c, procs);
  args.emplace_back("--verbose");
  for (const std::string& s : args) line += " " + s;
  const end_of_process end = run_self(args);
  std::printf("--- %s\n%s", line.c_str(), end.out.c_str());
  if (WIFSIGNALED(end.status)) std::printf("(signal %d)\n", WTERMSIG(end.status));
  if (WIFEXITED(end.status) && WEXITSTATUS(end.status) != different)
    std::printf("(status %d)\n", WEXITSTATUS(end.status));
  std::fflush(stdout);
}

// --- many
// -------------------------------------------------------------------------------------------------------------

constexpr int max_goroutines = 256, max_failures = 8;

// Between the batch and the process that watches over it.
struct board {
  std::atomic<std::uint64_t> ran{0}, rejected{0}, next{0}, events{0};
  std::atomic<std::uint64_t> running[max_goroutines]{};
  std::atomic<std::uint64_t> failed[max_failures]{};
  std::atomic<int> failures{0};
};

int run_batch(const arguments& a, board& b) {
  std::map<std::string, std::uint64_t> reasons;
  std::mutex mu;
  gofer::run(gofer::options{.maxprocs = a.procs}, [&] {
    gofer::wait_group all;
    for (int slot = 0; slot < std::min(a.goroutines, max_goroutines); slot++) {
      all.go([&, slot] {
        while (b.ran.load() < a.programs && b.failures.load() < max_failures) {
          const std::uint64_t seed = a.first + b.next.fetch_add(1);
          const program p = make_program(seed);
          const expectation e = expect(p);
          if (!e.rejected.empty()) {
            b.rejected.fetch_add(1);
            const std::lock_guard hold(mu);
            reasons[e.rejected]++;
            continue;
          }
          b.running[slot].store(seed);
          const std::string trail = execute(p);
          b.running[slot].store(0);
          b.events.fetch_add(static_cast<std::uint64_t>(std::count(trail.begin(), trail.end(), ' ')));
          if (!matches(e.trail, trail)) {
            const int n = b.failures.fetch_add(1);
            if (n < max_failures) b.failed[n].store(seed);
          }
          b.ran.fetch_add(1);
        }
      });
    }
    all.wait();
  });
  if (!a.quiet) {
    for (const auto& [why, n] : reasons) {
      std::printf("  not run: %llu, %s\n", static_cast<unsigned long long>(n), why.c_str());
    }
  }
  if (live_objects() != 0) std::printf("%ld objects were not destroyed\n", live_objects());
  return b.failures.load() == 0 && live_objects() == 0 ? equal : different;
}

using clock_type = std::chrono::steady_clock;

// Watches over the batch's process: progress, its end, its hanging.
bool supervise(const arguments& a) {
  void* shared = ::mmap(nullptr, sizeof(board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) std::abort();
  auto& b = *::new (shared) board;
  const auto begin = clock_type::now();
  std::fflush(nullptr);
  const pid_t pid = ::fork();  // before the first goroutine: this process has one thread
  if (pid == 0) {
    const int status = run_batch(a, b);
    std::fflush(nullptr);
    ::_exit(status);
  }
  int status = 0;
  std::uint64_t last = 0;
  auto moved = begin, told = begin;
  bool hangs = false;
  while (::waitpid(pid, &status, WNOHANG) == 0) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    const auto now = clock_type::now();
    if (const std::uint64_t n = b.ran.load(); n != last) {
      last = n;
      moved = now;
    }
    if (!a.quiet && now - told > std::chrono::seconds(10)) {
      told = now;
      std::printf("  %llu programs\n", static_cast<unsigned long long>(last));
      std::fflush(stdout);
    }
    if (now - moved > std::chrono::seconds(seconds_for_one)) {
      hangs = true;
      ::kill(pid, SIGKILL);
      ::waitpid(pid, &status, 0);
      break;
    }
  }
  const auto took = std::chrono::duration<double>(clock_type::now() - begin).count();
  std::printf("%llu programs, %llu events, %.1f s, %d workers, %d at a time; %llu more were none to run\n",
              static_cast<unsigned long long>(b.ran.load()), static_cast<unsigned long long>(b.events.load()), took,
              a.procs, a.goroutines, static_cast<unsigned long long>(b.rejected.load()));
  std::fflush(stdout);
  const bool well = WIFEXITED(status) && WEXITSTATUS(status) == equal;
  if (well) return true;
  std::vector<std::uint64_t> suspects;
  for (const auto& seed : b.failed) {
    if (seed.load() != 0) suspects.push_back(seed.load());
  }
  if (!WIFEXITED(status) || WEXITSTATUS(status) != different) {
    std::printf(hangs ? "HANGS" : "ENDED with status %#x", static_cast<unsigned>(status));
    std::printf(", running seeds");
    for (const auto& seed : b.running) {
      if (seed.load() == 0) continue;
      std::printf(" %llu", static_cast<unsigned long long>(seed.load()));
      if (fails(seed.load(), {}, a.procs)) suspects.push_back(seed.load());
    }
    std::printf("\n");
  }
  for (const std::uint64_t seed : suspects) {
    std::printf("DIFFERS: gofer_random --seed %llu --verbose\n", static_cast<unsigned long long>(seed));
    std::fflush(stdout);
  }
  for (std::size_t i = 0; i < std::min<std::size_t>(suspects.size(), 3); i++) shrink(suspects[i], {}, a.procs);
  return false;
}

// Programs that die: their reports, line for line.
bool run_dying(const arguments& a) {
  const auto begin = clock_type::now();
  std::uint64_t ran = 0, wrong = 0;
  for (std::uint64_t seed = a.first; ran < a.dying && wrong < max_failures; seed++) {
    const expectation e = expect(make_program(seed), false);
    if (!e.rejected.empty() || e.dies_of.empty()) continue;
    ran++;
    std::string report = e.dies_of;
    std::replace(report.begin(), report.end(), '|', '\n');
    std::vector<std::string> args = command(seed, {}, a.procs);
    args.emplace_back("--unprotected");
    const end_of_process end = run_self(args);
    if (WIFEXITED(end.status) && WEXITSTATUS(end.status) == 2 && matches(report, end.out)) continue;
    wrong++;
    std::printf("DIFFERS: gofer_random --seed %llu --unprotected --verbose\nmodel:\n%sreported, with status %#x:\n%s",
                static_cast<unsigned long long>(seed), readable(report).c_str(), static_cast<unsigned>(end.status),
                end.out.c_str());
    std::fflush(stdout);
  }
  std::printf("%llu programs that die, %.1f s\n", static_cast<unsigned long long>(ran),
              std::chrono::duration<double>(clock_type::now() - begin).count());
  return wrong == 0;
}

}  // namespace

int main(int argc, char** argv) {
  const arguments a = parse(argc, argv);
  if (a.one && a.shrink) {
    shrink(a.seed, a.cut, a.procs);
    return 0;
  }
  if (a.one) return run_one(a);
  const bool well = supervise(a);
  const bool dies_well = a.dying == 0 || run_dying(a);
  return well && dies_well ? equal : different;
}
