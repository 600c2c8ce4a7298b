// Boost.Fiber: round robin with one worker, work stealing with several; its own channels and default stacks. Those come
// from malloc, which is told to keep what it gets back: by itself it maps and unmaps each. It brings no poller: the
// echo server's main fiber is one.
#include <fcntl.h>
#include <malloc.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <boost/fiber/all.hpp>
#include <cerrno>
#include <limits>
#include <memory>
#include <thread>
#include <utility>

#include "common/harness.hpp"
#include "peers/fallback.hpp"
#include "peers/sockets.hpp"

namespace {

namespace fibers = boost::fibers;

struct condition {
  void wait(fibers::mutex& mu) { c_.wait(mu); }
  void notify_one() { c_.notify_one(); }
  void notify_all() { c_.notify_all(); }

 private:
  fibers::condition_variable_any c_;
};

/// One of its two kinds.
class any_channel {
 public:
  explicit any_channel(std::int64_t capacity) {
    if (capacity == 0) {
      unbuffered_ = std::make_shared<fibers::unbuffered_channel<std::int64_t>>();
    } else {
      buffered_ = std::make_shared<fibers::buffered_channel<std::int64_t>>(static_cast<std::size_t>(capacity));
    }
  }
  void send(std::int64_t v) const {
    if (unbuffered_) {
      unbuffered_->push(v);
    } else {
      buffered_->push(v);
    }
  }
  std::int64_t recv() const { return unbuffered_ ? unbuffered_->value_pop() : buffered_->value_pop(); }

 private:
  std::shared_ptr<fibers::unbuffered_channel<std::int64_t>> unbuffered_;
  std::shared_ptr<fibers::buffered_channel<std::int64_t>> buffered_;
};

/// A descriptor's only waiter, woken by the poller.
struct readiness {
  fibers::context* waiter = nullptr;
  bool ready = false;

  void wait() {
    if (!ready) {
      waiter = fibers::context::active();
      waiter->suspend();
    }
    ready = false;
  }
  void wake() {
    ready = true;
    if (waiter != nullptr) fibers::context::active()->schedule(std::exchange(waiter, nullptr));
  }
};

struct adapter {
  using mutex = fibers::mutex;
  using channel = any_channel;
  using wait_group = bench::fallback_wait_group<mutex, condition>;

  template <class F>
  static void run(int workers, F f) {
    mallopt(M_MMAP_THRESHOLD, 1 << 25);  // the most that glibc takes
    mallopt(M_TRIM_THRESHOLD, std::numeric_limits<int>::max());
    static fibers::mutex mu;
    static fibers::condition_variable never;
    const auto steal = [workers] {
      if (workers > 1)
        fibers::use_scheduling_algorithm<fibers::algo::work_stealing>(static_cast<std::uint32_t>(workers));
    };
    for (int i = 1; i < workers; i++) {
      std::thread([steal] {
        steal();
        std::unique_lock held(mu);
        for (;;) never.wait(held);
      }).detach();
    }
    steal();
    fibers::fiber(fibers::launch::post, std::move(f)).join();
    std::fflush(stdout);
    std::_Exit(0);
  }
  template <class F>
  static void spawn(F&& f) {
    fibers::fiber(fibers::launch::post, std::forward<F>(f)).detach();
  }
  static void yield() { boost::this_fiber::yield(); }
  static void sleep(std::chrono::milliseconds d) { boost::this_fiber::sleep_for(d); }

  static void watch(int poller, int fd, readiness& r) {
    epoll_event event{};
    event.events = EPOLLIN | EPOLLET;
    event.data.ptr = &r;
    epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event);
  }

  static void serve(int fd, readiness& r) {
    char buffer[4096];
    for (;;) {
      const ssize_t n = read(fd, buffer, sizeof buffer);
      if (n < 0 && errno == EAGAIN) {
        r.wait();
        continue;
      }
      if (n <= 0 || write(fd, buffer, static_cast<std::size_t>(n)) < 0) break;
    }
    close(fd);
  }

  static int echo(int workers, std::uint16_t port) {
    if (workers != 1) return bench::no_such_bench;
    const int poller = epoll_create1(0);
    const int listener = bench::listen_on(port, SOCK_NONBLOCK);
    fibers::fiber(fibers::launch::post, [poller, listener] {
      readiness incoming;
      watch(poller, listener, incoming);
      for (;;) {
        const int fd = accept4(listener, nullptr, nullptr, SOCK_NONBLOCK);
        if (fd < 0) {
          incoming.wait();
          continue;
        }
        bench::no_delay(fd);
        fibers::fiber(fibers::launch::post, [poller, fd] {
          auto* r = new readiness;  // never freed: an event for it may be on its way
          watch(poller, fd, *r);
          serve(fd, *r);
        }).detach();
      }
    }).detach();
    epoll_event events[256];
    for (;;) {
      boost::this_fiber::yield();  // everybody who can runs until he waits
      const int n = epoll_wait(poller, events, 256, fibers::has_ready_fibers() ? 0 : -1);
      for (int i = 0; i < n; i++) static_cast<readiness*>(events[i].data.ptr)->wake();
    }
  }
};

}  // namespace

int main(int argc, char** argv) { return bench::program<adapter>::main(argc, argv); }
