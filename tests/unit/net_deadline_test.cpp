// Deadlines and close: what ends a blocked call.
#include <atomic>
#include <random>
#include <thread>
#include <vector>

#include "net_util.hpp"

namespace {

using namespace net_test;
namespace net = gofer::net;
namespace io = gofer::io;
namespace os = gofer::os;

// Fills the socket's buffers until a write blocks; returns that write's result.
gofer::result<std::size_t> write_until_blocked(const net::conn& c) {
  for (;;) {
    auto r = c.write(std::string(1 << 20, 'x'));
    if (r.err) return r;
  }
}

TEST(NetDeadline, ReadTimesOut) {
  on_procs([] {
    const pair p = connected();
    char c;
    const auto start = clock::now();
    p.client.set_read_deadline(start + 20ms);
    const auto r = p.client.read({&c, 1});
    EXPECT_GE(clock::now() - start, 20ms);
    EXPECT_EQ(r.err.what(), "read tcp " + ports(p) + ": i/o timeout");
    EXPECT_TRUE(gofer::is(r.err, os::err_deadline_exceeded));
    EXPECT_TRUE(net::is_timeout(r.err));
    EXPECT_TRUE(net::is_temporary(r.err));
    // It stays expired until it is moved, and writing is another matter.
    EXPECT_TRUE(gofer::is(p.client.read({&c, 1}).err, os::err_deadline_exceeded));
    gofer::must(p.client.write("x"));
    gofer::must(p.server.write("y"));
    EXPECT_TRUE(gofer::is(p.client.read({&c, 1}).err, os::err_deadline_exceeded));
    EXPECT_FALSE(p.client.set_read_deadline({}));
    EXPECT_EQ(gofer::must(p.client.read({&c, 1})), 1u);
    EXPECT_EQ(c, 'y');
  });
}

TEST(NetDeadline, WriteTimesOutAndSaysHowMuch) {
  on_procs([] {
    const pair p = connected();
    p.client.set_write_deadline(clock::now() + 20ms);
    const auto r = write_until_blocked(p.client);
    EXPECT_TRUE(gofer::is(r.err, os::err_deadline_exceeded)) << r.err;
    EXPECT_LT(r.value, std::size_t{1} << 20);
    // Reading goes on.
    gofer::must(p.server.write("z"));
    char c;
    EXPECT_EQ(gofer::must(p.client.read({&c, 1})), 1u);
  });
}

TEST(NetDeadline, BothSides) {
  on_procs([] {
    const pair p = connected();
    p.client.set_deadline(clock::now() + 10ms);
    gofer::wait_group done;
    done.go([&] {
      char c;
      EXPECT_TRUE(net::is_timeout(p.client.read({&c, 1}).err));
    });
    done.go([&] { EXPECT_TRUE(net::is_timeout(write_until_blocked(p.client).err)); });
    done.wait();
  });
}

TEST(NetDeadline, PastOneWakesABlockedRead) {
  on_procs([] {
    const pair p = connected();
    gofer::wait_group done;
    done.go([&] {
      char c;
      EXPECT_TRUE(net::is_timeout(p.client.read({&c, 1}).err));
    });
    gofer::blocking([] { std::this_thread::sleep_for(2ms); });
    p.client.set_read_deadline(clock::now() - 1s);
    done.wait();
    p.client.set_deadline(std::chrono::system_clock::now() - 1s);
    EXPECT_TRUE(net::is_timeout(p.client.write("x").err));
  });
}

TEST(NetDeadline, CanBeMovedAwayAndNearer) {
  on_procs([] {
    const pair p = connected();
    char c;
    // Away, and away again while the read is blocked: only the last one counts.
    auto start = clock::now();
    p.client.set_read_deadline(start + 10ms);
    p.client.set_read_deadline(start + 40ms);
    gofer::go([c2 = p.client, start] { c2.set_read_deadline(start + 60ms); });
    EXPECT_TRUE(net::is_timeout(p.client.read({&c, 1}).err));
    EXPECT_GE(clock::now() - start, 60ms);
    // Nearer.
    start = clock::now();
    p.client.set_read_deadline(start + 1h);
    gofer::go([c2 = p.client] { c2.set_read_deadline(clock::now() + 10ms); });
    EXPECT_TRUE(net::is_timeout(p.client.read({&c, 1}).err));
    EXPECT_LT(clock::now() - start, 30s);
    // Away altogether.
    p.client.set_read_deadline(clock::now() + 10ms);
    p.client.set_read_deadline({});
    gofer::go([s = p.server] {
      gofer::blocking([] { std::this_thread::sleep_for(30ms); });
      s.write("x");
    });
    EXPECT_EQ(gofer::must(p.client.read({&c, 1})), 1u);
  });
}

TEST(NetDeadline, OneAlarmServesReadAndWrite) {
  on_procs([] {
    const pair p = connected();
    const auto start = clock::now();
    p.client.set_read_deadline(start + 40ms);
    p.client.set_write_deadline(start + 10ms);
    gofer::wait_group done;
    done.go([&] {
      EXPECT_TRUE(net::is_timeout(write_until_blocked(p.client).err));
      EXPECT_GE(clock::now() - start, 10ms);
    });
    done.go([&] {
      char c;
      EXPECT_TRUE(net::is_timeout(p.client.read({&c, 1}).err));
      EXPECT_GE(clock::now() - start, 40ms);
    });
    done.wait();
  });
}

TEST(NetDeadline, Accept) {
  on_procs([] {
    const net::listener l = gofer::must(net::listen("tcp", "127.0.0.1:0"));
    l.set_deadline(clock::now() + 5ms);
    const auto r = l.accept();
    EXPECT_EQ(r.err.what(), "accept tcp " + l.addr().str() + ": i/o timeout");
    l.set_deadline({});
    const net::conn c = gofer::must(net::dial("tcp", l.addr().str()));
    EXPECT_TRUE(gofer::must(l.accept()));
  });
}

TEST(NetDeadline, FarFutureAndOtherClocks) {
  gofer::run([] {
    const pair p = connected();
    EXPECT_FALSE(p.client.set_deadline(clock::time_point::max()));
    EXPECT_FALSE(p.client.set_deadline(std::chrono::system_clock::time_point::max()));
    EXPECT_FALSE(p.client.set_deadline(std::chrono::system_clock::now() + 1h));
    EXPECT_FALSE(p.client.set_deadline(clock::now() + std::chrono::duration<double>(1e3)));
    EXPECT_FALSE(p.client.set_deadline(std::chrono::file_clock::now() + 1h));
    gofer::must(p.server.write("x"));
    char c;
    EXPECT_EQ(gofer::must(p.client.read({&c, 1})), 1u);
    p.client.set_read_deadline(std::chrono::file_clock::now() - 1s);
    EXPECT_TRUE(net::is_timeout(p.client.read({&c, 1}).err));
    EXPECT_FALSE(p.client.set_deadline(std::chrono::system_clock::time_point{}));
    gofer::must(p.server.write("x"));
    EXPECT_EQ(gofer::must(p.client.read({&c, 1})), 1u);
  });
}

// A connection may outlive the run() in which its deadline was set, and whose timers are forgotten.
TEST(NetDeadline, HoldsInTheNextRun) {
  pair p;
  gofer::run([&] {
    p = connected();
    p.client.set_read_deadline(clock::now() + 50ms);
  });
  gofer::run([&] {
    char c;
    EXPECT_TRUE(net::is_timeout(p.client.read({&c, 1}).err));
  });
}

// --- Close.

TEST(NetClose, WakesBlockedReadersAndWriters) {
  on_procs([] {
    const pair p = connected();
    gofer::wait_group done;
    for (int i = 0; i < 20; i++) {
      done.go([&] {
        char c;
        const auto r = p.client.read({&c, 1});
        EXPECT_EQ(r.err.what(), "read tcp " + ports(p) + ": use of closed network connection");
        EXPECT_TRUE(gofer::is(r.err, net::err_closed));
      });
      done.go([&] { EXPECT_TRUE(gofer::is(write_until_blocked(p.client).err, net::err_closed)); });
    }
    gofer::blocking([] { std::this_thread::sleep_for(5ms); });
    EXPECT_FALSE(p.client.close());
    done.wait();
    const std::string who = " tcp " + ports(p) + ": use of closed network connection";
    EXPECT_EQ(p.client.close().what(), "close" + who);
    EXPECT_EQ(p.client.write("x").err.what(), "write" + who);
    EXPECT_EQ(p.client.close_write().what(), "close" + who);
    EXPECT_EQ(p.client.set_deadline(clock::now() + 1s).what(),
              "set tcp " + p.client.local_addr().str() + ": use of closed network connection");
  });
}

TEST(NetClose, WakesAcceptAndFreesTheAddress) {
  on_procs([] {
    net::listener l = gofer::must(net::listen("tcp", "127.0.0.1:0"));
    const std::string at = l.addr().str();
    for (int round = 0; round < 20; round++) {
      gofer::wait_group done;
      for (int i = 0; i < 3; i++) {
        done.go(
            [&, l] { EXPECT_EQ(l.accept().err.what(), "accept tcp " + at + ": use of closed network connection"); });
      }
      if (round % 2 == 0) gofer::blocking([] { std::this_thread::sleep_for(1ms); });
      EXPECT_FALSE(l.close());
      // At once, though the others may not have left yet.
      const auto again = net::listen("tcp", at);
      ASSERT_FALSE(again.err) << again.err;
      done.wait();
      EXPECT_EQ(l.close().what(), "close tcp " + at + ": use of closed network connection");
      l = again.value;
    }
  });
}

// Goroutines that are left over from a run hold what they use for ever: close must not wait for them.
TEST(NetClose, AfterTheRunOfABlockedReader) {
  for (int i = 0; i < 3; i++) {
    pair p;
    net::listener l;
    gofer::run([&] {
      p = connected();
      l = gofer::must(net::listen("tcp", "127.0.0.1:0"));
      gofer::go([c = p.client] {
        char b;
        c.read({&b, 1});
      });
      gofer::go([l] { l.accept(); });
      gofer::blocking([] { std::this_thread::sleep_for(5ms); });
    });
    const std::string at = l.addr().str();
    EXPECT_FALSE(p.client.close());
    EXPECT_FALSE(l.close());
    char c;
    EXPECT_EQ(p.server.read({&c, 1}).err, io::eof);
    const auto again = net::listen("tcp", at);
    EXPECT_FALSE(again.err) << again.err;
  }
}

// The same when they refer to a handle of the caller's: it is the last one.
TEST(NetClose, LastHandleGoesAfterTheRunOfABlockedReader) {
  pair p;
  gofer::run([&] {
    p = connected();
    gofer::go([&] {
      char b;
      p.client.read({&b, 1});
    });
    gofer::go([&] { write_until_blocked(p.client); });
    const auto blocked = [] {
      const std::string all = gofer::stack(true);
      const std::size_t first = all.find("[IO wait");
      return first != std::string::npos && all.find("[IO wait", first + 1) != std::string::npos;
    };
    while (!blocked()) gofer::sleep(1ms);
  });
  p.client = {};
  EXPECT_FALSE(drain(p.server).err);
}

// Everything at once: for the sanitizers.
TEST(NetClose, Chaos) {
  on_procs([] {
    gofer::wait_group all;
    for (int n = 0; n < 60; n++) {
      all.go([n] {
        std::minstd_rand random(static_cast<unsigned>(n + 1));
        const pair p = connected();
        gofer::wait_group done;
        for (const net::conn& c : {p.client, p.server}) {
          done.go([c] {
            char b[100];
            while (!c.read(b).err) {
            }
          });
          done.go([c] {
            for (std::size_t size = 1; !c.write(std::string(size, 'x')).err; size = size * 3 % 100'000) {
            }
          });
        }
        for (int i = 0; i < 5; i++) {
          p.client.set_deadline(clock::now() + std::chrono::microseconds(1000 + random() % 2000));
          p.server.set_read_deadline(clock::now() + std::chrono::microseconds(1000 + random() % 2000));
          gofer::gosched();
        }
        if (n % 3 == 0) p.client.close();
        if (n % 3 == 1) p.server.close();
        // What is left ends by its deadline.
        p.client.set_deadline(clock::now() + 3ms);
        p.server.set_deadline(clock::now() + 3ms);
        done.wait();
      });
    }
    all.wait();
  });
}

}  // namespace
