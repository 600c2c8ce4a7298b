// Mutex and RWMutex rules: TryLock, readers together, writer alone, a waiting writer holds back new readers, RLocker,
// mutual exclusion under load. RLocker is std::shared_lock here.
#include <atomic>
#include <chrono>
#include <mutex>
#include <shared_mutex>
#include <string>

#include "go.hpp"

using conformance::println;
using conformance::receive;
using namespace std::chrono_literals;

constexpr auto step = 20ms;

int main() {
  return gofer::run([] {
    gofer::mutex mu;
    const bool when_free = mu.try_lock();
    const bool when_held = mu.try_lock();
    println("TryLock free:", when_free, "held:", when_held);
    mu.unlock();
    mu.lock();
    gofer::go([&] {
      gofer::sleep(step);
      mu.unlock();
    });
    mu.lock();
    println("another goroutine may unlock");
    mu.unlock();

    gofer::shared_mutex rw;
    rw.lock_shared();
    rw.lock_shared();
    const bool write_beside_readers = rw.try_lock();
    const bool read_beside_readers = rw.try_lock_shared();
    println("two readers, TryLock:", write_beside_readers, "TryRLock:", read_beside_readers);
    rw.unlock_shared();
    gofer::chan<std::string> log = gofer::make_chan<std::string>(10);
    gofer::go([&] {
      rw.lock();
      log.send("writer in");
      gofer::sleep(step);
      log.send("writer out");
      rw.unlock();
    });
    gofer::sleep(step);
    println("writer waiting, TryRLock:", rw.try_lock_shared());
    gofer::chan<bool> left = gofer::make_chan<bool>(0);
    gofer::go([&] {
      rw.lock_shared();
      log.send("late reader in");
      rw.unlock_shared();
      left.close();
    });
    gofer::sleep(step);
    log.send("first readers leave");
    rw.unlock_shared();
    rw.unlock_shared();
    for (int i = 0; i < 4; i++) {
      println(receive(log));
    }
    // Not in the Go program, whose late reader may on a loaded machine still be in when "free again" is asked.
    left.recv();
    std::shared_lock<gofer::shared_mutex> rl{rw, std::defer_lock};
    rl.lock();
    const bool read_beside_rl = rw.try_lock_shared();
    const bool write_beside_rl = rw.try_lock();
    println("RLocker is a read lock:", read_beside_rl, write_beside_rl);
    rw.unlock_shared();
    rl.unlock();
    println("free again:", rw.try_lock());
    rw.unlock();

    int counter = 0;
    std::atomic<int> inside{0};
    int max_inside = 0;
    gofer::wait_group wg;
    for (int g = 0; g < 10; g++) {
      wg.add(1);
      gofer::go([&] {
        gofer::defer d{[&] { wg.done(); }};
        for (int i = 0; i < 1000; i++) {
          mu.lock();
          if (const int n = inside.fetch_add(1) + 1; n > max_inside) {
            max_inside = n;
          }
          counter++;
          inside.fetch_sub(1);
          mu.unlock();
        }
      });
    }
    wg.wait();
    println("counter", counter, "inside at once", max_inside);

    std::atomic<int> readers{0};
    std::atomic<int> writers{0};
    std::atomic<int> bad{0};
    int data = 0;
    for (int g = 0; g < 8; g++) {
      wg.add(1);
      gofer::go([&, g] {
        gofer::defer d{[&] { wg.done(); }};
        for (int i = 0; i < 300; i++) {
          if (g < 2) {
            rw.lock();
            if (writers.fetch_add(1) + 1 != 1 || readers.load() != 0) {
              bad.fetch_add(1);
            }
            data++;
            writers.fetch_sub(1);
            rw.unlock();
          } else {
            rw.lock_shared();
            readers.fetch_add(1);
            if (writers.load() != 0) {
              bad.fetch_add(1);
            }
            readers.fetch_sub(1);
            rw.unlock_shared();
          }
        }
      });
    }
    wg.wait();
    println("data", data, "violations", bad.load());
  });
}
