// The floor for a server: an epoll loop on one thread that reads and writes and does nothing else.
#include <sys/epoll.h>
#include <unistd.h>

#include "common/measure.hpp"
#include "peers/sockets.hpp"

namespace {

void add(int poller, int fd) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = fd;
  epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event);
}

}  // namespace

int main(int argc, char** argv) {
  bench::arguments asked;
  if (!asked.read(argc, argv) || asked.bench != "echo" || asked.workers != 1) return bench::no_such_bench;
  const int listener = bench::listen_on(static_cast<std::uint16_t>(asked.n), SOCK_NONBLOCK);
  const int poller = epoll_create1(0);
  add(poller, listener);
  epoll_event events[256];
  char buffer[4096];
  for (;;) {
    const int ready = epoll_wait(poller, events, 256, -1);
    for (int i = 0; i < ready; i++) {
      const int fd = events[i].data.fd;
      if (fd == listener) {
        const int accepted = accept4(listener, nullptr, nullptr, SOCK_NONBLOCK);
        if (accepted < 0) continue;
        bench::no_delay(accepted);
        add(poller, accepted);
        continue;
      }
      const ssize_t n = read(fd, buffer, sizeof buffer);
      if (n <= 0 || write(fd, buffer, static_cast<std::size_t>(n)) < 0) close(fd);
    }
  }
}
