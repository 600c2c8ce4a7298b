// What blocks on the network or in a pipe, ended by a context.
#include <atomic>
#include <gofer/context.hpp>
#include <gofer/io.hpp>
#include <thread>
#include <vector>

#include "net_util.hpp"

namespace {

using namespace net_test;
using gofer::context;
namespace net = gofer::net;
namespace io = gofer::io;
namespace os = gofer::os;

gofer::result<std::size_t> write_until_blocked(const net::conn& c, const context& ctx) {
  for (;;) {
    auto r = c.write(ctx, std::string(1 << 20, 'x'));
    if (r.err) return r;
  }
}

// Lets the others get as far as they can, most probably. Every test holds in any order.
void let_them_park() {
  for (int i = 0; i < 30; i++) gofer::gosched();
}

/// Starts `operation` with a context, cancels it when it should be parked, and gives what it came to.
template <class F>
auto cancelled(F operation) {
  auto [ctx, cancel] = gofer::with_cancel(gofer::background());
  decltype(operation(ctx)) got;
  gofer::wait_group done;
  done.go([&, &c = ctx] { got = operation(c); });
  let_them_park();
  cancel();
  done.wait();
  EXPECT_TRUE(gofer::is(got.err, context::canceled)) << got.err;
  EXPECT_FALSE(net::is_timeout(got.err));
  return got;
}

TEST(NetContext, EndsABlockedRead) {
  on_procs([] {
    const pair p = connected();
    char b[16];
    const auto got = cancelled([&](const context& ctx) { return p.client.read(ctx, b); });
    EXPECT_EQ(got.err.what(), "read tcp " + ports(p) + ": operation was canceled");
    // Nothing else has changed.
    gofer::must(p.server.write("hello"));
    EXPECT_EQ(gofer::must(p.client.read(b)), 5u);
    auto [ctx, cancel] = gofer::with_cancel(gofer::background());
    gofer::must(p.server.write("again"));
    EXPECT_EQ(gofer::must(p.client.read(ctx, b)), 5u);
    cancel();
    // Not even when there is something to read.
    gofer::must(p.server.write("x"));
    EXPECT_TRUE(gofer::is(p.client.read(ctx, b).err, context::canceled));
    EXPECT_EQ(gofer::must(p.client.read(gofer::background(), b)), 1u);
  });
}

TEST(NetContext, DeadlineOfTheContextIsATimeout) {
  on_procs([] {
    const pair p = connected();
    char b[16];
    const auto start = clock::now();
    auto [ctx, cancel] = gofer::with_timeout(gofer::background(), 10ms);
    const auto got = p.client.read(ctx, b);
    EXPECT_GE(clock::now() - start, 10ms);
    EXPECT_EQ(got.err.what(), "read tcp " + ports(p) + ": i/o timeout");
    EXPECT_TRUE(net::is_timeout(got.err));
    EXPECT_TRUE(gofer::is(got.err, context::deadline_exceeded));
    EXPECT_TRUE(gofer::is(got.err, os::err_deadline_exceeded));
    cancel();
  });
}

TEST(NetContext, EndsABlockedWriteAndSaysHowMuch) {
  on_procs([] {
    const pair p = connected();
    const auto got = cancelled([&](const context& ctx) { return write_until_blocked(p.client, ctx); });
    EXPECT_EQ(got.err.what(), "write tcp " + ports(p) + ": operation was canceled");
    EXPECT_LT(got.value, std::size_t{1} << 20);
    p.client.close_write();
    const auto text = drain(p.server);
    EXPECT_EQ(gofer::must(text).size() % (std::size_t{1} << 20), got.value);
    gofer::must(p.server.write("y"));
    char c;
    EXPECT_EQ(gofer::must(p.client.read({&c, 1})), 1u);
  });
}

TEST(NetContext, DeadlinesStayAsTheyWere) {
  on_procs([] {
    const pair p = connected();
    char b[16];
    const auto deadline = clock::now() + 50ms;
    p.client.set_read_deadline(deadline);
    cancelled([&](const context& ctx) {
      auto got = p.client.read(ctx, b);
      // On a machine that is too busy the deadline comes first.
      if (clock::now() >= deadline && net::is_timeout(got.err)) got.err = context::canceled;
      return got;
    });
    EXPECT_TRUE(net::is_timeout(p.client.read(b).err));
    EXPECT_GE(clock::now(), deadline);
    // And the deadline ends what a context does not.
    auto [ctx, cancel] = gofer::with_cancel(gofer::background());
    const auto got = p.client.read(ctx, b);
    EXPECT_TRUE(gofer::is(got.err, os::err_deadline_exceeded));
    EXPECT_FALSE(gofer::is(got.err, context::deadline_exceeded));
    cancel();
  });
}

TEST(NetContext, EndsReadLineAcceptAndDatagrams) {
  on_procs([] {
    const pair p = connected();
    cancelled([&](const context& ctx) { return p.client.read_line(ctx, 100); });
    gofer::must(p.server.write("line\n"));
    EXPECT_EQ(gofer::must(p.client.read_line(gofer::background(), 100)), "line");

    const net::listener l = gofer::must(net::listen("tcp", "127.0.0.1:0"));
    const auto accepted = cancelled([&](const context& ctx) { return l.accept(ctx); });
    EXPECT_EQ(accepted.err.what(), "accept tcp " + l.addr().str() + ": operation was canceled");
    EXPECT_TRUE(connect_to(l).server);

    const net::packet_conn u = gofer::must(net::listen_packet("udp", "127.0.0.1:0"));
    char b[16];
    cancelled([&](const context& ctx) { return u.read_from(ctx, b); });
    gofer::must(u.write_to(gofer::background(), std::string("hi"), u.local_addr()));
    EXPECT_EQ(gofer::must(u.read_from(gofer::background(), b)).first, 2u);
    auto [ctx, cancel] = gofer::with_cancel(gofer::background());
    cancel();
    EXPECT_TRUE(gofer::is(u.write_to(ctx, std::string("hi"), u.local_addr()).err, context::canceled));
    EXPECT_TRUE(gofer::is(l.accept(ctx).err, context::canceled));
    EXPECT_TRUE(gofer::is(p.client.read_line(ctx, 1).err, context::canceled));
    EXPECT_TRUE(gofer::is(net::conn().read(ctx, b).err, net::err_closed));
  });
}

// Who waits for his turn to read is no deeper asleep than who reads.
TEST(NetContext, EndsTheWaitForAnotherReader) {
  on_procs([] {
    const pair p = connected();
    char b[16];
    gofer::wait_group first;
    first.go([&] { EXPECT_EQ(gofer::must(p.client.read({b, 1})), 1u); });
    let_them_park();
    // One gives up in the middle of the queue; the others get their turns.
    std::atomic<int> got{0};
    gofer::wait_group others;
    const auto reads = [&] {
      char c;
      EXPECT_EQ(gofer::must(p.client.read({&c, 1})), 1u);
      got++;
    };
    others.go(reads);
    let_them_park();
    auto [ctx, cancel] = gofer::with_cancel(gofer::background());
    gofer::wait_group middle;
    middle.go([&, &c = ctx] {
      char x;
      EXPECT_TRUE(gofer::is(p.client.read(c, {&x, 1}).err, context::canceled));
    });
    let_them_park();
    others.go(reads);
    let_them_park();
    cancel();
    middle.wait();
    gofer::must(p.server.write("abc"));
    first.wait();
    others.wait();
    EXPECT_EQ(got, 2);
  });
}

// Turns to read are given, taken and given up at the same time; none is lost.
TEST(NetContext, QueueOfReadersUnderFire) {
  on_procs([] {
    const pair p = connected();
    constexpr int readers = 12;
    constexpr int rounds = 60;
    gofer::wait_group done;
    std::atomic<int> got{0};
    for (int n = 0; n < readers; n++) {
      done.go([&, n] {
        for (int i = 0; i < rounds; i++) {
          char c;
          if (n % 3 == 0) {
            got += static_cast<int>(p.client.read({&c, 1}).value);
            continue;
          }
          auto [ctx, cancel] = gofer::with_cancel(gofer::background());
          gofer::go([cancel = cancel] { cancel(); });
          const auto r = p.client.read(ctx, {&c, 1});
          EXPECT_TRUE(r.value == 1 || gofer::is(r.err, context::canceled)) << r.err;
          got += static_cast<int>(r.value);
        }
      });
    }
    gofer::wait_group writer;
    std::atomic<bool> over{false};
    int sent = 0;
    writer.go([&] {
      while (!over) {
        gofer::must(p.server.write("z"));
        sent++;
        gofer::gosched();
      }
      p.server.close();
    });
    done.wait();
    over = true;
    writer.wait();
    EXPECT_EQ(static_cast<std::size_t>(got) + gofer::must(drain(p.client)).size(), static_cast<std::size_t>(sent));
  });
}

// A cancellation that races with the data: either the read has it or the next one does.
TEST(NetContext, CancelAgainstDataLosesNoByte) {
  on_procs([] {
    const pair p = connected();
    std::string sent;
    gofer::wait_group writer;
    writer.go([&] {
      for (int i = 0; i < 1500; i++) {
        const std::string piece(static_cast<std::size_t>(i % 7 + 1), static_cast<char>('a' + i % 26));
        sent += piece;
        gofer::must(p.server.write(piece));
        if (i % 3 == 0) gofer::gosched();
      }
      p.server.close();
    });
    std::string got;
    for (int i = 0;; i++) {
      char b[8];
      auto [ctx, cancel] = gofer::with_cancel(gofer::background());
      gofer::go([cancel = cancel, i] {
        for (int k = 0; k < i % 4; k++) gofer::gosched();
        cancel();
      });
      const auto r = p.client.read(ctx, b);
      got.append(b, r.value);
      if (r.err == io::eof) break;
      if (r.err) {
        ASSERT_TRUE(gofer::is(r.err, context::canceled)) << r.err;
        ASSERT_EQ(r.value, 0u);
      }
    }
    writer.wait();
    EXPECT_EQ(got, sent);
  });
}

TEST(NetContext, CancelledWritesKeepTheStreamWhole) {
  on_procs([] {
    const pair p = connected();
    gofer::wait_group reader;
    std::string got;
    reader.go([&] { got = gofer::must(drain(p.server)); });
    std::string sent;
    const std::string piece(300'000, 'p');
    for (int i = 0; i < 60; i++) {
      auto [ctx, cancel] = gofer::with_cancel(gofer::background());
      gofer::go([cancel = cancel, i] {
        for (int k = 0; k < i % 6; k++) gofer::gosched();
        cancel();
      });
      std::string text = std::to_string(i) + ":" + piece;
      const auto r = p.client.write(ctx, text);
      ASSERT_TRUE(!r.err || gofer::is(r.err, context::canceled)) << r.err;
      ASSERT_TRUE(r.err || r.value == text.size());
      sent.append(text, 0, r.value);
    }
    p.client.close();
    reader.wait();
    EXPECT_EQ(got.size(), sent.size());
    EXPECT_TRUE(got == sent);
  });
}

TEST(NetContext, ManyOnOneContext) {
  on_procs([] {
    auto [ctx, cancel] = gofer::with_cancel(gofer::background());
    std::vector<pair> pairs;
    gofer::wait_group done;
    for (int i = 0; i < 30; i++) pairs.push_back(connected());
    for (const pair& p : pairs) {
      done.go([&c = p.client, &ended = ctx] {
        char b;
        EXPECT_TRUE(gofer::is(c.read(ended, {&b, 1}).err, context::canceled));
      });
    }
    let_them_park();
    cancel();
    done.wait();
  });
}

TEST(NetContext, CloseEndsItToo) {
  on_procs([] {
    const pair p = connected();
    auto [ctx, cancel] = gofer::with_cancel(gofer::background());
    gofer::wait_group done;
    done.go([&, &c = ctx] {
      char b;
      EXPECT_TRUE(gofer::is(p.client.read(c, {&b, 1}).err, net::err_closed));
    });
    let_them_park();
    p.client.close();
    done.wait();
    cancel();
  });
}

TEST(NetContext, CopyAndReadFull) {
  on_procs([] {
    const pair a = connected();
    const pair b = connected();
    auto [ctx, cancel] = gofer::with_cancel(gofer::background());
    gofer::wait_group done;
    done.go([&, &c = ctx] {
      const auto r = io::copy(c, b.client, a.server);
      EXPECT_EQ(r.value, 5u);
      EXPECT_TRUE(gofer::is(r.err, context::canceled)) << r.err;
    });
    gofer::must(a.client.write("12345"));
    char text[5];
    EXPECT_EQ(gofer::must(io::read_full(io::until_done(ctx, b.server), text)), 5u);
    EXPECT_EQ(std::string(text, 5), "12345");
    done.go(
        [&, &c = ctx] { EXPECT_TRUE(gofer::is(io::read_all(io::until_done(c, b.server)).err, context::canceled)); });
    cancel();
    done.wait();
  });
}

TEST(NetContext, OnPlainThreads) {
  const pair p = connected();
  char b[8];
  auto [ctx, cancel] = gofer::with_cancel(gofer::background());
  std::thread other([cancel = cancel] {
    std::this_thread::sleep_for(5ms);
    cancel();
  });
  EXPECT_TRUE(gofer::is(p.client.read(ctx, b).err, context::canceled));
  other.join();
  gofer::must(p.server.write("abc"));
  EXPECT_EQ(gofer::must(p.client.read(gofer::background(), b)), 3u);
}

TEST(NetContext, CancelAgainstDataOnPlainThreads) {
  const pair p = connected();
  std::string sent;
  std::thread writer([&] {
    for (int i = 0; i < 300; i++) {
      const std::string piece(static_cast<std::size_t>(i % 5 + 1), static_cast<char>('a' + i % 26));
      sent += piece;
      gofer::must(p.server.write(piece));
      std::this_thread::yield();
    }
    p.server.close();
  });
  std::string got;
  for (int i = 0;; i++) {
    char b[8];
    auto [ctx, cancel] = gofer::with_cancel(gofer::background());
    std::thread canceller([cancel = cancel] { cancel(); });
    const auto r = p.client.read(ctx, b);
    canceller.join();
    got.append(b, r.value);
    if (r.err == io::eof) break;
    ASSERT_TRUE(!r.err || gofer::is(r.err, context::canceled)) << r.err;
  }
  writer.join();
  EXPECT_EQ(got, sent);
}

// --- io::pipe.

TEST(PipeContext, EndsBothSides) {
  on_procs([] {
    const auto [r, w] = io::pipe();
    char b[8];
    const auto read = cancelled([&, &from = r](const context& ctx) { return from.read(ctx, b); });
    EXPECT_EQ(read.err, context::canceled);
    // A writer of whose bytes two have been taken.
    auto [ctx, cancel] = gofer::with_cancel(gofer::background());
    gofer::wait_group writing;
    gofer::result<std::size_t> wrote;
    writing.go([&, &to = w, &c = ctx] { wrote = to.write(c, "12345"); });
    let_them_park();
    EXPECT_EQ(gofer::must(r.read({b, 2})), 2u);
    cancel();
    writing.wait();
    EXPECT_EQ(wrote.err, context::canceled);
    EXPECT_EQ(wrote.value, 2u);
    // Nothing of it is left, and the pipe goes on.
    gofer::wait_group writer;
    writer.go([&to = w] { EXPECT_EQ(gofer::must(to.write(gofer::background(), std::string("ab"))), 2u); });
    EXPECT_EQ(gofer::must(r.read(gofer::background(), b)), 2u);
    EXPECT_EQ(std::string(b, 2), "ab");
    writer.wait();
  });
}

TEST(PipeContext, CancelAgainstDataLosesNoByte) {
  on_procs([] {
    const auto [r, w] = io::pipe();
    std::string sent;
    gofer::wait_group writer;
    writer.go([&, &to = w] {
      for (int i = 0; i < 2000; i++) {
        const std::string piece(static_cast<std::size_t>(i % 5 + 1), static_cast<char>('a' + i % 26));
        auto [ctx, cancel] = gofer::with_cancel(gofer::background());
        gofer::go([cancel = cancel] { cancel(); });
        const auto put = to.write(ctx, piece);
        ASSERT_TRUE(!put.err || put.err == context::canceled) << put.err;
        sent.append(piece, 0, put.value);
      }
      to.close();
    });
    std::string got;
    for (;;) {
      char b[3];
      auto [ctx, cancel] = gofer::with_cancel(gofer::background());
      gofer::go([cancel = cancel] { cancel(); });
      const auto one = r.read(ctx, b);
      got.append(b, one.value);
      if (one.err == io::eof) break;
      ASSERT_TRUE(!one.err || one.err == context::canceled) << one.err;
    }
    writer.wait();
    EXPECT_EQ(got, sent);
  });
}

}  // namespace
