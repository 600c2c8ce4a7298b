// Bytes from one socket to another that do not pass through the process: splice(2), with a pipe in the middle, as in
// Go's internal/poll.
//
// The pipe is filled from the one socket and emptied into the other by turns, so that it is empty when it has to be
// read into, and EAGAIN can only mean that the socket has nothing. Pipes are pooled; one with something left in it,
// after an error, is closed.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <mutex>
#include <utility>
#include <vector>

#include "runtime/net/inside.hpp"
#include "runtime/net/iowait.hpp"
#include "runtime/net/neterror.hpp"
#include "runtime/net/sigpipe.hpp"
#include "runtime/net/sockets.hpp"
#include "sched/futex.hpp"

namespace gofer::runtime {

using sched::poll_error;
using sched::poll_mode;

namespace {

constexpr std::size_t max_splice = std::size_t{1} << 20;  // Go's; what an unprivileged pipe may hold
constexpr unsigned splice_flags = SPLICE_F_MOVE | SPLICE_F_NONBLOCK;

struct pipe_ends {
  int read = -1;
  int write = -1;
};

struct pipe_pool {
  static constexpr std::size_t most = 16;  // kept; a guess
  sched::futex_mutex lock;
  std::vector<pipe_ends> free;
};

pipe_pool& pool() {
  static auto* p = new pipe_pool;  // sockets are closed until the very end of the process
  return *p;
}

/// A pipe out of the pool, and back into it unless something is left inside.
class pooled_pipe {
 public:
  pooled_pipe() {
    {
      pipe_pool& p = pool();
      const std::lock_guard hold(p.lock);
      if (!p.free.empty()) {
        ends_ = p.free.back();
        p.free.pop_back();
        return;
      }
    }
    int fds[2];
    if (::pipe2(fds, O_CLOEXEC | O_NONBLOCK) != 0) return;
    ends_ = {fds[0], fds[1]};
    // As much as goes at once. If that is too much for this user, the pipe stays as it is.
    ::fcntl(ends_.write, F_SETPIPE_SZ, static_cast<int>(max_splice));
  }
  pooled_pipe(const pooled_pipe&) = delete;
  pooled_pipe& operator=(const pooled_pipe&) = delete;
  ~pooled_pipe() {
    if (ends_.read < 0) return;
    if (!dirty) {
      pipe_pool& p = pool();
      const std::lock_guard hold(p.lock);
      if (p.free.size() < pipe_pool::most) {
        p.free.push_back(ends_);
        return;
      }
    }
    close_fd(ends_.read);
    close_fd(ends_.write);
  }
  explicit operator bool() const { return ends_.read >= 0; }
  int read_end() const { return ends_.read; }
  int write_end() const { return ends_.write; }
  bool dirty = false;

 private:
  pipe_ends ends_;
};

netfd* socket_of(net::detail::stream* s) {
  auto* socket = dynamic_cast<socket_stream*>(s);
  return socket != nullptr && socket->fd().net().type == SOCK_STREAM ? &socket->fd() : nullptr;
}

}  // namespace

result<std::size_t> netfd::splice_into(int pipe, std::size_t max, const context* ctx) {
  const inside in(*this, poll_mode::read, ctx);
  if (!in) return {0, failed("read", in.why_not())};
  bool wait = drained_ && sched::poll_drained_means_empty(pd_);
  drained_ = false;
  io_wait waits(pd_, poll_mode::read, ctx);
  for (;;) {
    const poll_error no = waits.next(wait);
    if (no != poll_error::none) return {0, failed("read", waits.why(no))};
    const ssize_t n = ::splice(fd_, nullptr, pipe, nullptr, max, splice_flags);
    if (n >= 0) return {static_cast<std::size_t>(n), {}};
    const int errnum = errno;
    wait = errnum == EAGAIN;
    if (!wait && errnum != EINTR) return {0, failed_call("read", "splice", errnum)};
  }
}

result<std::size_t> netfd::splice_out_of(int pipe, std::size_t size, const context* ctx) {
  const inside in(*this, poll_mode::write, ctx);
  if (!in) return {0, failed("write", in.why_not())};
  std::size_t done = 0;
  bool wait = false;
  io_wait waits(pd_, poll_mode::write, ctx);
  while (done < size) {
    const poll_error no = waits.next(wait);
    if (no != poll_error::none) return {done, failed("write", waits.why(no))};
    ssize_t n = 0;
    int errnum = 0;
    {
      no_sigpipe quiet;
      n = ::splice(pipe, nullptr, fd_, nullptr, size - done, splice_flags);
      errnum = n < 0 ? errno : 0;
      if (n == static_cast<ssize_t>(size - done)) quiet.all_done();
    }
    if (n > 0) done += static_cast<std::size_t>(n);
    wait = errnum == EAGAIN;
    if (n >= 0 || wait || errnum == EINTR) continue;
    return {done, failed_call("write", "splice", errnum)};
  }
  return {done, {}};
}

/// *unsupported: splice cannot do it, and nothing was moved.
result<std::uint64_t> splice_all(netfd& dst, netfd& src, const context* ctx, bool* unsupported) {
  pooled_pipe pipe;
  *unsupported = !pipe;
  result<std::uint64_t> total;
  while (pipe) {
    const auto [n, failed] = src.splice_into(pipe.write_end(), max_splice, ctx);
    if (failed) {
      *unsupported = total.value == 0 && is(failed, std::errc::invalid_argument);
      total.err = failed;
      return total;
    }
    if (n == 0) return total;
    const auto [moved, stuck] = dst.splice_out_of(pipe.read_end(), n, ctx);
    total.value += moved;
    if (stuck) {
      pipe.dirty = moved < n;
      total.err = stuck;
      return total;
    }
  }
  return total;
}

}  // namespace gofer::runtime

namespace gofer::net {

namespace {

result<std::uint64_t> copy_streams(detail::stream* dst, const conn& to, detail::stream* src, const conn& from,
                                   const context* ctx) {
  runtime::netfd* out = runtime::socket_of(dst);
  runtime::netfd* in = runtime::socket_of(src);
  if (out != nullptr && in != nullptr) {
    bool unsupported = false;
    auto moved = runtime::splice_all(*out, *in, ctx, &unsupported);
    if (!unsupported) return moved;
  }
  return ctx != nullptr ? io::detail::copy_buffered_until(*ctx, to, from) : io::detail::copy_buffered(to, from);
}

}  // namespace

result<std::uint64_t> conn::copy_from(const conn& src) const {
  return copy_streams(stream_.get(), *this, src.stream_.get(), src, nullptr);
}

result<std::uint64_t> conn::copy_from(const context& ctx, const conn& src) const {
  return copy_streams(stream_.get(), *this, src.stream_.get(), src, &ctx);
}

}  // namespace gofer::net
