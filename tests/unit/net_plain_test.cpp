// The network on plain threads, with no runtime at work.
#include <atomic>
#include <thread>
#include <vector>

#include "net_util.hpp"

namespace {

using namespace net_test;
namespace net = gofer::net;
namespace io = gofer::io;
namespace os = gofer::os;

TEST(NetPlain, Echo) {
  const net::listener l = gofer::must(net::listen("tcp", "127.0.0.1:0"));
  std::thread server([&] {
    const net::conn c = gofer::must(l.accept());
    io::copy(c, c);
    c.close();
  });
  const net::conn c = gofer::must(net::dial("tcp", l.addr().str(), 10s));
  std::thread writer([&] {
    c.write(std::string(3 << 20, 'p'));
    c.close_write();
  });
  EXPECT_EQ(gofer::must(drain(c)), std::string(3 << 20, 'p'));
  writer.join();
  server.join();
}

TEST(NetPlain, PingPongByShortReads) {
  const pair p = connected();
  std::thread server([&] {
    char b[64];
    for (;;) {
      const auto n = p.server.read(b);
      if (n.err) return;
      p.server.write({b, n.value});
    }
  });
  char b[64];
  for (int i = 0; i < 500; i++) {
    gofer::must(p.client.write("ping"));
    ASSERT_EQ(gofer::must(p.client.read(b)), 4u);
  }
  p.client.close();
  server.join();
}

TEST(NetPlain, Deadline) {
  const pair p = connected();
  char c;
  const auto start = clock::now();
  p.client.set_read_deadline(start + 20ms);
  const auto r = p.client.read({&c, 1});
  EXPECT_TRUE(net::is_timeout(r.err)) << r.err;
  EXPECT_GE(clock::now() - start, 20ms);
  p.client.set_read_deadline({});
  gofer::must(p.server.write("x"));
  EXPECT_EQ(gofer::must(p.client.read({&c, 1})), 1u);
}

TEST(NetPlain, DeadlineIsMovedWhileItBlocks) {
  const pair p = connected();
  std::atomic<bool> begun{false};
  std::thread reader([&] {
    char c;
    begun = true;
    EXPECT_TRUE(net::is_timeout(p.client.read({&c, 1}).err));
  });
  while (!begun) std::this_thread::yield();
  std::this_thread::sleep_for(5ms);
  p.client.set_read_deadline(clock::now() + 1h);
  std::this_thread::sleep_for(5ms);
  const auto start = clock::now();
  p.client.set_read_deadline(start + 10ms);
  reader.join();
  EXPECT_GE(clock::now() - start, 10ms);
  EXPECT_LT(clock::now() - start, 30s);
}

TEST(NetPlain, CloseWakes) {
  for (int i = 0; i < 20; i++) {
    const pair p = connected();
    std::vector<std::thread> threads;
    for (int n = 0; n < 4; n++) {
      threads.emplace_back([&] {
        char c;
        EXPECT_TRUE(gofer::is(p.client.read({&c, 1}).err, net::err_closed));
      });
      threads.emplace_back([&] {
        const std::string block(1 << 20, 'x');
        gofer::error err;
        while (!err) err = p.client.write(block).err;
        EXPECT_TRUE(gofer::is(err, net::err_closed)) << err;
      });
    }
    if (i % 2 == 0) std::this_thread::sleep_for(5ms);
    p.client.close();
    for (std::thread& t : threads) t.join();
  }
}

TEST(NetPlain, ThreadAndGoroutineTalk) {
  on_procs([] {
    const pair p = connected();
    gofer::wait_group done;
    done.go([&] { io::copy(p.server, p.server); });
    std::thread outside([&] {
      char b[64];
      for (int i = 0; i < 200; i++) {
        gofer::must(p.client.write("ping"));
        ASSERT_EQ(gofer::must(io::read_full(p.client, std::span<char>(b, 4))), 4u);
      }
      p.client.close();
    });
    done.wait();
    gofer::blocking([&] { outside.join(); });
  });
}

// One connection, read now by a thread and now by a goroutine: what one of them learned of the poller must not mislead
// the other.
TEST(NetPlain, OneConnectionUsedFromBoth) {
  const pair p = connected();
  char b[64];
  for (int i = 0; i < 20; i++) {
    gofer::must(p.client.write("to thread"));
    EXPECT_EQ(gofer::must(p.server.read(b)), 9u);
    gofer::run([&] {
      gofer::must(p.client.write("to goroutine"));
      char inner[64];
      EXPECT_EQ(gofer::must(p.server.read(inner)), 12u);
    });
  }
}

TEST(NetPlain, Lookup) { EXPECT_FALSE(gofer::must(net::lookup_host("localhost")).empty()); }

}  // namespace
