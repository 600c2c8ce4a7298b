#include "runtime/net/netfd.hpp"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>

#include "runtime/net/inside.hpp"
#include "runtime/net/iowait.hpp"
#include "runtime/net/neterror.hpp"

namespace gofer::runtime {

using sched::poll_error;
using sched::poll_mode;

namespace {

// Go's limit for one call; some kernels mishandle more than an int.
constexpr std::size_t max_transfer = std::size_t{1} << 30;

// A socket that is connected to nothing: what the number of a closed descriptor stands for while others are still
// inside. Reading, writing and accepting all fail on it.
int dummy_socket() {
  static const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  return fd;
}

}  // namespace

void close_fd(int fd) {
  const int saved = errno;
  ::close(fd);
  errno = saved;
}

void set_tcp_defaults(int fd) {
  const auto set = [fd](int level, int name, int value) { ::setsockopt(fd, level, name, &value, sizeof value); };
  set(IPPROTO_TCP, TCP_NODELAY, 1);
  set(SOL_SOCKET, SO_KEEPALIVE, 1);
  set(IPPROTO_TCP, TCP_KEEPIDLE, 15);
  set(IPPROTO_TCP, TCP_KEEPINTVL, 15);
  set(IPPROTO_TCP, TCP_KEEPCNT, 9);
}

netfd::~netfd() {
  if (fd_ < 0) return;
  if (pd_ != nullptr) {
    bool last = false;
    if (mu_.incref_and_close()) {
      sched::pollunblock(pd_);
      last = mu_.decref();
    }
    // Else a goroutine is inside whose run is over, and which only referred to the handle. It never goes on; its
    // polldesc is left to it.
    if (!last) pd_ = nullptr;
  }
  destroy();
}

void netfd::destroy() {
  if (pd_ != nullptr) {
    sched::pollclose(pd_);
    pd_ = nullptr;
  }
  close_fd(fd_);
  fd_ = -1;
}

error netfd::open() {
  int errnum = 0;
  pd_ = sched::pollopen(fd_, &errnum);
  return pd_ != nullptr ? error() : syscall_error("epoll_ctl", errnum);
}

error netfd::failed(const char* op, error err) const {
  return op_failed(op, net_->name, local_, remote_, std::move(err));
}

error netfd::failed_call(const char* op, const char* call, int errnum) const {
  // What a call on a socket that was closed under it says does not matter.
  if (sched::pollcheck(pd_, poll_mode::read) == poll_error::closing) return failed(op, net::err_closed);
  return failed(op, syscall_error(call, errnum));
}

result<std::size_t> netfd::read(std::span<char> into, const context* ctx) {
  const inside in(*this, poll_mode::read, ctx);
  if (!in) return {0, failed("read", in.why_not())};
  if (into.empty()) return {};
  const std::size_t wanted = std::min(into.size(), max_transfer);
  bool wait = drained_ && sched::poll_drained_means_empty(pd_);
  io_wait waits(pd_, poll_mode::read, ctx);
  for (;;) {
    const poll_error no = waits.next(wait);
    if (no != poll_error::none) return {0, failed("read", waits.why(no))};
    const ssize_t n = ::recv(fd_, into.data(), wanted, 0);
    if (n >= 0) {
      const auto got = static_cast<std::size_t>(n);
      drained_ = got > 0 && got < wanted && net_->is_tcp();
      if (got == 0 && net_->type != SOCK_DGRAM) return {0, io::eof};
      return {got, {}};
    }
    const int errnum = errno;
    wait = errnum == EAGAIN;
    if (wait || errnum == EINTR) continue;
    drained_ = false;
    return {0, failed_call("read", "read", errnum)};
  }
}

result<std::size_t> netfd::write(std::span<const char> from, const context* ctx) {
  const inside in(*this, poll_mode::write, ctx);
  if (!in) return {0, failed("write", in.why_not())};
  const bool stream = net_->type == SOCK_STREAM;
  std::size_t done = 0;
  if (from.empty() && stream) return {};
  bool wait = false;
  io_wait waits(pd_, poll_mode::write, ctx);
  for (;;) {
    const poll_error no = waits.next(wait);
    if (no != poll_error::none) return {done, failed("write", waits.why(no))};
    const std::size_t wanted = stream ? std::min(from.size() - done, max_transfer) : from.size();
    const ssize_t n = ::send(fd_, from.data() + done, wanted, MSG_NOSIGNAL);
    if (n >= 0) {
      done += static_cast<std::size_t>(n);
      if (done >= from.size()) return {done, {}};
      // Cut short: the buffer is full, and the kernel has noted that we want to hear of room in it.
      wait = static_cast<std::size_t>(n) < wanted && net_->is_tcp();
      continue;
    }
    const int errnum = errno;
    wait = errnum == EAGAIN;
    if (wait || errnum == EINTR) continue;
    return {done, failed_call("write", "write", errnum)};
  }
}

namespace {

// What is left to write of some buffers.
class gather {
 public:
  explicit gather(std::span<const std::span<const char>> buffers) : left_(buffers) { skip_empty(); }

  bool done() const { return left_.empty(); }
  /// Fills iov with what comes next; *count of it, *bytes long.
  void next(std::span<iovec> iov, std::size_t* count, std::size_t* bytes) const {
    *count = *bytes = 0;
    std::size_t from = offset_;
    for (const std::span<const char> one : left_) {
      if (*count == iov.size() || *bytes == max_transfer) return;
      const std::size_t size = std::min(one.size() - from, max_transfer - *bytes);
      if (size > 0) iov[(*count)++] = {const_cast<char*>(one.data()) + from, size};
      *bytes += size;
      from = 0;
    }
  }
  void advance(std::size_t n) {
    while (n > 0) {
      const std::size_t step = std::min(n, left_.front().size() - offset_);
      offset_ += step;
      n -= step;
      skip_empty();
    }
  }

 private:
  void skip_empty() {
    while (!left_.empty() && offset_ == left_.front().size()) {
      left_ = left_.subspan(1);
      offset_ = 0;
    }
  }

  std::span<const std::span<const char>> left_;
  std::size_t offset_ = 0;  // into the first of them
};

// How many buffers go into one call: less than the system's 1024, since the array is on a goroutine's stack; a guess.
constexpr std::size_t max_gathered = 128;

}  // namespace

result<std::size_t> netfd::write_all(std::span<const std::span<const char>> buffers, const context* ctx) {
  if (net_->type != SOCK_STREAM) return write_joined(buffers, ctx);
  const inside in(*this, poll_mode::write, ctx);
  if (!in) return {0, failed("write", in.why_not())};
  gather left(buffers);
  std::size_t done = 0;
  bool wait = false;
  io_wait waits(pd_, poll_mode::write, ctx);
  while (!left.done()) {
    const poll_error no = waits.next(wait);
    if (no != poll_error::none) return {done, failed("write", waits.why(no))};
    iovec iov[max_gathered];
    msghdr message{};
    message.msg_iov = iov;
    std::size_t wanted = 0;
    left.next(iov, &message.msg_iovlen, &wanted);
    const ssize_t n = ::sendmsg(fd_, &message, MSG_NOSIGNAL);
    if (n >= 0) {
      const auto sent = static_cast<std::size_t>(n);
      done += sent;
      left.advance(sent);
      wait = sent < wanted && net_->is_tcp();
      continue;
    }
    const int errnum = errno;
    wait = errnum == EAGAIN;
    if (wait || errnum == EINTR) continue;
    return {done, failed_call("write", "sendmsg", errnum)};
  }
  return {done, {}};
}

// One message.
result<std::size_t> netfd::write_joined(std::span<const std::span<const char>> buffers, const context* ctx) {
  std::string all;
  for (const std::span<const char> one : buffers) all.append(one.data(), one.size());
  return write(all, ctx);
}

// Looks at what is there without taking it, then takes as much as belongs to the line.
result<std::string> netfd::read_line(std::size_t max, const context* ctx) {
  const inside in(*this, poll_mode::read, ctx);
  if (!in) return {{}, failed("read", in.why_not())};
  std::string line;
  char piece[512];
  bool wait = false;
  io_wait waits(pd_, poll_mode::read, ctx);
  for (;;) {
    const poll_error no = waits.next(wait);
    if (no != poll_error::none) return {{}, failed("read", waits.why(no))};
    drained_ = false;
    ssize_t n = ::recv(fd_, piece, sizeof piece, MSG_PEEK);
    if (n > 0) {
      const char* newline = std::find(piece, piece + n, '\n');
      const bool ended = newline != piece + n;
      const auto take = static_cast<std::size_t>(newline - piece) + (ended ? 1 : 0);
      n = ::recv(fd_, piece, take, 0);
      if (n > 0) {
        line.append(piece, static_cast<std::size_t>(n));
        if (line.back() == '\n') {
          line.pop_back();
          return io::detail::finish_line(std::move(line), max);
        }
        if (line.size() > max + 1) return {{}, io::err_line_too_long};
        wait = false;
        continue;
      }
    }
    if (n == 0) {
      if (line.empty()) return {{}, io::eof};
      return io::detail::finish_line(std::move(line), max);
    }
    const int errnum = errno;
    wait = errnum == EAGAIN;
    if (!wait && errnum != EINTR) return {{}, failed_call("read", "read", errnum)};
  }
}

result<std::pair<std::size_t, net::addr>> netfd::read_from(std::span<char> into, const context* ctx) {
  const inside in(*this, poll_mode::read, ctx);
  if (!in) return {{}, failed("read", in.why_not())};
  bool wait = false;
  io_wait waits(pd_, poll_mode::read, ctx);
  for (;;) {
    const poll_error no = waits.next(wait);
    if (no != poll_error::none) return {{}, failed("read", waits.why(no))};
    sockaddr_buffer peer;
    peer.size = sizeof peer.storage;
    const ssize_t n = ::recvfrom(fd_, into.data(), std::min(into.size(), max_transfer), 0, peer.sa(), &peer.size);
    if (n >= 0) return {{static_cast<std::size_t>(n), from_sockaddr(*net_, peer)}, {}};
    const int errnum = errno;
    wait = errnum == EAGAIN;
    if (wait || errnum == EINTR) continue;
    return {{}, failed_call("read", "recvfrom", errnum)};
  }
}

result<std::size_t> netfd::write_to(std::span<const char> from, const net::addr& to, const context* ctx) {
  const auto no_luck = [&](error err) { return op_failed("write", net_->name, local_, to, std::move(err)); };
  const inside in(*this, poll_mode::write, ctx);
  if (!in) return {0, no_luck(in.why_not())};
  sockaddr_buffer peer;
  if (!to_sockaddr(to, family_, &peer)) return {0, no_luck(address_error(to.str(), "non-matching address family"))};
  bool wait = false;
  io_wait waits(pd_, poll_mode::write, ctx);
  for (;;) {
    const poll_error no = waits.next(wait);
    if (no != poll_error::none) return {0, no_luck(waits.why(no))};
    const ssize_t n = ::sendto(fd_, from.data(), from.size(), MSG_NOSIGNAL, peer.sa(), peer.size);
    if (n >= 0) return {static_cast<std::size_t>(n), {}};
    const int errnum = errno;
    wait = errnum == EAGAIN;
    if (wait || errnum == EINTR) continue;
    if (sched::pollcheck(pd_, poll_mode::read) == poll_error::closing) return {0, no_luck(net::err_closed)};
    return {0, no_luck(syscall_error("sendto", errnum))};
  }
}

int netfd::accept(sockaddr_buffer* peer, const context* ctx, error* err) {
  const inside in(*this, poll_mode::read, ctx);
  const auto no_luck = [&](error why) {
    *err = op_failed("accept", net_->name, {}, local_, std::move(why));
    return -1;
  };
  if (!in) return no_luck(in.why_not());
  bool wait = false;
  io_wait waits(pd_, poll_mode::read, ctx);
  for (;;) {
    const poll_error no = waits.next(wait);
    if (no != poll_error::none) return no_luck(waits.why(no));
    peer->size = sizeof peer->storage;
    const int fd = ::accept4(fd_, peer->sa(), &peer->size, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) return fd;
    const int errnum = errno;
    wait = errnum == EAGAIN;
    // ECONNABORTED: the peer gave up while it was queued; the next one may be fine.
    if (wait || errnum == EINTR || errnum == ECONNABORTED) continue;
    if (sched::pollcheck(pd_, poll_mode::read) == poll_error::closing) return no_luck(net::err_closed);
    return no_luck(syscall_error("accept4", errnum));
  }
}

error netfd::close() {
  if (!mu_.incref_and_close()) return failed("close", net::err_closed);
  sched::pollunblock(pd_);
  // Others are inside, on their way out. Close the socket now all the same, so that the peer and the port do not wait
  // for them, but keep the number taken until they have left. (A goroutine whose run is over never leaves.)
  if (mu_.others()) ::dup3(dummy_socket(), fd_, O_CLOEXEC);
  if (mu_.decref()) destroy();
  return {};
}

error netfd::close_write() {
  if (!mu_.incref()) return failed("close", net::err_closed);
  const int errnum = ::shutdown(fd_, SHUT_WR) == 0 ? 0 : errno;
  error err = errnum == 0 ? error() : failed_call("close", "shutdown", errnum);
  if (mu_.decref()) destroy();
  return err;
}

bool netfd::quiet() {
  if (!mu_.incref()) return false;
  char byte;
  const bool nothing = ::recv(fd_, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN;
  if (mu_.decref()) destroy();
  return nothing;
}

error netfd::set_deadline(std::int64_t ns, unsigned which) {
  if (mu_.incref()) {
    const bool ok = sched::pollset_deadline(pd_, ns, (which & net::detail::deadline_read) != 0,
                                            (which & net::detail::deadline_write) != 0);
    if (mu_.decref()) destroy();
    if (ok) return {};
  }
  return op_failed("set", net_->name, {}, local_, net::err_closed);
}

net::addr netfd::ask_local() const {
  sockaddr_buffer local;
  local.size = sizeof local.storage;
  if (::getsockname(fd_, local.sa(), &local.size) != 0) return {};
  return from_sockaddr(*net_, local);
}

net::addr netfd::ask_remote() const {
  sockaddr_buffer remote;
  remote.size = sizeof remote.storage;
  if (::getpeername(fd_, remote.sa(), &remote.size) != 0) return {};
  return from_sockaddr(*net_, remote);
}

}  // namespace gofer::runtime
