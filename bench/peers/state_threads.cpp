// State Threads: a C library of coroutines for one thread, so that only WORKERS 1 is there. It has no channels.
#include <st.h>

#include <utility>

#include "common/harness.hpp"
#include "peers/fallback.hpp"
#include "peers/sockets.hpp"

namespace {

class st_mutex {
 public:
  void lock() { st_mutex_lock(m_); }
  void unlock() { st_mutex_unlock(m_); }

 private:
  st_mutex_t m_ = st_mutex_new();
};

/// Nobody else runs between unlock() and the wait: it is one thread, and unlocking does not switch.
class condition {
 public:
  void wait(st_mutex& mu) {
    mu.unlock();
    st_cond_wait(c_);
    mu.lock();
  }
  void notify_one() { st_cond_signal(c_); }
  void notify_all() { st_cond_broadcast(c_); }

 private:
  st_cond_t c_ = st_cond_new();
};

void start(int workers) {
  if (workers != 1) {
    std::fprintf(stderr, "State Threads has one worker\n");
    std::_Exit(bench::no_such_bench);
  }
  st_set_eventsys(ST_EVENTSYS_ALT);
  st_init();
}

struct adapter {
  using mutex = st_mutex;
  using channel = bench::fallback_channel<mutex, condition>;
  using wait_group = bench::fallback_wait_group<mutex, condition>;

  template <class F>
  static void run(int workers, F f) {
    start(workers);
    f();
    std::fflush(stdout);
    std::_Exit(0);
  }
  template <class F>
  static void spawn(F f) {
    auto* heap = new F(std::move(f));
    const auto body = [](void* argument) -> void* {
      auto* mine = static_cast<F*>(argument);
      (*mine)();
      delete mine;
      return nullptr;
    };
    if (st_thread_create(body, heap, 0, 0) == nullptr) {
      std::perror("st_thread_create");
      std::_Exit(1);
    }
  }
  static void yield() { st_usleep(0); }
  static void sleep(std::chrono::milliseconds d) { st_usleep(static_cast<st_utime_t>(d.count()) * 1000); }

  static int echo(int workers, std::uint16_t port) {
    start(workers);
    st_netfd_t listener = st_netfd_open_socket(bench::listen_on(port, 0));
    for (;;) {
      st_netfd_t conn = st_accept(listener, nullptr, nullptr, ST_UTIME_NO_TIMEOUT);
      if (conn == nullptr) continue;
      bench::no_delay(st_netfd_fileno(conn));
      spawn([conn] {
        char buffer[4096];
        ssize_t n = 0;
        while ((n = st_read(conn, buffer, sizeof buffer, ST_UTIME_NO_TIMEOUT)) > 0) {
          if (st_write(conn, buffer, static_cast<std::size_t>(n), ST_UTIME_NO_TIMEOUT) != n) break;
        }
        st_netfd_close(conn);
      });
    }
  }
};

}  // namespace

int main(int argc, char** argv) { return bench::program<adapter>::main(argc, argv); }
