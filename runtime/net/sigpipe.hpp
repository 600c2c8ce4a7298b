// splice(2) and sendfile(2) into a socket whose peer is gone raise SIGPIPE, and have no MSG_NOSIGNAL.
#pragma once

#include <csignal>

namespace gofer::runtime {

/// While it lives, SIGPIPE does not reach this thread, and one that was raised meanwhile is taken away. Around a system
/// call: nothing may park in between. Costs nothing but a question when the program ignores SIGPIPE.
class no_sigpipe {
 public:
  no_sigpipe();
  no_sigpipe(const no_sigpipe&) = delete;
  no_sigpipe& operator=(const no_sigpipe&) = delete;
  /// The call did all that it was to do: there is nothing to take away. One that did less may have met the peer's end
  /// after its first bytes, and says nothing of it.
  void all_done() { may_be_raised_ = false; }
  /// Keeps errno.
  ~no_sigpipe();

 private:
  sigset_t before_;
  bool blocked_ = false;  // by this object
  bool may_be_raised_ = true;
};

}  // namespace gofer::runtime
