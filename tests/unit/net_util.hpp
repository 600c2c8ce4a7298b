// What the network tests share: sweeping GOMAXPROCS, and pairs of connected sockets.
#pragma once

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <gofer/net.hpp>
#include <gofer/runtime.hpp>
#include <gofer/sync.hpp>
#include <string>
#include <thread>
#include <vector>

namespace net_test {

using namespace std::chrono_literals;
using clock = std::chrono::steady_clock;

/// Runs `main` on 1, 2, 4 and 8 workers. (SCOPED_TRACE is per thread: not for goroutines.)
template <class F>
void on_procs(F main) {
  for (const int procs : {1, 2, 4, 8}) {
    SCOPED_TRACE("GOMAXPROCS " + std::to_string(procs));
    gofer::run({.maxprocs = procs}, main);
  }
}

struct pair {
  gofer::net::conn client;
  gofer::net::conn server;
};

inline pair connect_to(const gofer::net::listener& l) {
  pair p;
  const gofer::net::addr at = l.addr();
  auto dialled = gofer::net::dial(at.network(), at.str());
  EXPECT_FALSE(dialled.err) << dialled.err;
  auto accepted = l.accept();
  EXPECT_FALSE(accepted.err) << accepted.err;
  return {dialled.value, accepted.value};
}

/// Two ends of a TCP connection over the loopback. Works on plain threads too: a connection stands before it is
/// accepted.
inline pair connected() {
  const auto l = gofer::net::listen("tcp", "127.0.0.1:0");
  EXPECT_FALSE(l.err) << l.err;
  return connect_to(l.value);
}

/// Reads until the end or an error; what was read, and the error unless it is eof.
inline gofer::result<std::string> drain(const gofer::net::conn& c) { return gofer::io::read_all(c); }

// A port of the loopback where nobody answers: the queue of a listener that never accepts is full, and the kernel drops
// what else comes.
class silent_port {
 public:
  /// 0: a port that is free. `works` says whether this one was.
  explicit silent_port(std::uint16_t port = 0) {
    fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    at.sin_port = htons(port);
    socklen_t size = sizeof at;
    works = ::bind(fd_, reinterpret_cast<sockaddr*>(&at), size) == 0;
    if (!works) return;
    EXPECT_EQ(::listen(fd_, 0), 0);
    EXPECT_EQ(::getsockname(fd_, reinterpret_cast<sockaddr*>(&at), &size), 0);
    address = "127.0.0.1:" + std::to_string(ntohs(at.sin_port));
    for (int i = 0; i < 3; i++) {
      const int client = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
      (void)::connect(client, reinterpret_cast<sockaddr*>(&at), size);
      clients_.push_back(client);
    }
    std::this_thread::sleep_for(5ms);
  }
  silent_port(const silent_port&) = delete;
  silent_port& operator=(const silent_port&) = delete;
  ~silent_port() {
    for (const int fd : clients_) ::close(fd);
    ::close(fd_);
  }
  std::string address;
  bool works = false;

 private:
  int fd_;
  std::vector<int> clients_;
};

inline std::string ports(const pair& p) { return p.client.local_addr().str() + "->" + p.client.remote_addr().str(); }

}  // namespace net_test
