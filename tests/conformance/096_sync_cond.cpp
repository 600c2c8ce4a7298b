// Cond: Signal wakes the longest waiter, one at a time; Broadcast wakes all; a signal without waiters is lost; Wait
// releases and re-takes the lock. A Go Cond holds its lock; std's shape passes it to each wait.
#include <chrono>
#include <cstddef>
#include <deque>
#include <mutex>
#include <optional>
#include <shared_mutex>

#include "go.hpp"

using conformance::println;
using conformance::receive;
using namespace std::chrono_literals;

int main() {
  return gofer::run([] {
    gofer::mutex mu;
    gofer::condition_variable c;
    c.notify_one();
    c.notify_all();
    gofer::chan<int> awake = gofer::make_chan<int>(100);
    auto start = [&](int i) {
      gofer::chan<bool> in = gofer::make_chan<bool>(0);
      gofer::go([&mu, &c, awake, in, i] {
        std::unique_lock<gofer::mutex> lock{mu};
        in.close();
        c.wait(lock);
        awake.send(i);
      });
      in.recv();
      mu.lock();
      mu.unlock();
    };
    for (int i = 0; i < 6; i++) {
      start(i);
    }
    gofer::select(gofer::recv(awake, [](std::optional<int> i) { println("early", *i); }),
                  gofer::otherwise([] { println("all asleep"); }));
    for (int i = 0; i < 3; i++) {
      c.notify_one();
      println("signal woke", receive(awake));
    }
    gofer::sleep(5ms);
    println("others asleep:", awake.len() == 0);
    mu.lock();
    c.notify_all();
    gofer::sleep(5ms);
    println("none runs while the lock is held:", awake.len() == 0);
    mu.unlock();
    const int sum = receive(awake) + receive(awake) + receive(awake);
    println("broadcast woke three, sum", sum);

    std::deque<int> queue;
    gofer::chan<int> total = gofer::make_chan<int>(0);
    bool done = false;
    for (int k = 0; k < 4; k++) {
      gofer::go([&mu, &c, &queue, &done, total] {
        int s = 0;
        std::unique_lock<gofer::mutex> lock{mu};
        gofer::defer d{[&] {
          lock.unlock();
          total.send(s);
        }};
        for (;;) {
          while (queue.empty() && !done) {
            c.wait(lock);
          }
          if (queue.empty()) {
            return;
          }
          s += queue.front();
          queue.pop_front();
        }
      });
    }
    for (int i = 1; i <= 500; i++) {
      mu.lock();
      queue.push_back(i);
      mu.unlock();
      c.notify_one();
    }
    mu.lock();
    done = true;
    c.notify_all();
    mu.unlock();
    println("total", receive(total) + receive(total) + receive(total) + receive(total));

    gofer::shared_mutex rw;
    gofer::condition_variable rc;
    gofer::chan<bool> ready = gofer::make_chan<bool>(2);
    for (int i = 0; i < 2; i++) {
      gofer::go([&rw, &rc, ready] {
        std::shared_lock<gofer::shared_mutex> lock{rw};
        rc.wait(lock);
        lock.unlock();
        ready.send(true);
      });
    }
    gofer::sleep(20ms);
    rc.notify_all();
    const bool one = receive(ready);
    const bool two = receive(ready);
    println("read-locked waiters", one, two);
  });
}
