#include "runtime/net/inherited.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <optional>
#include <string_view>

#include "runtime/net/neterror.hpp"
#include "runtime/net/sockets.hpp"

namespace gofer::runtime {

namespace {

/// A duplicate of somebody's socket, and what it is.
struct duplicate {
  int fd = -1;
  int family = AF_UNSPEC;
  bool listens = false;
  const network* net = nullptr;
  error err;
};

int option(int fd, int name, error* err) {
  int value = 0;
  socklen_t size = sizeof value;
  if (::getsockopt(fd, SOL_SOCKET, name, &value, &size) != 0 && !*err) *err = syscall_error("getsockopt", errno);
  return value;
}

const network* network_of(int family, int type) {
  if (family == AF_UNIX) {
    return find_network(type == SOCK_DGRAM ? "unixgram" : type == SOCK_SEQPACKET ? "unixpacket" : "unix");
  }
  if (family != AF_INET && family != AF_INET6) return nullptr;
  return find_network(type == SOCK_STREAM ? "tcp" : type == SOCK_DGRAM ? "udp" : "");
}

duplicate duplicate_of(int fd) {
  duplicate d;
  d.family = option(fd, SO_DOMAIN, &d.err);
  const int type = option(fd, SO_TYPE, &d.err);
  d.listens = option(fd, SO_ACCEPTCONN, &d.err) != 0;
  if (d.err) return d;
  d.net = network_of(d.family, type);
  if (d.net == nullptr) {
    d.err = syscall_error("socket", EPROTONOSUPPORT);
    return d;
  }
  d.fd = ::fcntl(fd, F_DUPFD_CLOEXEC, 0);
  if (d.fd < 0) {
    d.err = syscall_error("dup", errno);
  } else if (const int flags = ::fcntl(d.fd, F_GETFL); flags < 0 || ::fcntl(d.fd, F_SETFL, flags | O_NONBLOCK) != 0) {
    d.err = syscall_error("setnonblock", errno);
    close_fd(d.fd);
  }
  return d;
}

// Go's words.
error file_failed(error err) { return op_failed("file", "file+net", {}, {}, std::move(err)); }

error wrong_kind(const duplicate& d) {
  close_fd(d.fd);
  return file_failed(gofer::detail::errno_error(EINVAL));
}

template <class Handle, class Socket, class Interface>
result<Handle> adopt(const duplicate& d) {
  auto* s = new Socket(d.fd, d.family, *d.net);
  Handle handle{net::detail::handle<Interface>(s)};
  s->fd().set_addresses(s->fd().ask_local(), s->fd().ask_remote());
  if (error unpolled = s->fd().open()) return {{}, file_failed(std::move(unpolled))};
  return {std::move(handle), {}};
}

// An environment variable that is taken out.
std::optional<std::string> take(const char* name) {
  const char* value = std::getenv(name);
  if (value == nullptr) return std::nullopt;
  std::string text = value;
  ::unsetenv(name);
  return text;
}

std::optional<long> number(const std::optional<std::string>& text) {
  long n = 0;
  if (!text) return std::nullopt;
  const auto [end, failed] = std::from_chars(text->data(), text->data() + text->size(), n);
  if (failed != std::errc() || end != text->data() + text->size()) return std::nullopt;
  return n;
}

}  // namespace

std::vector<net::listen_fd> listen_fds_from(int first) {
  const auto pid = number(take("LISTEN_PID"));
  const auto count = number(take("LISTEN_FDS"));
  const std::string names = take("LISTEN_FDNAMES").value_or("");
  std::vector<net::listen_fd> fds;
  // Meant for another process: one of which this one is a child.
  if (pid != ::getpid() || !count) return fds;
  std::string_view left = names;
  for (long i = 0; i < *count; i++) {
    const int fd = first + static_cast<int>(i);
    if (::fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) break;
    const std::string_view name = left.substr(0, left.find(':'));
    left.remove_prefix(std::min(left.size(), name.size() + 1));
    fds.push_back({fd, name.empty() ? "unknown" : std::string(name)});
  }
  return fds;
}

}  // namespace gofer::runtime

namespace gofer::net {

using namespace gofer::runtime;

result<listener> file_listener(int fd) {
  const duplicate d = duplicate_of(fd);
  if (d.err) return {{}, file_failed(d.err)};
  if (!d.listens) return {{}, wrong_kind(d)};
  return adopt<listener, socket_acceptor, detail::acceptor>(d);
}

result<conn> file_conn(int fd) {
  const duplicate d = duplicate_of(fd);
  if (d.err) return {{}, file_failed(d.err)};
  if (d.listens) return {{}, wrong_kind(d)};
  return adopt<conn, socket_stream, detail::stream>(d);
}

result<packet_conn> file_packet_conn(int fd) {
  const duplicate d = duplicate_of(fd);
  if (d.err) return {{}, file_failed(d.err)};
  if (d.net->type != SOCK_DGRAM) return {{}, wrong_kind(d)};
  return adopt<packet_conn, socket_packets, detail::packets>(d);
}

// systemd's SD_LISTEN_FDS_START.
std::vector<listen_fd> listen_fds() { return listen_fds_from(3); }

}  // namespace gofer::net
