// Addresses: as text, as net::addr, and as the kernel wants them.
#pragma once

#include <sys/socket.h>

#include <gofer/net.hpp>
#include <optional>
#include <string_view>

namespace gofer::runtime {

/// A row of the table of networks that listen and dial know.
struct network {
  const char* name;
  int family;  // AF_UNSPEC: IPv4 or IPv6
  int type;    // SOCK_…
  bool is_ip() const { return family != AF_UNIX; }
  bool is_tcp() const { return is_ip() && type == SOCK_STREAM; }
};

/// nullptr: no such network.
const network* find_network(std::string_view name);

struct sockaddr_buffer {
  sockaddr_storage storage;
  socklen_t size;
  sockaddr* sa() { return reinterpret_cast<sockaddr*>(&storage); }
  const sockaddr* sa() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

/// For a socket of `family` (AF_INET6 takes IPv4 addresses mapped). False: the address does not fit it.
bool to_sockaddr(const net::addr& a, int family, sockaddr_buffer* out);
/// Mapped IPv4 addresses become IPv4, as Go shows them.
net::addr from_sockaddr(const network& n, const sockaddr_buffer& s);

/// "127.0.0.1", "::1", "fe80::1%eth0"; nothing when host is a name.
std::optional<net::addr> parse_ip(const network& n, std::string_view host, std::uint16_t port);

/// Go's AddrError: "address 127.0.0.1: missing port in address".
error address_error(std::string_view address, std::string_view what);

}  // namespace gofer::runtime
