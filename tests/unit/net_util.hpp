// What the network tests share: sweeping GOMAXPROCS, and pairs of connected sockets.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <gofer/net.hpp>
#include <gofer/runtime.hpp>
#include <gofer/sync.hpp>
#include <string>

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

inline std::string ports(const pair& p) { return p.client.local_addr().str() + "->" + p.client.remote_addr().str(); }

}  // namespace net_test
