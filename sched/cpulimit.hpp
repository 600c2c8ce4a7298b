// How many processors this process may use: what GOMAXPROCS is by default.
#pragma once

#include <string>

namespace gofer::sched {

/// The processor time that the cgroups allow this process, in processors: the least quota/period on the way from its
/// own cgroup to the root (cpu.max; cpu.cfs_quota_us with cgroup v1). 0: no limit, or none that can be read. `root`
/// stands before /proc and every mount point: tests bring a tree of their own.
double cgroup_cpu_limit(const std::string& root = {});

/// The processors in the affinity mask, or the cgroup's limit rounded up when that is less. At least 1. (Go 1.25 rounds
/// up too, and never goes below 2, for the sake of its garbage collector.)
int usable_processors();

}  // namespace gofer::sched
