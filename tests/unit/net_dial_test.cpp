// dial, names, Unix sockets, datagrams.
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <gofer/context.hpp>
#include <thread>
#include <vector>

#include "net_util.hpp"

namespace {

using namespace net_test;
namespace net = gofer::net;
namespace io = gofer::io;
namespace os = gofer::os;

TEST(NetDial, Refused) {
  on_procs([] {
    net::listener l = gofer::must(net::listen("tcp", "127.0.0.1:0"));
    const std::string at = l.addr().str();
    l.close();
    const auto r = net::dial("tcp", at);
    EXPECT_EQ(r.err.what(), "dial tcp " + at + ": connect: connection refused");
    EXPECT_TRUE(gofer::is(r.err, std::errc::connection_refused));
    EXPECT_FALSE(net::is_timeout(r.err));
    const auto* op = gofer::as<net::op_error>(r.err);
    ASSERT_NE(op, nullptr);
    EXPECT_EQ(op->op, "dial");
    EXPECT_EQ(op->address.str(), at);
  });
}

TEST(NetDial, WrongArguments) {
  gofer::run([] {
    const auto text = [](std::string_view network, std::string_view address) {
      return net::dial(network, address).err.what();
    };
    EXPECT_EQ(text("foo", "x"), "dial foo: unknown network foo");
    EXPECT_EQ(text("tcp", ""), "dial tcp: missing address");
    EXPECT_EQ(text("tcp", "127.0.0.1"), "dial tcp: address 127.0.0.1: missing port in address");
    EXPECT_EQ(text("tcp", "127.0.0.1:70000"), "dial tcp: address 70000: invalid port");
    EXPECT_EQ(text("tcp4", "[::1]:1"), "dial tcp4: address ::1: no suitable address");
    EXPECT_EQ(text("unix", "/nonexistent/s"), "dial unix /nonexistent/s: connect: no such file or directory");
  });
}

TEST(NetDial, TimesOut) {
  const silent_port silent;
  on_procs([&] {
    const auto start = clock::now();
    const auto r = net::dial("tcp", silent.address, 30ms);
    EXPECT_GE(clock::now() - start, 30ms);
    EXPECT_EQ(r.err.what(), "dial tcp " + silent.address + ": i/o timeout");
    EXPECT_TRUE(net::is_timeout(r.err));
    EXPECT_TRUE(net::is_timeout(net::dial("tcp", silent.address, 0s).err));
  });
}

TEST(NetDial, EndsWithItsContext) {
  const silent_port silent;
  on_procs([&] {
    auto [ctx, cancel] = gofer::with_cancel(gofer::background());
    gofer::go([cancel = cancel] {
      gofer::sleep(10ms);
      cancel();
    });
    const auto r = net::dial("tcp", silent.address, ctx);
    EXPECT_EQ(r.err.what(), "dial tcp " + silent.address + ": operation was canceled");
    EXPECT_TRUE(gofer::is(r.err, gofer::context::canceled));
    EXPECT_EQ(net::dial("tcp", silent.address, ctx).err.what(), r.err.what());

    auto [timed, cancel_timed] = gofer::with_timeout(gofer::background(), 10ms);
    const auto late = net::dial("tcp", silent.address, timed);
    EXPECT_EQ(late.err.what(), "dial tcp " + silent.address + ": i/o timeout");
    EXPECT_TRUE(gofer::is(late.err, gofer::context::deadline_exceeded));
    EXPECT_TRUE(gofer::is(late.err, os::err_deadline_exceeded));
    cancel_timed();
  });
}

// The connection does not depend on what limited the dialling.
TEST(NetDial, LimitsEndWithTheDial) {
  on_procs([] {
    const net::listener l = gofer::must(net::listen("tcp", "127.0.0.1:0"));
    auto [ctx, cancel] = gofer::with_timeout(gofer::background(), 1h);
    const net::conn a = gofer::must(net::dial("tcp", l.addr().str(), ctx));
    const net::conn b = gofer::must(net::dial("tcp", l.addr().str(), 5ms));
    cancel();
    gofer::sleep(10ms);
    for (const net::conn& c : {a, b}) {
      const net::conn s = gofer::must(l.accept());
      EXPECT_FALSE(c.write("x").err);
      EXPECT_FALSE(s.write("x").err);
      char byte;
      EXPECT_FALSE(c.read({&byte, 1}).err);
    }
  });
}

TEST(NetDial, LocalhostByName) {
  on_procs([] {
    const net::listener l = gofer::must(net::listen("tcp", "127.0.0.1:0"));
    const std::string port = std::to_string(l.addr().port());
    for (const std::string& at : {"localhost:" + port, ":" + port, "0.0.0.0:" + port}) {
      const auto [c, err] = net::dial("tcp4", at, 10s);
      ASSERT_FALSE(err) << at << ": " << err;
      EXPECT_EQ(c.remote_addr().str(), l.addr().str());
    }
  });
}

TEST(NetLookup, AddressesAndNames) {
  on_procs([] {
    EXPECT_EQ(gofer::must(net::lookup_host("192.0.2.1")), std::vector<std::string>{"192.0.2.1"});
    EXPECT_EQ(gofer::must(net::lookup_host("2001:db8::1")), std::vector<std::string>{"2001:db8::1"});
    const auto local = gofer::must(net::lookup_host("localhost"));
    EXPECT_TRUE(std::find(local.begin(), local.end(), "127.0.0.1") != local.end() ||
                std::find(local.begin(), local.end(), "::1") != local.end());
    const auto empty = net::lookup_host("").err;
    EXPECT_EQ(empty.what(), "lookup : no such host");
  });
}

TEST(NetLookup, UnknownNames) {
  gofer::run([] {
    // Without a network the answer is that nobody can be asked, which is a failure too.
    const auto r = net::lookup_host("nosuch.invalid");
    ASSERT_TRUE(r.err);
    const auto* dns = gofer::as<net::dns_error>(r.err);
    ASSERT_NE(dns, nullptr);
    EXPECT_EQ(dns->name, "nosuch.invalid");
    EXPECT_TRUE(dns->not_found || dns->is_temporary) << r.err;
    const auto dialled = net::dial("tcp", "nosuch.invalid:80");
    EXPECT_TRUE(dialled.err.what().starts_with("dial tcp: lookup nosuch.invalid: ")) << dialled.err;
    EXPECT_EQ(net::dial("tcp", "127.0.0.1:nosuchservice").err.what(),
              "dial tcp: lookup tcp/nosuchservice: unknown port");
  });
}

TEST(NetLookup, ManyAtOnce) {
  on_procs([] {
    gofer::wait_group done;
    std::atomic<int> good{0};
    for (int i = 0; i < 300; i++) {
      done.go([&] { good += net::lookup_host("localhost").err ? 0 : 1; });
    }
    done.wait();
    EXPECT_EQ(good, 300);
  });
}

TEST(NetLookup, EndsWithItsContext) {
  gofer::run([] {
    auto [ctx, cancel] = gofer::with_cancel(gofer::background());
    cancel();
    const auto r = net::lookup_host("nosuch.invalid", ctx);
    EXPECT_TRUE(r.err);
  });
}

// --- Unix sockets.

std::string temp_path(const char* name) { return "/tmp/gofer_" + std::to_string(::getpid()) + "_" + name; }

TEST(NetUnix, StreamAndItsFile) {
  on_procs([] {
    for (const char* network : {"unix", "unixpacket"}) {
      const std::string path = temp_path(network);
      const net::listener l = gofer::must(net::listen(network, path));
      EXPECT_EQ(l.addr().str(), path);
      EXPECT_EQ(::access(path.c_str(), F_OK), 0);
      EXPECT_EQ(net::listen(network, path).err.what(),
                "listen " + std::string(network) + " " + path + ": bind: address already in use");
      const pair p = connect_to(l);
      EXPECT_EQ(p.server.local_addr().str(), path);
      EXPECT_EQ(p.server.remote_addr().str(), "@");
      gofer::must(p.client.write("hello"));
      char buffer[16];
      EXPECT_EQ(std::string(buffer, gofer::must(p.server.read(buffer))), "hello");
      p.client.close();
      EXPECT_EQ(p.server.read(buffer).err, io::eof);
      l.close();
      EXPECT_NE(::access(path.c_str(), F_OK), 0);
    }
  });
}

TEST(NetUnix, AbstractName) {
  gofer::run([] {
    const std::string name = "@gofer_" + std::to_string(::getpid());
    const net::listener l = gofer::must(net::listen("unix", name));
    EXPECT_EQ(l.addr().str(), name);
    const pair p = connect_to(l);
    gofer::must(p.server.write("x"));
    char c;
    EXPECT_EQ(gofer::must(p.client.read({&c, 1})), 1u);
  });
}

TEST(NetUnix, BigTransfer) {
  on_procs([] {
    const net::listener l = gofer::must(net::listen("unix", temp_path("big")));
    const pair p = connect_to(l);
    gofer::go([c = p.client] {
      c.write(std::string(3 << 20, 'u'));
      c.close();
    });
    EXPECT_EQ(gofer::must(drain(p.server)).size(), std::size_t{3} << 20);
    l.close();
  });
}

TEST(NetUnix, Datagrams) {
  gofer::run([] {
    const std::string at = temp_path("gram");
    const std::string from = temp_path("from");
    const net::packet_conn a = gofer::must(net::listen_packet("unixgram", at));
    const net::packet_conn b = gofer::must(net::listen_packet("unixgram", from));
    gofer::must(b.write_to(std::string("hi"), a.local_addr()));
    char buffer[16];
    const auto [n, sender] = gofer::must(a.read_from(buffer));
    EXPECT_EQ(n, 2u);
    EXPECT_EQ(sender.str(), from);
    ::unlink(at.c_str());
    ::unlink(from.c_str());
  });
}

// --- UDP.

TEST(NetUdp, PacketsThereAndBack) {
  on_procs([] {
    for (const char* where : {"127.0.0.1:0", "[::1]:0", ":0"}) {
      const auto [server, err] = net::listen_packet("udp", where);
      if (err && std::string(where) == "[::1]:0") continue;  // a machine without IPv6
      ASSERT_FALSE(err) << where << ": " << err;
      gofer::go([s = server] {
        char buffer[100];
        for (;;) {
          const auto r = s.read_from(buffer);
          if (r.err) {
            EXPECT_TRUE(gofer::is(r.err, net::err_closed)) << r.err;
            return;
          }
          gofer::must(s.write_to({buffer, r.value.first}, r.value.second));
        }
      });
      const net::conn c =
          gofer::must(net::dial("udp", net::join_host_port("", std::to_string(server.local_addr().port()))));
      char buffer[100];
      if (std::string(where) != "[::1]:0") {
        for (const std::string text : {"one", "", "three"}) {
          EXPECT_EQ(gofer::must(c.write(text)), text.size());
          const auto got = c.read(buffer);
          EXPECT_FALSE(got.err) << got.err;
          EXPECT_EQ(std::string(buffer, got.value), text);
        }
      }
      const net::packet_conn other = gofer::must(net::listen_packet("udp", where));
      const net::addr to = gofer::must(net::dial("udp", server.local_addr().str())).remote_addr();
      gofer::must(other.write_to(std::string("direct"), to));
      const auto [n, from] = gofer::must(other.read_from(buffer));
      EXPECT_EQ(std::string(buffer, n), "direct");
      EXPECT_EQ(from.port(), server.local_addr().port());
      server.close();
    }
  });
}

TEST(NetUdp, DeadlineAndErrors) {
  on_procs([] {
    const net::packet_conn p = gofer::must(net::listen_packet("udp", "127.0.0.1:0"));
    const std::string here = p.local_addr().str();
    char buffer[10];
    p.set_read_deadline(clock::now() + 5ms);
    EXPECT_EQ(p.read_from(buffer).err.what(), "read udp " + here + ": i/o timeout");
    const auto big = p.write_to(std::string(70'000, 'x'), p.local_addr());
    EXPECT_EQ(big.err.what(), "write udp " + here + "->" + here + ": sendto: message too long");
    p.close();
    EXPECT_EQ(p.read_from(buffer).err.what(), "read udp " + here + ": use of closed network connection");
  });
}

}  // namespace
