// fork: the child's one thread goes on as a plain thread.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <gofer/gofer.hpp>
#include <mutex>
#include <string>
#include <thread>

#include "sched/config.hpp"

namespace {

using namespace std::chrono_literals;

class Fork : public testing::Test {
 protected:
  void SetUp() override {
    if (GOFER_TSAN || GOFER_ASAN)
      GTEST_SKIP() << "in a child, another thread's lock of the sanitizer's allocator stays held";
  }
};

// Runs body in a forked child; what it returns is the exit status. From a goroutine too.
template <class Body>
int in_child(Body body) {
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::alarm(60);
    ::_exit(body());
  }
  int status = 0;
  gofer::blocking([&] { ::waitpid(pid, &status, 0); });
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

// Everything that a plain thread can do.
int uses_everything() {
  gofer::chan<int> c(1);
  c.send(1);
  if (c.recv() != 1 || c.try_send(2) != true) return 1;
  gofer::mutex mu;
  const std::lock_guard hold(mu);
  bool recovered = false;
  gofer::func([&] {
    gofer::defer d{[&] { recovered = static_cast<bool>(gofer::recover()); }};
    gofer::panic("in the child");
  });
  if (!recovered) return 2;
  if (gofer::goid() != 0) return 3;
  std::thread other([&] { c.recv(); });
  c.send(3);
  other.join();
  return 0;
}

// And a run of its own, with timers, the poller, and several workers.
int runs_again() {
  return gofer::run({.maxprocs = 4}, [] {
    auto [listener, err] = gofer::net::listen("tcp", "127.0.0.1:0");
    if (err) return 4;
    gofer::go([l = listener]() mutable {
      auto [conn, failed] = l.accept();
      if (!failed) conn.write(std::string("hello"));
      conn.close();
    });
    auto [conn, failed] = gofer::net::dial("tcp", listener.addr().str());
    if (failed) return 5;
    std::string got(5, ' ');
    if (gofer::io::read_full(conn, got).err || got != "hello") return 6;
    gofer::sleep(1ms);
    gofer::wait_group wg;
    std::atomic<int> n{0};
    for (int i = 0; i < 1000; i++) wg.go([&] { n++; });
    wg.wait();
    return n == 1000 ? 0 : 7;
  });
}

TEST_F(Fork, FromAGoroutine) {
  for (const int procs : {1, 4}) {
    gofer::run({.maxprocs = procs}, [] {
      // Others are at work meanwhile, in every lock that there is.
      std::atomic<bool> stop{false};
      gofer::wait_group wg;
      for (int i = 0; i < 4; i++) {
        wg.go([&] {
          gofer::chan<int> c(0);
          while (!stop) {
            gofer::go([=]() mutable { c.send(1); });
            c.recv();
            gofer::sleep(1us);
          }
        });
      }
      for (int i = 0; i < 20; i++) {
        EXPECT_EQ(in_child(uses_everything), 0);
        EXPECT_EQ(in_child(runs_again), 0);
      }
      stop = true;
      wg.wait();
      EXPECT_EQ(uses_everything(), 3);  // goid() is not 0 here: the parent is what it was
    });
  }
}

TEST_F(Fork, FromAPlainThread) {
  EXPECT_EQ(in_child(runs_again), 0);
  gofer::run([] {});
  EXPECT_EQ(in_child(uses_everything), 0);
  EXPECT_EQ(in_child(runs_again), 0);
}

TEST_F(Fork, TheChildsConnectionsArePolledByItself) {
  gofer::run({.maxprocs = 2}, [] {
    auto [listener, err] = gofer::net::listen("tcp", "127.0.0.1:0");
    ASSERT_FALSE(err);
    auto [client, no] = gofer::net::dial("tcp", listener.addr().str());
    ASSERT_FALSE(no);
    auto [server, nor] = listener.accept();
    ASSERT_FALSE(nor);
    gofer::go([conn = server]() mutable {
      std::string got(5, ' ');
      while (!gofer::io::read_full(conn, got).err) conn.write(std::string("pong"));
    });
    for (int i = 0; i < 10; i++) {
      EXPECT_EQ(in_child([conn = client]() mutable {
                  return gofer::run([&] {
                    conn.write(std::string("ready"));
                    std::string got(4, ' ');
                    return gofer::io::read_full(conn, got).err || got != "pong" ? 1 : 0;
                  });
                }),
                0);
    }
    client.close();
  });
}

TEST_F(Fork, ExecIsUndisturbed) {
  gofer::run([] {
    EXPECT_EQ(in_child([] {
                ::execl("/bin/sh", "sh", "-c", "exit 7", nullptr);
                return 1;
              }),
              7);
  });
}

// A signal that the child gets is the child's.
TEST_F(Fork, SignalContextsStayTheParents) {
  gofer::run([] {
    auto signals = gofer::with_signals(gofer::background(), {SIGUSR1});
    EXPECT_EQ(in_child([] {
                ::raise(SIGUSR1);
                return 0;
              }),
              1000 + SIGUSR1);
    EXPECT_FALSE(signals.first.err());
    signals.second();
  });
}

}  // namespace
