#include "scenario.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <system_error>

namespace gofer::test {
namespace {

// Longer than any scenario takes under a sanitizer on a busy machine, shorter than the limit of the test around it.
constexpr unsigned time_limit_seconds = 60;

std::map<std::string, void (*)()>& scenarios() {
  static std::map<std::string, void (*)()> all;
  return all;
}

int checked(int result, const char* what) {
  if (result < 0) throw std::system_error(errno, std::generic_category(), what);
  return result;
}

// What a scenario prints goes to a file in memory: with pipes, one that nobody reads could hold it up.
class capture {
 public:
  capture() : fd_(checked(memfd_create("scenario", MFD_CLOEXEC), "memfd_create")) {}
  capture(const capture&) = delete;
  capture& operator=(const capture&) = delete;
  ~capture() { close(fd_); }

  int fd() const { return fd_; }

  std::string text() const {
    std::string all;
    char buffer[4096];
    for (;;) {
      const ssize_t n = pread(fd_, buffer, sizeof buffer, static_cast<off_t>(all.size()));
      checked(static_cast<int>(n), "pread");
      if (n == 0) return all;
      all.append(buffer, static_cast<std::size_t>(n));
    }
  }

 private:
  int fd_;
};

[[noreturn]] void become(const std::string& name, std::vector<std::string> environment, int out, int err) {
  for (auto& setting : environment) putenv(setting.data());
  alarm(time_limit_seconds);
  if (dup2(out, STDOUT_FILENO) >= 0 && dup2(err, STDERR_FILENO) >= 0) {
    execl("/proc/self/exe", "gofer_crash", "--scenario", name.c_str(), nullptr);
  }
  std::fprintf(stderr, "cannot start a scenario: %s\n", std::strerror(errno));
  _exit(127);
}

int run_here(const char* name) {
  const auto found = scenarios().find(name);
  if (found == scenarios().end()) {
    std::fprintf(stderr, "no scenario named %s\n", name);
    return 127;
  }
  found->second();
  return 0;
}

}  // namespace

scenario_entry::scenario_entry(const char* name, void (*body)()) { scenarios().emplace(name, body); }

outcome run_scenario(const std::string& name, const std::vector<std::string>& environment) {
  const capture out;
  const capture err;
  const pid_t child = checked(fork(), "fork");
  if (child == 0) become(name, environment, out.fd(), err.fd());
  int status = 0;
  while (waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) checked(-1, "waitpid");
  }
  outcome end;
  if (WIFEXITED(status)) end.exit_status = WEXITSTATUS(status);
  if (WIFSIGNALED(status)) end.signal = WTERMSIG(status);
  end.out = out.text();
  end.err = err.text();
  return end;
}

}  // namespace gofer::test

int main(int argc, char** argv) {
  if (argc == 3 && std::strcmp(argv[1], "--scenario") == 0) return gofer::test::run_here(argv[2]);
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
