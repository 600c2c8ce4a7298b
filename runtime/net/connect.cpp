// Connecting a socket without blocking the thread.
//
// The socket joins the poller after connect(2) was called: before that, epoll sees it as hung up, and that edge would
// be taken for the peer's. If the connection stands by then, joining reports it.
#include <sys/socket.h>

#include <cerrno>

#include "runtime/net/neterror.hpp"
#include "runtime/net/netfd.hpp"

namespace gofer::runtime {

error netfd::begin_connect(const net::addr& to, bool* pending) {
  *pending = false;
  sockaddr_buffer peer;
  if (!to_sockaddr(to, family_, &peer)) return address_error(to.str(), "non-matching address family");
  if (::connect(fd_, peer.sa(), peer.size) != 0) {
    const int errnum = errno;
    // EINTR: it goes on in the background, as it does after EINPROGRESS.
    *pending = errnum == EINPROGRESS || errnum == EALREADY || errnum == EINTR;
    if (!*pending && errnum != EISCONN) return syscall_error("connect", errnum);
  }
  return open();
}

error netfd::finish_connect() {
  for (;;) {
    const sched::poll_error no = sched::pollwait(pd_, sched::poll_mode::write);
    if (no != sched::poll_error::none) return poll_failure(no);
    int errnum = 0;
    socklen_t size = sizeof errnum;
    if (::getsockopt(fd_, SOL_SOCKET, SO_ERROR, &errnum, &size) != 0) return syscall_error("getsockopt", errno);
    switch (errnum) {
      case EINPROGRESS:
      case EALREADY:
      case EINTR:
        continue;
      case EISCONN:
        return {};
      case 0: {
        // No error so far. An edge can be for nothing, so ask whether there is a peer.
        sockaddr_buffer peer;
        peer.size = sizeof peer.storage;
        if (::getpeername(fd_, peer.sa(), &peer.size) == 0) return {};
        continue;
      }
      default:
        return syscall_error("connect", errnum);
    }
  }
}

}  // namespace gofer::runtime
