// Ways to listen, sockets that exist already, and writes of several buffers.
#include <ifaddrs.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <gofer/context.hpp>
#include <string>
#include <vector>

#include "net_util.hpp"
#include "runtime/net/inherited.hpp"

namespace {

using namespace net_test;
namespace net = gofer::net;
namespace io = gofer::io;

using bytes = std::span<const char>;

int int_option(int fd, int level, int name) {
  int value = -1;
  socklen_t size = sizeof value;
  EXPECT_EQ(::getsockopt(fd, level, name, &value, &size), 0);
  return value;
}

TEST(NetListenConfig, ReusePort) {
  gofer::run([] {
    const net::listen_config shared{.reuse_port = true};
    const net::listener a = gofer::must(shared.listen("tcp", "127.0.0.1:0"));
    const net::listener b = gofer::must(shared.listen("tcp", a.addr().str()));
    EXPECT_EQ(b.addr(), a.addr());
    EXPECT_TRUE(gofer::is(net::listen("tcp", a.addr().str()).err, std::errc::address_in_use));
    const net::packet_conn c = gofer::must(shared.listen_packet("udp", "127.0.0.1:0"));
    EXPECT_FALSE(shared.listen_packet("udp", c.local_addr().str()).err);
    EXPECT_TRUE(gofer::is(net::listen_packet("udp", c.local_addr().str()).err, std::errc::address_in_use));
  });
}

// A full queue: the kernel drops what else comes, so a dial gets no answer.
TEST(NetListenConfig, Backlog) {
  gofer::run([] {
    const net::listen_config small{.backlog = 1};
    const net::listener l = gofer::must(small.listen("tcp", "127.0.0.1:0"));
    std::vector<net::conn> queued;
    for (;;) {
      auto [c, err] = net::dial("tcp", l.addr().str(), 100ms);
      if (err) {
        EXPECT_TRUE(net::is_timeout(err)) << err;
        break;
      }
      queued.push_back(std::move(c));
      ASSERT_LT(queued.size(), 20u);
    }
  });
}

TEST(NetListenConfig, Control) {
  gofer::run([] {
    std::string seen;
    net::listen_config config;
    config.control = [&](std::string_view network, const net::addr& at, int fd) -> gofer::error {
      seen = std::string(network) + " " + at.str();
      const int size = 20'000;
      EXPECT_EQ(::setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size), 0);
      EXPECT_EQ(int_option(fd, SOL_SOCKET, SO_ACCEPTCONN), 0);
      return {};
    };
    gofer::must(config.listen("tcp", "127.0.0.1:0"));
    EXPECT_EQ(seen, "tcp4 127.0.0.1:0");
    gofer::must(config.listen_packet("udp4", "127.0.0.1:0"));
    EXPECT_EQ(seen, "udp4 127.0.0.1:0");
    gofer::must(config.listen_packet("unixgram", "@gofer_control_" + std::to_string(::getpid())));
    EXPECT_TRUE(seen.starts_with("unixgram @gofer"));
    config.control = [](std::string_view, const net::addr&, int) { return gofer::make_error("not today"); };
    EXPECT_EQ(config.listen("tcp", "127.0.0.1:0").err.what(), "listen tcp 127.0.0.1:0: not today");
  });
}

// --- Sockets that exist already.

TEST(NetFile, Listener) {
  on_procs([] {
    const int raw = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ASSERT_EQ(::listen(raw, 10), 0);  // on a port of the system's choice
    const net::listener l = gofer::must(net::file_listener(raw));
    EXPECT_NE(l.addr().port(), 0);
    ::close(raw);
    const net::conn c = gofer::must(net::dial("tcp", "127.0.0.1:" + std::to_string(l.addr().port())));
    const net::conn s = gofer::must(l.accept());
    gofer::must(s.write("hi"));
    char b[2];
    EXPECT_EQ(gofer::must(io::read_full(c, b)), 2u);
  });
}

TEST(NetFile, ConnIsADuplicate) {
  on_procs([] {
    int ends[2];
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    net::conn a = gofer::must(net::file_conn(ends[0]));
    const net::conn b = gofer::must(net::file_conn(ends[1]));
    EXPECT_EQ(a.local_addr().network(), "unix");
    ::close(ends[1]);
    gofer::go([a] { a.write("text\n"); });
    EXPECT_EQ(gofer::must(b.read_line(100)), "text");
    EXPECT_FALSE(a.close());
    // The caller's is still open.
    EXPECT_EQ(::send(ends[0], "x", 1, MSG_NOSIGNAL), 1);
    ::close(ends[0]);
    EXPECT_EQ(gofer::must(drain(b)), "x");
  });
}

TEST(NetFile, PacketConn) {
  gofer::run([] {
    const int raw = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ASSERT_EQ(::bind(raw, reinterpret_cast<sockaddr*>(&at), sizeof at), 0);
    const net::packet_conn p = gofer::must(net::file_packet_conn(raw));
    ::close(raw);
    gofer::must(p.write_to(std::string("self"), p.local_addr()));
    char b[8];
    EXPECT_EQ(gofer::must(p.read_from(b)).first, 4u);
  });
}

TEST(NetFile, WhatIsNone) {
  gofer::run([] {
    EXPECT_EQ(net::file_conn(-1).err.what(), "file file+net: getsockopt: bad file descriptor");
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    EXPECT_EQ(net::file_conn(ends[0]).err.what(), "file file+net: getsockopt: socket operation on non-socket");
    ::close(ends[0]);
    ::close(ends[1]);
    const int raw = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    EXPECT_EQ(net::file_listener(raw).err.what(), "file file+net: invalid argument");
    EXPECT_EQ(net::file_packet_conn(raw).err.what(), "file file+net: invalid argument");
    ::close(raw);
  });
}

TEST(NetFile, SystemdsSockets) {
  gofer::run([] {
    const int raw = ::socket(AF_INET, SOCK_STREAM, 0);
    ASSERT_EQ(::listen(raw, 10), 0);
    const auto set = [](long pid, const char* count, const char* names) {
      ::setenv("LISTEN_PID", std::to_string(pid).c_str(), 1);
      ::setenv("LISTEN_FDS", count, 1);
      ::setenv("LISTEN_FDNAMES", names, 1);
    };
    set(::getpid(), "1", "http");
    const auto fds = gofer::runtime::listen_fds_from(raw);
    ASSERT_EQ(fds.size(), 1u);
    EXPECT_EQ(fds[0].fd, raw);
    EXPECT_EQ(fds[0].name, "http");
    EXPECT_TRUE(gofer::must(net::file_listener(fds[0].fd)));
    // Once, and not for children.
    EXPECT_EQ(std::getenv("LISTEN_FDS"), nullptr);
    EXPECT_TRUE(gofer::runtime::listen_fds_from(raw).empty());
    set(::getpid() + 1, "1", "");
    EXPECT_TRUE(gofer::runtime::listen_fds_from(raw).empty());
    set(::getpid(), "1x", "");
    EXPECT_TRUE(gofer::runtime::listen_fds_from(raw).empty());
    set(::getpid(), "1", "");
    EXPECT_EQ(gofer::runtime::listen_fds_from(raw).at(0).name, "unknown");
    ::close(raw);
  });
}

// --- Several buffers.

TEST(NetGather, AllInOrder) {
  on_procs([] {
    for (const char* network : {"tcp", "unix"}) {
      const bool tcp = std::string(network) == "tcp";
      const net::listener l =
          gofer::must(net::listen(network, tcp ? "127.0.0.1:0" : "@gofer_gather_" + std::to_string(::getpid())));
      const pair p = connect_to(l);
      // More than the system takes at once, empty ones, and one that no buffer of the kernel's holds.
      std::vector<std::string> texts;
      for (int i = 0; i < 3000; i++) texts.push_back(i % 5 == 0 ? std::string() : std::to_string(i));
      texts[1500] = std::string(5 << 20, 'b');
      std::vector<bytes> parts(texts.begin(), texts.end());
      std::string all;
      for (const std::string& one : texts) all += one;
      gofer::go([c = p.client, parts, size = all.size()] {
        EXPECT_EQ(gofer::must(c.write(parts)), size);
        c.close();
      });
      EXPECT_TRUE(gofer::must(drain(p.server)) == all) << network;
    }
  });
}

TEST(NetGather, WritersTakeTurns) {
  on_procs([] {
    const pair p = connected();
    gofer::wait_group writers;
    constexpr std::size_t size = 100'000;
    for (char c = 'a'; c < 'e'; c++) {
      writers.go([&, c] {
        const std::string text(size / 4, c);
        const std::vector<bytes> parts(4, bytes(text));
        gofer::must(p.client.write(parts));
      });
    }
    gofer::wait_group closer;
    closer.go([&] {
      writers.wait();
      p.client.close();
    });
    const std::string got = gofer::must(drain(p.server));
    closer.wait();
    ASSERT_EQ(got.size(), size * 4);
    for (std::size_t i = 0; i < got.size(); i += size) {
      EXPECT_EQ(got.find_first_not_of(got[i], i), i + size == got.size() ? std::string::npos : i + size);
    }
  });
}

TEST(NetGather, EndsAndErrors) {
  on_procs([] {
    const pair p = connected();
    const std::string text(1 << 20, 'x');
    const std::vector<bytes> parts(64, bytes(text));
    auto [ctx, cancel] = gofer::with_timeout(gofer::background(), 5ms);
    const auto r = p.client.write(ctx, parts);
    EXPECT_TRUE(net::is_timeout(r.err)) << r.err;
    EXPECT_LT(r.value, text.size() * 64);
    cancel();
    EXPECT_EQ(gofer::must(p.server.write(std::vector<bytes>())), 0u);
    p.client.close();
    EXPECT_TRUE(gofer::is(p.client.write(parts).err, net::err_closed));
    EXPECT_TRUE(gofer::is(net::conn().write(parts).err, net::err_closed));
  });
}

TEST(NetGather, OneDatagram) {
  gofer::run([] {
    const net::packet_conn to = gofer::must(net::listen_packet("udp", "127.0.0.1:0"));
    const net::conn c = gofer::must(net::dial("udp", to.local_addr().str()));
    const std::string a = "one ";
    const std::string b = "datagram";
    EXPECT_EQ(gofer::must(c.write(std::vector<bytes>{bytes(a), bytes(b)})), 12u);
    char into[32];
    EXPECT_EQ(gofer::must(to.read_from(into)).first, 12u);
  });
}

// --- Names.

TEST(NetUnix, AbstractDatagrams) {
  gofer::run([] {
    const std::string name = "@gofer_gram_" + std::to_string(::getpid());
    const net::packet_conn p = gofer::must(net::listen_packet("unixgram", name));
    EXPECT_EQ(p.local_addr().str(), name);
    const net::conn c = gofer::must(net::dial("unixgram", name));
    gofer::must(c.write("hi"));
    char b[8];
    const auto [n, from] = gofer::must(p.read_from(b));
    EXPECT_EQ(n, 2u);
    EXPECT_EQ(from.str(), "@");
  });
}

// The zone of a link-local address goes there and back.
TEST(NetZone, LinkLocal) {
  ifaddrs* list = nullptr;
  ASSERT_EQ(::getifaddrs(&list), 0);
  std::string zone;
  for (const ifaddrs* i = list; i != nullptr && zone.empty(); i = i->ifa_next) {
    if (i->ifa_addr == nullptr || i->ifa_addr->sa_family != AF_INET6) continue;
    const auto* in6 = reinterpret_cast<const sockaddr_in6*>(i->ifa_addr);
    if (!IN6_IS_ADDR_LINKLOCAL(&in6->sin6_addr)) continue;
    std::array<std::uint8_t, 16> ip{};
    std::copy_n(in6->sin6_addr.s6_addr, 16, ip.begin());
    zone = net::addr("tcp", net::addr::family::ip6, ip, 0, in6->sin6_scope_id).ip();
  }
  ::freeifaddrs(list);
  if (zone.empty()) GTEST_SKIP() << "no link-local address here";
  gofer::run([&] {
    const net::listener l = gofer::must(net::listen("tcp", net::join_host_port(zone, "0")));
    EXPECT_EQ(l.addr().ip(), zone);
    const pair p = connect_to(l);
    EXPECT_EQ(p.client.remote_addr(), l.addr());
    EXPECT_EQ(p.server.remote_addr().ip(), zone);
  });
}

}  // namespace
