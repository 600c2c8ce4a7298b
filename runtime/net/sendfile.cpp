// A regular file to a socket: sendfile(2), as Go does it.
//
// The call reads the disk, so it is a blocking one; and it fills the socket, so it waits for the poller like any write.
#include <sys/sendfile.h>
#include <sys/stat.h>

#include <cerrno>
#include <gofer/os.hpp>

#include "runtime/net/inside.hpp"
#include "runtime/net/iowait.hpp"
#include "runtime/net/neterror.hpp"
#include "runtime/net/sigpipe.hpp"
#include "runtime/net/sockets.hpp"
#include "runtime/os/file.hpp"
#include "sched/proc.hpp"

namespace gofer::runtime {

using sched::poll_error;
using sched::poll_mode;

namespace {

constexpr std::size_t max_sendfile = std::size_t{4} << 20;  // Go's: so that a close is seen now and then

struct outcome {
  ssize_t n = 0;
  int errnum = 0;
};

outcome send_some(int socket, int file) {
  outcome o;
  sched::entersyscall();
  {
    no_sigpipe quiet;
    o.n = ::sendfile(socket, file, nullptr, max_sendfile);
    o.errnum = o.n < 0 ? errno : 0;
    if (o.n == static_cast<ssize_t>(max_sendfile)) quiet.all_done();
  }
  sched::exitsyscall();
  return o;
}

}  // namespace

result<std::uint64_t> netfd::send_file(file_state& file, const context* ctx, bool* unsupported) {
  *unsupported = false;
  const inside in(*this, poll_mode::write, ctx);
  if (!in) return {0, failed("write", in.why_not())};
  std::uint64_t done = 0;
  bool wait = false;
  io_wait waits(pd_, poll_mode::write, ctx);
  for (;;) {
    const poll_error no = waits.next(wait);
    if (no != poll_error::none) return {done, failed("write", waits.why(no))};
    outcome o;
    if (!file.as_reader([&](int fd) { o = send_some(fd_, fd); })) {
      return {done, file.failed("read", os::err_closed)};
    }
    if (o.n > 0) {
      done += static_cast<std::uint64_t>(o.n);
      wait = false;
      continue;
    }
    wait = o.errnum == EAGAIN;
    if (wait || o.errnum == EINTR) continue;
    // Nothing at all may be a file that cannot be sent so, one of /proc say; reading it will tell.
    const bool other_kind = o.errnum == EINVAL || o.errnum == ENOSYS || o.errnum == EOPNOTSUPP || o.errnum == EPERM;
    *unsupported = done == 0 && (o.n == 0 || other_kind);
    if (o.n == 0) return {done, {}};
    return {done, failed_call("write", "sendfile", o.errnum)};
  }
}

}  // namespace gofer::runtime

namespace gofer::net {

namespace {

result<std::uint64_t> copy_file(detail::stream* dst, const conn& to, runtime::file_state* src, const os::file& from,
                                const context* ctx) {
  auto* socket = dynamic_cast<runtime::socket_stream*>(dst);
  if (socket != nullptr && src != nullptr && socket->fd().net().type == SOCK_STREAM) {
    bool unsupported = false;
    auto sent = socket->fd().send_file(*src, ctx, &unsupported);
    if (!unsupported) return sent;
  }
  return ctx != nullptr ? io::detail::copy_buffered_until(*ctx, to, from) : io::detail::copy_buffered(to, from);
}

}  // namespace

result<std::uint64_t> conn::copy_from(const os::file& src) const {
  return copy_file(stream_.get(), *this, src.state_.get(), src, nullptr);
}

result<std::uint64_t> conn::copy_from(const context& ctx, const os::file& src) const {
  return copy_file(stream_.get(), *this, src.state_.get(), src, &ctx);
}

}  // namespace gofer::net
