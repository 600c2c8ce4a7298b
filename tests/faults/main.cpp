// gofer_faults CALL: runs work() in a process of its own again and again, in each of which one use of CALL fails, the
// first, then the second, and so on until there are no more (of hundreds the later ones by samples); then the same with
// all uses from the n-th on. Each has to come out right, or end with status 2 and a report that gofer meant to give: no
// hang, no crash, no broken invariant.
//
// gofer_faults CALL N once|on: that one case, here.
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "calls.hpp"
#include "sched/config.hpp"
#include "work.hpp"

namespace {

using namespace gofer::test;

constexpr int wrong = 3;
constexpr int not_reached = 4;
constexpr unsigned time_limit_seconds = 60;
constexpr int every_one_up_to = GOFER_ASAN != 0 ? 8 : 32;  // a process is slow to start there

int one_case(const std::string& call, int n, bool for_ever) {
  if (!set_fault(call, n, for_ever)) {
    std::fprintf(stderr, "no call named %s\n", call.c_str());
    return 127;
  }
  if (!work()) return wrong;
  return uses() < n ? not_reached : 0;
}

struct ending {
  int status;
  std::string err;
};

ending run_case(const char* call, int n, bool for_ever) {
  int ends[2];
  if (::pipe(ends) != 0) std::abort();
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::dup2(ends[1], STDERR_FILENO);
    ::close(ends[0]);
    ::close(ends[1]);
    ::alarm(time_limit_seconds);
    ::execl("/proc/self/exe", "gofer_faults", call, std::to_string(n).c_str(), for_ever ? "on" : "once", nullptr);
    ::_exit(127);
  }
  ::close(ends[1]);
  ending end{0, {}};
  char some[4096];
  for (ssize_t got; (got = ::read(ends[0], some, sizeof some)) > 0;)
    end.err.append(some, static_cast<std::size_t>(got));
  ::close(ends[0]);
  ::waitpid(pid, &end.status, 0);
  return end;
}

// Said by gofer, and not about a bug of its own.
bool is_report(const std::string& err) {
  return (err.find("fatal error: ") != err.npos || err.find("gofer: ") != err.npos) &&
         err.find("broken invariant") == err.npos && err.find("Sanitizer") == err.npos;
}

// False: something is wrong, and has been printed.
bool all_cases(const char* call, bool for_ever) {
  int reported = 0;
  for (int n = 1;; n++) {
    const ending end = run_case(call, n, for_ever);
    const int status = WIFEXITED(end.status) ? WEXITSTATUS(end.status) : 1000 + WTERMSIG(end.status);
    if (status == not_reached) {
      std::printf("%s, %s: %d uses, %d of which end the process with a report\n", call,
                  for_ever ? "from it on" : "once", n - 1, reported);
      return true;
    }
    if (status == 2 && is_report(end.err)) {
      reported++;
    } else if (status != 0) {
      std::printf("%s fails %s use %d: status %d%s\n%s\n", call, for_ever ? "from" : "at", n, status,
                  status == 1000 + SIGALRM ? " (it hangs)" : "", end.err.c_str());
      return false;
    }
    // The later, the more alike: guard pages, futex waits.
    if (n >= every_one_up_to) n += n / 4;
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 4) return one_case(argv[1], std::atoi(argv[2]), std::strcmp(argv[3], "on") == 0);
  if (argc != 2) return 127;
  return all_cases(argv[1], false) && all_cases(argv[1], true) ? 0 : 1;
}
