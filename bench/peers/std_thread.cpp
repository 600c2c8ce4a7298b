// A kernel thread for every task, with std::mutex and std::condition_variable. So many workers are so many processors.
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>

#include "common/harness.hpp"
#include "peers/fallback.hpp"
#include "peers/sockets.hpp"

namespace {

struct condition {
  void wait(std::mutex& mu) {
    std::unique_lock held(mu, std::adopt_lock);
    c_.wait(held);
    held.release();
  }
  void notify_one() { c_.notify_one(); }
  void notify_all() { c_.notify_all(); }

 private:
  std::condition_variable c_;
};

struct adapter {
  using mutex = std::mutex;
  using channel = bench::fallback_channel<mutex, condition>;
  using wait_group = bench::fallback_wait_group<mutex, condition>;

  static void use_processors(int n) {
    cpu_set_t allowed;
    sched_getaffinity(0, sizeof allowed, &allowed);
    cpu_set_t some;
    CPU_ZERO(&some);
    for (int cpu = 0; cpu < CPU_SETSIZE && CPU_COUNT(&some) < n; cpu++) {
      if (CPU_ISSET(cpu, &allowed)) CPU_SET(cpu, &some);
    }
    sched_setaffinity(0, sizeof some, &some);
  }

  template <class F>
  static void run(int workers, F f) {
    use_processors(workers);
    f();
    std::fflush(stdout);
    std::_Exit(0);
  }
  template <class F>
  static void spawn(F&& f) {
    std::thread(std::forward<F>(f)).detach();
  }
  static void yield() { std::this_thread::yield(); }
  static void sleep(std::chrono::milliseconds d) { std::this_thread::sleep_for(d); }

  static int echo(int workers, std::uint16_t port) {
    use_processors(workers);
    const int listener = bench::listen_on(port, 0);
    for (;;) {
      const int fd = accept(listener, nullptr, nullptr);
      if (fd < 0) continue;
      bench::no_delay(fd);
      std::thread([fd] {
        char buffer[4096];
        ssize_t n = 0;
        while ((n = read(fd, buffer, sizeof buffer)) > 0) {
          if (write(fd, buffer, static_cast<std::size_t>(n)) < 0) break;
        }
        close(fd);
      }).detach();
    }
  }
};

}  // namespace

int main(int argc, char** argv) { return bench::program<adapter>::main(argc, argv); }
