#include "runtime/net/sigpipe.hpp"

#include <pthread.h>

#include <cerrno>
#include <ctime>

namespace gofer::runtime {

namespace {

sigset_t only_sigpipe() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGPIPE);
  return set;
}

}  // namespace

no_sigpipe::no_sigpipe() {
  struct sigaction action {};
  ::sigaction(SIGPIPE, nullptr, &action);
  if (action.sa_handler == SIG_IGN) return;
  const sigset_t set = only_sigpipe();
  ::pthread_sigmask(SIG_BLOCK, &set, &before_);
  blocked_ = !sigismember(&before_, SIGPIPE);
}

no_sigpipe::~no_sigpipe() {
  if (!blocked_) return;
  const int saved = errno;
  const sigset_t set = only_sigpipe();
  const timespec now{};
  if (may_be_raised_) ::sigtimedwait(&set, nullptr, &now);
  ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  errno = saved;
}

}  // namespace gofer::runtime
