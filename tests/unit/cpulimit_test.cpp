// How many processors: affinity and cgroups.
#include "sched/cpulimit.hpp"

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <gofer/runtime.hpp>
#include <gofer/time.hpp>
#include <string>

#include "sched/config.hpp"

namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

class tree {
 public:
  tree() {
    std::string name = (fs::temp_directory_path() / "gofer-cgroup-XXXXXX").string();
    root_ = ::mkdtemp(name.data());
  }
  ~tree() { fs::remove_all(root_); }
  void write(const std::string& path, const std::string& text) const {
    const fs::path at = root_ + path;
    fs::create_directories(at.parent_path());
    std::ofstream(at) << text;
  }
  const std::string& root() const { return root_; }

 private:
  std::string root_;
};

TEST(CpuLimit, NoneWhereNothingIsToBeRead) { EXPECT_EQ(gofer::sched::cgroup_cpu_limit("/nowhere"), 0); }

TEST(CpuLimit, TheTightestOnTheWayUp) {
  const tree t;
  t.write("/proc/self/cgroup", "0::/system.slice/a.service/inner\n");
  t.write("/proc/self/mountinfo",
          "22 1 0:20 / /proc rw - proc proc rw\n"
          "35 24 0:30 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n");
  const std::string at = "/sys/fs/cgroup/system.slice";
  t.write(at + "/a.service/inner/cpu.max", "max 100000\n");
  EXPECT_EQ(gofer::sched::cgroup_cpu_limit(t.root()), 0);
  t.write(at + "/a.service/cpu.max", "150000 100000\n");
  EXPECT_EQ(gofer::sched::cgroup_cpu_limit(t.root()), 1.5);
  t.write(at + "/cpu.max", "400000 100000\n");
  EXPECT_EQ(gofer::sched::cgroup_cpu_limit(t.root()), 1.5);
  t.write(at + "/a.service/inner/cpu.max", "20000 100000\n");
  EXPECT_EQ(gofer::sched::cgroup_cpu_limit(t.root()), 0.2);
}

// In a container that sees only its own part of the hierarchy.
TEST(CpuLimit, BelowTheMountsRoot) {
  const tree t;
  t.write("/proc/self/cgroup", "0::/docker/abc\n");
  t.write("/proc/self/mountinfo", "35 24 0:30 /docker/abc /sys/fs/cgroup ro - cgroup2 cgroup rw\n");
  t.write("/sys/fs/cgroup/cpu.max", "300000 100000\n");
  EXPECT_EQ(gofer::sched::cgroup_cpu_limit(t.root()), 3);
}

TEST(CpuLimit, Version1) {
  const tree t;
  t.write("/proc/self/cgroup", "9:name=systemd:/\n4:cpu,cpuacct:/a\n3:cpuset:/b\n0::/\n");
  t.write("/proc/self/mountinfo",
          "40 30 0:33 / /cg/cpuset rw - cgroup cgroup rw,cpuset\n"
          "41 30 0:34 / /cg/cpu rw - cgroup cgroup rw,cpu,cpuacct\n");
  t.write("/cg/cpu/cpu.cfs_quota_us", "-1\n");
  t.write("/cg/cpu/cpu.cfs_period_us", "100000\n");
  t.write("/cg/cpu/a/cpu.cfs_quota_us", "50000\n");
  t.write("/cg/cpu/a/cpu.cfs_period_us", "20000\n");
  EXPECT_EQ(gofer::sched::cgroup_cpu_limit(t.root()), 2.5);
}

TEST(CpuLimit, ToleratesNonsense) {
  const tree t;
  t.write("/proc/self/cgroup", "\nx\n0::\n0::/a/../..\n:::\n");
  t.write("/proc/self/mountinfo", "\n1 2 3\n35 24 0:30 / /cg rw - cgroup2\n36 24 0:30 / /cg rw - cgroup2 c rw\n");
  t.write("/cg/cpu.max", "many few\n");
  EXPECT_EQ(gofer::sched::cgroup_cpu_limit(t.root()), 0);
  t.write("/cg/cpu.max", "100000 0\n");
  EXPECT_EQ(gofer::sched::cgroup_cpu_limit(t.root()), 0);
  t.write("/cg/cpu.max", "");
  EXPECT_EQ(gofer::sched::cgroup_cpu_limit(t.root()), 0);
}

class AffinityFollowed : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(::sched_getaffinity(::getpid(), sizeof all_, &all_), 0);
    if (CPU_COUNT(&all_) < 2) GTEST_SKIP() << "one processor only";
    for (int i = 0; CPU_COUNT(&one_) == 0; i++) {
      if (CPU_ISSET(i, &all_)) CPU_SET(i, &one_);
    }
  }
  void TearDown() override { ::sched_setaffinity(::getpid(), sizeof all_, &all_); }
  cpu_set_t all_{};
  cpu_set_t one_{};
};

TEST_F(AffinityFollowed, WhileItRuns) {
  gofer::run([&] {
    EXPECT_EQ(gofer::gomaxprocs(0), CPU_COUNT(&all_));
    ASSERT_EQ(::sched_setaffinity(::getpid(), sizeof one_, &one_), 0);
    while (gofer::gomaxprocs(0) != 1) gofer::sleep(10ms);
    ASSERT_EQ(::sched_setaffinity(::getpid(), sizeof all_, &all_), 0);
    while (gofer::gomaxprocs(0) != CPU_COUNT(&all_)) gofer::sleep(10ms);
  });
}

TEST_F(AffinityFollowed, NotAfterSomebodyHasSetIt) {
  gofer::run([&] {
    gofer::gomaxprocs(3);
    ASSERT_EQ(::sched_setaffinity(::getpid(), sizeof one_, &one_), 0);
    gofer::sleep(1500ms);  // sysmon looks once a second
    EXPECT_EQ(gofer::gomaxprocs(0), 3);
  });
}

// The kernel's own files, where this process may make a cgroup.
TEST(CpuLimit, OfARealCgroup) {
  if (GOFER_TSAN || GOFER_ASAN)
    GTEST_SKIP() << "in a child, another thread's lock of the sanitizer's allocator stays held";
  const bool v2 = fs::exists("/sys/fs/cgroup/cgroup.controllers");
  const std::string folder =
      (v2 ? "/sys/fs/cgroup/gofer-test-" : "/sys/fs/cgroup/cpu/gofer-test-") + std::to_string(::getpid());
  std::error_code no;
  fs::create_directory(folder, no);
  const auto set = [&](const char* file, const std::string& text) {
    std::ofstream out(folder + file);
    out << text << std::flush;
    return out.good();
  };
  const bool made = !no && (v2 ? set("/cpu.max", "30000 100000") : set("/cpu.cfs_quota_us", "30000"));
  if (!made) {
    fs::remove(folder, no);
    GTEST_SKIP() << "no cgroup can be made here";
  }
  const pid_t child = ::fork();
  if (child == 0) {
    if (!set("/cgroup.procs", std::to_string(::getpid()))) ::_exit(77);
    ::_exit(gofer::sched::cgroup_cpu_limit() == 0.3 && gofer::sched::usable_processors() == 1 ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  fs::remove(folder, no);
  ASSERT_TRUE(WIFEXITED(status));
  if (WEXITSTATUS(status) == 77) GTEST_SKIP() << "a cgroup can be made here, but not entered";
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

}  // namespace
