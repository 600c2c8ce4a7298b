// The sockets of the echo servers whose runtime brings none.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>

namespace bench {

/// A non-blocking or blocking socket (`flags`: SOCK_NONBLOCK or 0) that listens on the loopback; ends the process when
/// it cannot.
inline int listen_on(std::uint16_t port, int flags) {
  const int s = socket(AF_INET, SOCK_STREAM | flags, 0);
  const int one = 1;
  setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (bind(s, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 || listen(s, 1024) != 0) {
    std::perror("listen");
    std::exit(1);
  }
  return s;
}

inline void no_delay(int fd) {
  const int one = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

}  // namespace bench
