#include "sched/cpulimit.hpp"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <sstream>
#include <thread>
#include <vector>

namespace gofer::sched {

namespace {

bool lists(const std::string& commas, const char* word) {
  std::istringstream in(commas);
  for (std::string item; std::getline(in, item, ',');) {
    if (item == word) return true;
  }
  return false;
}

// One line of /proc/self/cgroup that matters: "0::/path" (v2) or "4:cpu,cpuacct:/path" (v1).
struct membership {
  bool v2;
  std::string path;
};

std::vector<membership> cpu_memberships(const std::string& root) {
  std::vector<membership> found;
  std::ifstream in(root + "/proc/self/cgroup");
  for (std::string line; std::getline(in, line);) {
    const std::size_t first = line.find(':');
    const std::size_t second = first == line.npos ? line.npos : line.find(':', first + 1);
    if (second == line.npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    if (controllers.empty() || lists(controllers, "cpu"))
      found.push_back({controllers.empty(), line.substr(second + 1)});
  }
  return found;
}

// Where the hierarchy of that version is mounted, and which of its folders is the mount's root (not "/" in a container
// without a cgroup namespace).
struct mount {
  std::string point;
  std::string root;
};

bool find_mount(const std::string& root, bool v2, mount* found) {
  std::ifstream in(root + "/proc/self/mountinfo");
  for (std::string line; std::getline(in, line);) {
    // "31 23 0:28 ROOT POINT OPTIONS [TAGS...] - TYPE SOURCE SUPER_OPTIONS"
    std::istringstream fields(line);
    std::string skip;
    mount m;
    if (!(fields >> skip >> skip >> skip >> m.root >> m.point)) continue;
    while (fields >> skip && skip != "-") {
    }
    std::string type;
    std::string super_options;
    if (!(fields >> type >> skip >> super_options)) continue;
    if (type != (v2 ? "cgroup2" : "cgroup") || (!v2 && !lists(super_options, "cpu"))) continue;
    *found = m;
    return true;
  }
  return false;
}

// The limit that this one folder sets; 0: none.
double limit_of(const std::string& folder, bool v2) {
  double quota = 0;
  double period = 0;
  if (v2) {
    std::ifstream in(folder + "/cpu.max");  // "max 100000" or "150000 100000"
    if (!(in >> quota >> period)) return 0;
  } else {
    std::ifstream(folder + "/cpu.cfs_quota_us") >> quota;  // -1: none
    std::ifstream(folder + "/cpu.cfs_period_us") >> period;
  }
  return quota > 0 && period > 0 ? quota / period : 0;
}

double tighter(double a, double b) { return a == 0 ? b : b == 0 ? a : std::min(a, b); }

int affinity() {
  cpu_set_t set;
  CPU_ZERO(&set);
  // The process's first thread, not the caller, who may be bound for reasons of his own.
  if (::sched_getaffinity(::getpid(), sizeof set, &set) == 0) return CPU_COUNT(&set);
  return static_cast<int>(std::thread::hardware_concurrency());
}

}  // namespace

double cgroup_cpu_limit(const std::string& root) {
  double limit = 0;
  for (const membership& of : cpu_memberships(root)) {
    mount at;
    if (!find_mount(root, of.v2, &at)) continue;
    std::string below = of.path;
    if (at.root != "/" && below.compare(0, at.root.size(), at.root) == 0) below.erase(0, at.root.size());
    for (;;) {
      limit = tighter(limit, limit_of(root + at.point + below, of.v2));
      const std::size_t slash = below.rfind('/');
      if (below.empty() || slash == below.npos) break;
      below.erase(slash);
    }
  }
  return limit;
}

int usable_processors() {
  int n = std::max(affinity(), 1);
  const double limit = cgroup_cpu_limit();
  if (limit > 0 && limit < n) n = static_cast<int>(std::ceil(limit));
  return n;
}

}  // namespace gofer::sched
