// Connections: bytes, ends, addresses, the texts of errors.
#include <dirent.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <numeric>
#include <thread>
#include <vector>

#include "net_util.hpp"

namespace {

using namespace net_test;
namespace net = gofer::net;
namespace io = gofer::io;

TEST(Net, EchoOfEverySize) {
  on_procs([] {
    const pair p = connected();
    gofer::go([c = p.server] {
      EXPECT_FALSE(io::copy(c, c).err);
      c.close();
    });
    std::string sent;
    for (const std::size_t size : {1u, 2u, 100u, 4095u, 4096u, 32768u, 1u << 20, 5u << 20}) {
      sent.resize(size);
      for (std::size_t i = 0; i < size; i++) sent[i] = static_cast<char>(i * 7 + size);
      gofer::go([c = p.client, sent] {
        const auto put = c.write(sent);
        EXPECT_FALSE(put.err) << put.err;
        EXPECT_EQ(put.value, sent.size());
      });
      std::string got(size, '\0');
      const auto n = io::read_full(p.client, got);
      EXPECT_FALSE(n.err) << n.err;
      EXPECT_EQ(n.value, size);
      EXPECT_TRUE(got == sent);
    }
    EXPECT_FALSE(p.client.close_write());
    char c;
    EXPECT_EQ(p.client.read({&c, 1}).err, io::eof);
    p.client.close();
  });
}

TEST(Net, ManyConnectionsAtOnce) {
  on_procs([] {
    const net::listener l = gofer::must(net::listen("tcp", "127.0.0.1:0"));
    gofer::go([l] {
      for (;;) {
        const auto [c, err] = l.accept();
        if (err) {
          EXPECT_TRUE(gofer::is(err, net::err_closed)) << err;
          return;
        }
        gofer::go([c = c] { io::copy(c, c); });
      }
    });
    gofer::wait_group done;
    std::atomic<int> good{0};
    constexpr int clients = 200;
    for (int i = 0; i < clients; i++) {
      done.go([&, i] {
        const auto [c, err] = net::dial("tcp", l.addr().str());
        if (err) {
          ADD_FAILURE() << err;
          return;
        }
        const std::string text = "client " + std::to_string(i);
        for (int round = 0; round < 20; round++) {
          std::string back(text.size(), '\0');
          if (c.write(text).err || io::read_full(c, back).err || back != text) return;
        }
        good++;
        c.close();
      });
    }
    done.wait();
    EXPECT_EQ(good, clients);
    l.close();
  });
}

// The last P that is busy is taken from a blocking call while somebody waits for the network: another thread polls.
TEST(Net, IsPolledWhileAllElseBlocks) {
  on_procs([] {
    const pair p = connected();
    std::atomic<bool> read{false};
    gofer::wait_group wg;
    wg.go([&] {
      char c = 0;
      EXPECT_EQ(p.server.read({&c, 1}).value, 1u);
      read = true;
    });
    gofer::sleep(1ms);  // it waits, and the other workers have gone to sleep
    std::thread writer([client = p.client] {
      std::this_thread::sleep_for(60ms);
      gofer::must(client.write("x"));
    });
    gofer::blocking([&] {
      writer.join();
      while (!read) std::this_thread::sleep_for(1ms);
    });
    wg.wait();
  });
}

// A worker whose goroutine computes on when its run ends is left behind, and comes back while the next run is at work.
TEST(Net, AfterARunThatLeftAWorkerBehind) {
  std::atomic<int> hogs{0};
  for (int round = 0; round < 3; round++) {
    gofer::run({.maxprocs = 2}, [&] {
      const pair p = connected();
      for (int i = 0; i < 500; i++) {
        char c = 'x';
        gofer::must(p.client.write({&c, 1}));
        EXPECT_EQ(io::read_full(p.server, {&c, 1}).value, 1u);
      }
      std::atomic<bool> started{false};
      gofer::go([&hogs, &started] {
        hogs++;
        started = true;
        const auto until = clock::now() + 150ms;  // longer than run() waits for its workers
        while (clock::now() < until) {
        }
        hogs--;
      });
      while (!started) gofer::gosched();
    });
  }
  while (hogs != 0) std::this_thread::yield();
}

TEST(Net, HalfClose) {
  on_procs([] {
    const pair p = connected();
    gofer::must(p.client.write("question"));
    EXPECT_FALSE(p.client.close_write());
    EXPECT_EQ(drain(p.server).value, "question");
    gofer::must(p.server.write("answer"));
    p.server.close();
    const auto got = drain(p.client);
    EXPECT_EQ(got.value, "answer");
    EXPECT_FALSE(got.err);
    const auto put = p.client.write("more");
    EXPECT_EQ(put.err.what(), "write tcp " + ports(p) + ": write: broken pipe");
    EXPECT_TRUE(gofer::is(put.err, std::errc::broken_pipe));
  });
}

// A read that gets less than it asked for is taken as proof that the socket is empty, so the next one waits without
// trying. When the end had arrived together with the data, that edge is in the past: waiting for another would be for
// ever.
TEST(Net, EndThatArrivesWithTheDataIsSeen) {
  on_procs([] {
    for (int i = 0; i < 50; i++) {
      const pair p = connected();
      char buffer[64];
      gofer::must(p.client.write("a"));
      EXPECT_EQ(p.server.read(buffer).value, 1u);
      p.server.set_read_deadline(clock::now() + 5s);
      gofer::must(p.client.write("hello"));
      p.client.close();
      if (i % 2 == 0) gofer::blocking([] { ::usleep(300); });
      EXPECT_EQ(p.server.read(buffer).value, 5u);
      EXPECT_EQ(p.server.read(buffer).err, io::eof);
      EXPECT_EQ(p.server.read(buffer).err, io::eof);
    }
  });
}

// The same for urgent data: a read stops in front of it, with data behind it.
TEST(Net, ReadDoesNotStallBehindUrgentData) {
  on_procs([] {
    const net::listener l = gofer::must(net::listen("tcp", "127.0.0.1:0"));
    const int raw = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(l.addr().port());
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ASSERT_EQ(::connect(raw, reinterpret_cast<sockaddr*>(&to), sizeof to), 0);
    const net::conn c = gofer::must(l.accept());
    c.set_read_deadline(clock::now() + 5s);
    char buffer[64];
    std::string got;
    ::send(raw, "x", 1, 0);
    gofer::must(c.read(buffer));  // the first edge is consumed
    ::send(raw, "abc", 3, 0);
    ::send(raw, "!", 1, MSG_OOB);
    ::send(raw, "efg", 3, 0);
    while (got.size() < 6) {
      const auto n = c.read(buffer);
      ASSERT_FALSE(n.err) << n.err << " after " << got;
      got.append(buffer, n.value);
    }
    EXPECT_EQ(got, "abcefg");
    ::close(raw);
  });
}

TEST(Net, PingPongByShortReads) {
  on_procs([] {
    const pair p = connected();
    constexpr int rounds = 2000;
    gofer::go([c = p.server] {
      char buffer[512];
      for (;;) {
        const auto n = c.read(buffer);
        if (n.err) return;
        c.write({buffer, n.value});
      }
    });
    char buffer[512];
    for (int i = 0; i < rounds; i++) {
      const std::string text = std::to_string(i);
      gofer::must(p.client.write(text));
      const auto n = p.client.read(buffer);
      ASSERT_EQ(std::string(buffer, n.value), text);
    }
    p.client.close();
  });
}

TEST(Net, WritesDoNotInterleave) {
  on_procs([] {
    const pair p = connected();
    constexpr std::size_t block = 300'000;
    gofer::wait_group writers;
    for (char who = 'a'; who < 'e'; who++) {
      writers.go([&, who] {
        for (int i = 0; i < 5; i++) gofer::must(p.client.write(std::string(block, who)));
      });
    }
    gofer::wait_group closer;
    closer.go([&] {
      writers.wait();
      p.client.close_write();
    });
    const std::string got = gofer::must(drain(p.server));
    ASSERT_EQ(got.size(), block * 20);
    for (std::size_t i = 0; i < got.size(); i += block) {
      ASSERT_TRUE(got.compare(i, block, std::string(block, got[i])) == 0) << "block at " << i;
    }
    closer.wait();
    p.client.close();
  });
}

TEST(Net, EmptyReadsAndWrites) {
  gofer::run([] {
    const pair p = connected();
    EXPECT_EQ(p.client.read({}).value, 0u);
    EXPECT_FALSE(p.client.read({}).err);
    EXPECT_FALSE(p.client.write(std::string()).err);
    EXPECT_FALSE(p.client.write("").err);
    gofer::must(p.client.write("x"));
    char c;
    EXPECT_EQ(gofer::must(p.server.read({&c, 1})), 1u);
    EXPECT_EQ(c, 'x');
  });
}

TEST(Net, LiteralsAreWrittenWithoutTheirZero) {
  gofer::run([] {
    const pair p = connected();
    EXPECT_EQ(gofer::must(p.client.write("abc")), 3u);
    char raw[4] = {'d', 'e', 'f', '\0'};
    EXPECT_EQ(gofer::must(p.client.write(raw)), 4u);
    EXPECT_EQ(gofer::must(p.client.write(std::string_view("gh"))), 2u);
    p.client.close();
    EXPECT_EQ(gofer::must(drain(p.server)), std::string("abcdef\0gh", 9));
  });
}

TEST(Net, ReadLineTakesNoMoreThanTheLine) {
  on_procs([] {
    const pair p = connected();
    gofer::must(p.client.write("GET /\r\nHost: x\n\nrest"));
    EXPECT_EQ(gofer::must(io::read_line(p.server)), "GET /");
    EXPECT_EQ(gofer::must(io::read_line(p.server)), "Host: x");
    EXPECT_EQ(gofer::must(io::read_line(p.server)), "");
    char buffer[16];
    EXPECT_EQ(std::string(buffer, gofer::must(p.server.read(buffer))), "rest");
    gofer::go([c = p.client] {
      c.write("slow");
      gofer::gosched();
      c.write(" line\nlast");
      c.close();
    });
    EXPECT_EQ(gofer::must(io::read_line(p.server)), "slow line");
    EXPECT_EQ(gofer::must(io::read_line(p.server)), "last");
    EXPECT_EQ(io::read_line(p.server).err, io::eof);
  });
}

TEST(Net, LongLineIsRefused) {
  gofer::run([] {
    const pair p = connected();
    std::string line(2000, 'x');
    line.push_back('\n');
    gofer::must(p.client.write(line));
    EXPECT_EQ(io::read_line(p.server, 1000).err, io::err_line_too_long);
  });
}

TEST(Net, WriteToAPeerThatIsGoneDoesNotKill) {
  on_procs([] {
    const pair p = connected();
    p.server.close();
    gofer::error err;
    for (int i = 0; i < 1000 && !err; i++) err = p.client.write(std::string(1000, 'x')).err;
    EXPECT_TRUE(gofer::is(err, std::errc::broken_pipe) || gofer::is(err, std::errc::connection_reset)) << err;
  });
}

TEST(Net, LastHandleCloses) {
  on_procs([] {
    pair p = connected();
    net::conn second = p.client;
    p.client = {};
    gofer::must(second.write("still here"));
    second = {};
    EXPECT_EQ(gofer::must(drain(p.server)), "still here");
  });
}

TEST(Net, EmptyHandle) {
  gofer::run([] {
    const net::conn none;
    char c;
    EXPECT_FALSE(none);
    EXPECT_TRUE(gofer::is(none.read({&c, 1}).err, net::err_closed));
    EXPECT_TRUE(gofer::is(none.write("x").err, net::err_closed));
    EXPECT_TRUE(gofer::is(none.close(), net::err_closed));
    EXPECT_TRUE(gofer::is(none.set_deadline({}), net::err_closed));
    EXPECT_EQ(none.local_addr().str(), "");
    EXPECT_TRUE(gofer::is(net::listener().accept().err, net::err_closed));
    EXPECT_TRUE(gofer::is(net::packet_conn().read_from({&c, 1}).err, net::err_closed));
  });
}

// --- Addresses.

TEST(Net, AddressesOfBothEnds) {
  on_procs([] {
    for (const char* where : {"127.0.0.1:0", ":0", "[::1]:0"}) {
      const auto [l, err] = net::listen("tcp", where);
      if (err && std::string(where) == "[::1]:0") continue;  // a machine without IPv6
      ASSERT_FALSE(err) << where << ": " << err;
      EXPECT_NE(l.addr().port(), 0);
      const auto c = gofer::must(net::dial("tcp", l.addr().str()));
      const auto s = gofer::must(l.accept());
      EXPECT_EQ(c.local_addr(), s.remote_addr());
      EXPECT_EQ(c.remote_addr(), s.local_addr());
      EXPECT_EQ(s.local_addr().port(), l.addr().port());
      EXPECT_EQ(c.local_addr().network(), "tcp");
      EXPECT_FALSE(c.remote_addr().str().starts_with("[::]"));
    }
  });
}

// Accepted sockets are to have Go's options without a system call each.
TEST(Net, SocketOptionsAreGos) {
  gofer::run([] {
    const pair p = connected();
    int seen = 0;
    DIR* dir = ::opendir("/proc/self/fd");
    ASSERT_NE(dir, nullptr);
    while (const dirent* entry = ::readdir(dir)) {
      const int fd = std::atoi(entry->d_name);
      sockaddr_in local{};
      sockaddr_in peer{};
      socklen_t size = sizeof local;
      if (::getsockname(fd, reinterpret_cast<sockaddr*>(&local), &size) != 0 || local.sin_family != AF_INET) continue;
      size = sizeof peer;
      if (::getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &size) != 0) continue;
      const bool client = ntohs(local.sin_port) == p.client.local_addr().port();
      const bool server = ntohs(peer.sin_port) == p.client.local_addr().port();
      if (!client && !server) continue;
      seen++;
      const char* who = client ? "client" : "server";
      const auto option = [fd](int level, int name) {
        int value = -1;
        socklen_t n = sizeof value;
        ::getsockopt(fd, level, name, &value, &n);
        return value;
      };
      EXPECT_NE(option(IPPROTO_TCP, TCP_NODELAY), 0) << who;
      EXPECT_NE(option(SOL_SOCKET, SO_KEEPALIVE), 0) << who;
      EXPECT_EQ(option(IPPROTO_TCP, TCP_KEEPIDLE), 15) << who;
      EXPECT_EQ(option(IPPROTO_TCP, TCP_KEEPINTVL), 15) << who;
      EXPECT_EQ(option(IPPROTO_TCP, TCP_KEEPCNT), 9) << who;
    }
    ::closedir(dir);
    EXPECT_EQ(seen, 2);
  });
}

TEST(Net, SplitAndJoin) {
  const auto split = [](std::string_view text) {
    const auto [parts, err] = net::split_host_port(text);
    return err ? err.what() : parts.first + "|" + parts.second;
  };
  EXPECT_EQ(split("127.0.0.1:80"), "127.0.0.1|80");
  EXPECT_EQ(split(":http"), "|http");
  EXPECT_EQ(split("[::1]:80"), "::1|80");
  EXPECT_EQ(split("[fe80::1%lo]:80"), "fe80::1%lo|80");
  EXPECT_EQ(split("example.org:"), "example.org|");
  EXPECT_EQ(split("example.org"), "address example.org: missing port in address");
  EXPECT_EQ(split("[::1]"), "address [::1]: missing port in address");
  EXPECT_EQ(split("::1:80"), "address ::1:80: too many colons in address");
  EXPECT_EQ(split("[::1"), "address [::1: missing ']' in address");
  EXPECT_EQ(split("[::1:80"), "address [::1:80: missing ']' in address");
  EXPECT_EQ(split("a[b:80"), "address a[b:80: unexpected '[' in address");
  EXPECT_EQ(split("a]b:80"), "address a]b:80: unexpected ']' in address");
  EXPECT_EQ(split(""), "address : missing port in address");
  EXPECT_EQ(net::join_host_port("::1", "80"), "[::1]:80");
  EXPECT_EQ(net::join_host_port("localhost", "80"), "localhost:80");
}

// --- Errors.

TEST(Net, ErrorsOfListen) {
  gofer::run([] {
    const auto text = [](std::string_view network, std::string_view address) {
      return net::listen(network, address).err.what();
    };
    const net::listener l = gofer::must(net::listen("tcp", "127.0.0.1:0"));
    const std::string at = l.addr().str();
    const auto taken = net::listen("tcp", at);
    EXPECT_EQ(taken.err.what(), "listen tcp " + at + ": bind: address already in use");
    EXPECT_TRUE(gofer::is(taken.err, std::errc::address_in_use));
    EXPECT_EQ(text("tcp", "127.0.0.1"), "listen tcp: address 127.0.0.1: missing port in address");
    EXPECT_EQ(text("tcp", "127.0.0.1:99999"), "listen tcp: address 99999: invalid port");
    EXPECT_EQ(text("udp", ":0"), "listen udp: unknown network udp");
    EXPECT_EQ(text("nonsense", ":0"), "listen nonsense: unknown network nonsense");
    EXPECT_EQ(net::listen_packet("tcp", ":0").err.what(), "listen tcp: unknown network tcp");
    EXPECT_EQ(text("unix", "/nonexistent/socket"), "listen unix /nonexistent/socket: bind: no such file or directory");
    EXPECT_EQ(text("tcp4", "[::1]:0"), "listen tcp4: address ::1: no suitable address");
  });
}

TEST(Net, OutOfDescriptorsIsTemporary) {
  gofer::run([] {
    const net::listener l = gofer::must(net::listen("tcp", "127.0.0.1:0"));
    const net::conn c = gofer::must(net::dial("tcp", l.addr().str()));
    rlimit old{};
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &old), 0);
    const int lowest = ::dup(0);
    ::close(lowest);
    rlimit none = old;
    none.rlim_cur = static_cast<rlim_t>(lowest);
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
    const auto refused = l.accept();
    const auto dialled = net::dial("tcp", l.addr().str());
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &old), 0);
    EXPECT_EQ(refused.err.what(), "accept tcp " + l.addr().str() + ": accept4: too many open files");
    EXPECT_TRUE(net::is_temporary(refused.err));
    EXPECT_FALSE(net::is_timeout(refused.err));
    EXPECT_EQ(dialled.err.what(), "dial tcp " + l.addr().str() + ": socket: too many open files");
    // The connection is still in the queue.
    gofer::must(gofer::must(l.accept()).write("late"));
    char buffer[8];
    EXPECT_EQ(gofer::must(c.read(buffer)), 4u);
  });
}

}  // namespace
