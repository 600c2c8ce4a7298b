// Load for the servers' lines, in a closed loop: every connection has one request on its way, and sends the next when
// the answer is whole.
//
//   loadgen echo|http PORT CONNECTIONS SECONDS     prints the rate and, of the answers, the times within which they
//   came
//
// echo: 64 bytes there and back. http: GET /hello, keep-alive. One thread, epoll; the first fifth of the time warms up.
#include <fcntl.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <array>
#include <bit>
#include <cerrno>
#include <cstring>
#include <string>
#include <vector>

#include "common/measure.hpp"
#include "peers/sockets.hpp"

namespace {

/// Times in buckets that grow by a 64th.
class histogram {
 public:
  void add(std::uint64_t ns) {
    counts_[bucket(ns)]++;
    total_++;
  }
  std::uint64_t total() const { return total_; }
  double quantile_us(double q) const {
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < counts_.size(); i++) {
      seen += counts_[i];
      if (static_cast<double>(seen) >= q * static_cast<double>(total_)) return static_cast<double>(lowest(i)) / 1e3;
    }
    return 0;
  }

 private:
  static std::size_t bucket(std::uint64_t v) {
    const auto width = static_cast<std::size_t>(std::bit_width(v));
    const std::size_t shift = width > 7 ? width - 7 : 0;  // so that 7 bits are left
    return 64 * shift + (v >> shift);
  }
  static std::uint64_t lowest(std::size_t i) { return i < 128 ? i : std::uint64_t{64 + i % 64} << (i / 64 - 1); }

  std::array<std::uint64_t, 64 * 64> counts_{};
  std::uint64_t total_ = 0;
};

struct connection {
  int fd = -1;
  std::size_t got = 0;
  std::uint64_t sent_at = 0;
};

class load {
 public:
  load(std::string_view kind, std::uint16_t port, int connections) : http_(kind == "http") {
    request_ = http_ ? "GET /hello HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" : std::string(64, 'x');
    answer_ = http_ ? 0 : request_.size();
    connections_.resize(static_cast<std::size_t>(connections));
    for (connection& c : connections_) join(c, port);
  }

  void run(double seconds) {
    for (connection& c : connections_) send(c);
    const std::uint64_t begin = now();
    const std::uint64_t measured = begin + static_cast<std::uint64_t>(seconds * 0.2e9);
    const std::uint64_t end = begin + static_cast<std::uint64_t>(seconds * 1e9);
    epoll_event events[256];
    while (now() < end) {
      const int n = epoll_wait(poller_, events, 256, 2000);
      if (n == 0) fail("the server has stalled");
      for (int i = 0; i < n; i++) receive(*static_cast<connection*>(events[i].data.ptr), measured);
    }
    const std::string name = http_ ? "http" : "echo";
    bench::print(name.c_str(), static_cast<double>(times_.total()) / (seconds * 0.8) / 1e3, "kreq/s");
    bench::print((name + "_p50").c_str(), times_.quantile_us(0.5), "us");
    bench::print((name + "_p99").c_str(), times_.quantile_us(0.99), "us");
  }

 private:
  static std::uint64_t now() {
    return static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
  }
  [[noreturn]] static void fail(const char* what) {
    std::fprintf(stderr, "loadgen: %s\n", what);
    std::exit(1);
  }

  void join(connection& c, std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    c.fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(c.fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) fail(std::strerror(errno));
    bench::no_delay(c.fd);
    fcntl(c.fd, F_SETFL, O_NONBLOCK);
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = &c;
    epoll_ctl(poller_, EPOLL_CTL_ADD, c.fd, &event);
  }

  void send(connection& c) {
    c.got = 0;
    c.sent_at = now();
    if (write(c.fd, request_.data(), request_.size()) != static_cast<ssize_t>(request_.size())) fail("a short write");
  }

  void receive(connection& c, std::uint64_t measured) {
    char buffer[16384];
    const ssize_t n = read(c.fd, buffer, sizeof buffer);
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0) fail("the server has closed a connection");
    if (answer_ == 0) answer_ = length_of({buffer, static_cast<std::size_t>(n)});
    c.got += static_cast<std::size_t>(n);
    if (c.got < answer_) return;
    if (c.got > answer_) fail("an answer is longer than the first one");
    const std::uint64_t t = now();
    if (t >= measured) times_.add(t - c.sent_at);
    send(c);
  }

  /// Of the first answer, which is short enough to come in one piece; the others are as long.
  static std::size_t length_of(std::string_view text) {
    const auto head = text.find("\r\n\r\n");
    if (!text.starts_with("HTTP/1.1 200") || head == std::string_view::npos) fail("the first answer is none");
    for (const std::string_view name : {"Content-Length: ", "content-length: "}) {
      const auto at = text.find(name);
      if (at < head) return head + 4 + static_cast<std::size_t>(std::atoi(text.data() + at + name.size()));
    }
    fail("an answer without Content-Length");
  }

  bool http_;
  std::string request_;
  std::size_t answer_;
  int poller_ = epoll_create1(0);
  std::vector<connection> connections_;
  histogram times_;
};

}  // namespace

int main(int argc, char** argv) {
  const std::string_view kind = argc > 1 ? argv[1] : "";
  if (argc != 5 || (kind != "echo" && kind != "http")) {
    std::fprintf(stderr, "usage: %s echo|http PORT CONNECTIONS SECONDS\n", argv[0]);
    return 2;
  }
  load l(kind, static_cast<std::uint16_t>(std::atoi(argv[2])), std::atoi(argv[3]));
  l.run(std::atof(argv[4]));
}
