#include "work.hpp"

#include <atomic>
#include <chrono>
#include <gofer/gofer.hpp>
#include <latch>
#include <string>
#include <thread>

#include "sched/stack.hpp"

namespace gofer::test {

namespace {

using namespace std::chrono_literals;

bool spawns_and_channels() {
  chan<int> c(3);
  wait_group wg;
  std::atomic<int> sum{0};
  for (int i = 0; i < 200; i++) {
    wg.go([&, i]() mutable { c.send(i); });
    wg.go([&]() mutable { sum += *c.recv(); });
  }
  wg.go([&] { go({.stack_size = 1 << 20, .name = "large"}, [&] { sum += 1; }); });
  wg.wait();
  while (sum != 199 * 200 / 2 + 1) gosched();
  return true;
}

bool timers() {
  wait_group wg;
  std::atomic<int> fired{0};
  for (int i = 0; i < 20; i++) {
    wg.go([&, i] {
      sleep(i * 50us);
      fired++;
    });
  }
  wg.wait();
  return fired == 20;
}

// Everybody blocks his thread until all of them have begun, or until none more can.
bool blocking_calls() {
  wait_group wg;
  std::atomic<int> done{0};
  for (int i = 0; i < 6; i++) {
    wg.go([&] {
      blocking([] { std::this_thread::sleep_for(1ms); });
      done++;
    });
  }
  wg.wait();
  return done == 6;
}

bool network() {
  auto [listener, no_listener] = net::listen("tcp", "127.0.0.1:0");
  if (no_listener) return true;
  wait_group wg;
  wg.go([l = listener]() mutable {
    auto [conn, failed] = l.accept();
    if (failed) return;
    std::string got(4, ' ');
    if (!io::read_full(conn, got).err) conn.write(got);
    conn.close();
  });
  auto [conn, no_conn] = net::dial("tcp", listener.addr().str());
  bool right = true;
  if (!no_conn) {
    conn.set_deadline(std::chrono::steady_clock::now() + 5s);
    std::string got(4, ' ');
    if (!conn.write(std::string("ping")).err && !io::read_full(conn, got).err) right = got == "ping";
    conn.close();
  }
  // A connection that could not be registered on the other side leaves its accept without one.
  listener.close();
  wg.wait();
  return right;
}

// A goroutine that does not yield, and one that waits for it.
bool hog() {
  std::atomic<bool> ran{false};
  go([&] { ran = true; });
  const auto until = std::chrono::steady_clock::now() + 30ms;
  while (std::chrono::steady_clock::now() < until) {
  }
  gosched();
  while (!ran) gosched();
  return true;
}

}  // namespace

bool work() {
  bool right = true;
  for (int i = 0; i < 2; i++) {
    run({.maxprocs = 2}, [&] {
      right = right && spawns_and_channels() && timers() && blocking_calls() && network() && hog();
      gomaxprocs(3);
      right = right && spawns_and_channels();
      gomaxprocs(1);
      right = right && timers();
    });
    for (int k = 0; k < 3; k++) sched::scavenge();
  }
  return right;
}

}  // namespace gofer::test
