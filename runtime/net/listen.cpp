#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>

#include "runtime/net/lookup.hpp"
#include "runtime/net/neterror.hpp"
#include "runtime/net/sockets.hpp"

namespace gofer::runtime {

int new_socket(int family, int type, error* err) {
  const int fd = ::socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) *err = syscall_error("socket", errno);
  return fd;
}

socket_acceptor::~socket_acceptor() { remove_file(); }

void socket_acceptor::remove_file() {
  if (unlink_.exchange(false, std::memory_order_relaxed)) ::unlink(fd_.local().path().c_str());
}

result<net::conn> socket_acceptor::accept(const context* ctx) {
  sockaddr_buffer peer;
  error err;
  const int raw = fd_.accept(&peer, ctx, &err);
  if (raw < 0) return {{}, std::move(err)};
  auto* s = new socket_stream(raw, family_, fd_.net());
  net::conn c{net::detail::handle<net::detail::stream>(s)};
  if (error failed = s->fd().open())
    return {{}, op_failed("accept", fd_.net().name, {}, fd_.local(), std::move(failed))};
  // A listener on one address knows where its connections end; one on every address has to ask.
  const bool on_one = fd_.local().bytes() != std::array<std::uint8_t, 16>{} || family_ == AF_UNIX;
  s->fd().set_addresses(on_one ? fd_.local() : s->fd().ask_local(), from_sockaddr(fd_.net(), peer));
  return {std::move(c), {}};
}

error socket_acceptor::close() {
  // The file goes first: once the socket is closed, a file of this name may be somebody else's.
  remove_file();
  return fd_.close();
}

namespace {

void set_option(int fd, int level, int name, int value) { ::setsockopt(fd, level, name, &value, sizeof value); }

// "tcp4" for an IPv4 socket of "tcp": what Go's control functions are told.
std::string network_of_socket(const network& n, int family) {
  std::string name = n.name;
  if (n.family == AF_UNSPEC) name += family == AF_INET ? '4' : '6';
  return name;
}

// Binds a new socket to `at`. Returns its descriptor, or -1 and why.
int bound_socket(const net::listen_config& config, const network& n, const net::addr& at, int* family, error* err) {
  *family = n.family == AF_UNIX ? AF_UNIX : at.is_ip4() ? AF_INET : AF_INET6;
  const bool every = at.kind() == net::addr::family::ip6 && at.bytes() == std::array<std::uint8_t, 16>{};
  int fd = new_socket(*family, n.type, err);
  net::addr where = at;
  if (fd < 0 && every && n.family == AF_UNSPEC && is(*err, std::errc::address_family_not_supported)) {
    // A machine without IPv6: every address is every IPv4 address.
    where = *parse_ip(n, "0.0.0.0", at.port());
    *family = AF_INET;
    *err = {};
    fd = new_socket(AF_INET, n.type, err);
  }
  if (fd < 0) return -1;
  if (*family == AF_INET6) set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, every && n.family == AF_UNSPEC ? 0 : 1);
  if (n.is_tcp()) {
    set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);  // connections of a former server in TIME_WAIT do not matter
    set_tcp_defaults(fd);
  } else if (n.is_ip()) {
    set_option(fd, SOL_SOCKET, SO_BROADCAST, 1);
  }
  if (config.reuse_port) {
    const int on = 1;
    if (::setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) != 0) *err = syscall_error("setsockopt", errno);
  }
  if (!*err && config.control) *err = config.control(network_of_socket(n, *family), where, fd);
  sockaddr_buffer s;
  if (*err) {
    // as it says
  } else if (!to_sockaddr(where, *family, &s)) {
    *err = syscall_error("bind", EINVAL);
  } else if (::bind(fd, s.sa(), s.size) != 0) {
    *err = syscall_error("bind", errno);
  } else {
    return fd;
  }
  close_fd(fd);
  return -1;
}

// The first address, an IPv4 one if there is any (Go's choice for a name).
net::addr choose(const std::vector<net::addr>& addrs) {
  const auto ip4 = std::find_if(addrs.begin(), addrs.end(), [](const net::addr& a) { return a.is_ip4(); });
  return ip4 != addrs.end() ? *ip4 : addrs.front();
}

}  // namespace

}  // namespace gofer::runtime

namespace gofer::net {

using namespace gofer::runtime;

result<listener> listen(std::string_view network, std::string_view address) {
  return listen_config{}.listen(network, address);
}

result<packet_conn> listen_packet(std::string_view network, std::string_view address) {
  return listen_config{}.listen_packet(network, address);
}

result<listener> listen_config::listen(std::string_view name, std::string_view address) const {
  const auto failed = [&](const addr& at, error err) {
    return result<listener>{{}, op_error{"listen", std::string(name), {}, at, std::move(err)}};
  };
  const network* n = find_network(name);
  if (n == nullptr || n->type == SOCK_DGRAM) return failed({}, make_error("unknown network {}", name));
  auto [addrs, unresolved] = resolve(*n, address, true, {});
  if (unresolved) return failed({}, unresolved);
  const addr at = choose(addrs);
  error err;
  int family = AF_UNSPEC;
  const int fd = bound_socket(*this, *n, at, &family, &err);
  if (fd < 0) return failed(at, err);
  auto* a = new socket_acceptor(fd, family, *n);
  listener l{detail::handle<detail::acceptor>(a)};
  a->fd().set_addresses(a->fd().ask_local(), {});
  if (family == AF_UNIX && !at.path().starts_with('@')) a->unlink_on_close();
  // The kernel cuts the backlog down to net.core.somaxconn.
  if (::listen(fd, backlog > 0 ? backlog : INT_MAX) != 0) return failed(at, syscall_error("listen", errno));
  if (error unpolled = a->fd().open()) return failed(at, unpolled);
  return {std::move(l), {}};
}

result<packet_conn> listen_config::listen_packet(std::string_view name, std::string_view address) const {
  const auto failed = [&](const addr& at, error err) {
    return result<packet_conn>{{}, op_error{"listen", std::string(name), {}, at, std::move(err)}};
  };
  const network* n = find_network(name);
  if (n == nullptr || n->type != SOCK_DGRAM) return failed({}, make_error("unknown network {}", name));
  auto [addrs, unresolved] = resolve(*n, address, true, {});
  if (unresolved) return failed({}, unresolved);
  const addr at = choose(addrs);
  error err;
  int family = AF_UNSPEC;
  const int fd = bound_socket(*this, *n, at, &family, &err);
  if (fd < 0) return failed(at, err);
  auto* p = new socket_packets(fd, family, *n);
  packet_conn c{detail::handle<detail::packets>(p)};
  p->fd().set_addresses(p->fd().ask_local(), {});
  if (error unpolled = p->fd().open()) return failed(at, unpolled);
  return {std::move(c), {}};
}

}  // namespace gofer::net
