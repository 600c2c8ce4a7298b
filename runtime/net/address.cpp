#include "runtime/net/address.hpp"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstring>
#include <ostream>

namespace gofer::runtime {

namespace {

constexpr network networks[] = {
    {"tcp", AF_UNSPEC, SOCK_STREAM}, {"tcp4", AF_INET, SOCK_STREAM},          {"tcp6", AF_INET6, SOCK_STREAM},
    {"udp", AF_UNSPEC, SOCK_DGRAM},  {"udp4", AF_INET, SOCK_DGRAM},           {"udp6", AF_INET6, SOCK_DGRAM},
    {"unix", AF_UNIX, SOCK_STREAM},  {"unixpacket", AF_UNIX, SOCK_SEQPACKET}, {"unixgram", AF_UNIX, SOCK_DGRAM},
};

constexpr std::uint8_t mapped_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

using ip_bytes = std::array<std::uint8_t, 16>;

net::addr ip6_addr(const network& n, const in6_addr& ip, std::uint16_t port, std::uint32_t scope) {
  ip_bytes bytes{};
  if (std::memcmp(ip.s6_addr, mapped_prefix, sizeof mapped_prefix) == 0) {
    std::copy_n(ip.s6_addr + 12, 4, bytes.begin());
    return {n.name, net::addr::family::ip4, bytes, port};
  }
  std::copy_n(ip.s6_addr, 16, bytes.begin());
  return {n.name, net::addr::family::ip6, bytes, port, scope};
}

std::uint32_t parse_scope(const std::string& zone) {
  if (const unsigned index = ::if_nametoindex(zone.c_str())) return index;
  std::uint32_t number = 0;
  const auto [end, failed] = std::from_chars(zone.data(), zone.data() + zone.size(), number);
  return failed == std::errc() && end == zone.data() + zone.size() ? number : 0;
}

bool unix_sockaddr(const std::string& path, sockaddr_buffer* out) {
  auto* un = reinterpret_cast<sockaddr_un*>(&out->storage);
  // A name of exactly the array's size needs no zero at its end, but Go refuses it, and so do programs that print it.
  if (path.empty() || path.size() >= sizeof un->sun_path) return false;
  *un = {};
  un->sun_family = AF_UNIX;
  std::memcpy(un->sun_path, path.data(), path.size());
  const bool abstract = path[0] == '@';
  if (abstract) un->sun_path[0] = '\0';
  out->size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + (abstract ? 0 : 1));
  return true;
}

std::string unix_path(const sockaddr_buffer& s) {
  const auto* un = reinterpret_cast<const sockaddr_un*>(&s.storage);
  const std::size_t head = offsetof(sockaddr_un, sun_path);
  if (s.size <= head) return "@";
  std::string path(un->sun_path, s.size - head);
  if (path[0] == '\0') {
    path[0] = '@';
  } else {
    path.resize(std::strlen(path.c_str()));
  }
  return path;
}

}  // namespace

const network* find_network(std::string_view name) {
  for (const network& n : networks) {
    if (name == n.name) return &n;
  }
  return nullptr;
}

bool to_sockaddr(const net::addr& a, int family, sockaddr_buffer* out) {
  using kind = net::addr::family;
  if (family == AF_UNIX) return a.kind() == kind::unix_path && unix_sockaddr(a.path(), out);
  if (family == AF_INET) {
    if (a.kind() != kind::ip4) return false;
    auto* in = reinterpret_cast<sockaddr_in*>(&out->storage);
    *in = {};
    in->sin_family = AF_INET;
    in->sin_port = htons(a.port());
    std::memcpy(&in->sin_addr, a.bytes().data(), 4);
    out->size = sizeof *in;
    return true;
  }
  if (a.kind() != kind::ip4 && a.kind() != kind::ip6) return false;
  auto* in6 = reinterpret_cast<sockaddr_in6*>(&out->storage);
  *in6 = {};
  in6->sin6_family = AF_INET6;
  in6->sin6_port = htons(a.port());
  in6->sin6_scope_id = a.scope();
  if (a.kind() == kind::ip6) {
    std::memcpy(in6->sin6_addr.s6_addr, a.bytes().data(), 16);
  } else {
    std::memcpy(in6->sin6_addr.s6_addr, mapped_prefix, sizeof mapped_prefix);
    std::memcpy(in6->sin6_addr.s6_addr + 12, a.bytes().data(), 4);
  }
  out->size = sizeof *in6;
  return true;
}

net::addr from_sockaddr(const network& n, const sockaddr_buffer& s) {
  if (s.size < sizeof(sa_family_t)) return n.family == AF_UNIX ? net::addr(n.name, std::string("@")) : net::addr();
  switch (s.storage.ss_family) {
    case AF_INET: {
      const auto* in = reinterpret_cast<const sockaddr_in*>(&s.storage);
      ip_bytes bytes{};
      std::memcpy(bytes.data(), &in->sin_addr, 4);
      return {n.name, net::addr::family::ip4, bytes, ntohs(in->sin_port)};
    }
    case AF_INET6: {
      const auto* in6 = reinterpret_cast<const sockaddr_in6*>(&s.storage);
      return ip6_addr(n, in6->sin6_addr, ntohs(in6->sin6_port), in6->sin6_scope_id);
    }
    case AF_UNIX:
      return {n.name, unix_path(s)};
    default:
      return {};
  }
}

std::optional<net::addr> parse_ip(const network& n, std::string_view host, std::uint16_t port) {
  std::string text(host);
  in_addr ip4;
  if (::inet_pton(AF_INET, text.c_str(), &ip4) == 1) {
    ip_bytes bytes{};
    std::memcpy(bytes.data(), &ip4, 4);
    return net::addr(n.name, net::addr::family::ip4, bytes, port);
  }
  std::uint32_t scope = 0;
  if (const std::size_t percent = text.find('%'); percent != std::string::npos) {
    scope = parse_scope(text.substr(percent + 1));
    if (scope == 0) return std::nullopt;
    text.resize(percent);
  }
  in6_addr ip6;
  if (::inet_pton(AF_INET6, text.c_str(), &ip6) != 1) return std::nullopt;
  return ip6_addr(n, ip6, port, scope);
}

error address_error(std::string_view address, std::string_view what) {
  return make_error("address {}: {}", address, what);
}

}  // namespace gofer::runtime

namespace gofer::net {

std::string addr::ip() const {
  char text[INET6_ADDRSTRLEN];
  if (family_ == family::ip4) return ::inet_ntop(AF_INET, ip_.data(), text, sizeof text);
  if (family_ != family::ip6) return {};
  std::string ip = ::inet_ntop(AF_INET6, ip_.data(), text, sizeof text);
  if (scope_ != 0) {
    char name[IF_NAMESIZE];
    ip += '%';
    ip += ::if_indextoname(scope_, name) != nullptr ? std::string(name) : std::to_string(scope_);
  }
  return ip;
}

std::string addr::str() const {
  switch (family_) {
    case family::none:
      return {};
    case family::unix_path:
      return path_;
    default:
      return join_host_port(ip(), std::to_string(port_));
  }
}

std::ostream& operator<<(std::ostream& out, const addr& a) { return out << a.str(); }

result<std::pair<std::string, std::string>> split_host_port(std::string_view address) {
  const auto failed = [&](const char* why) {
    return result<std::pair<std::string, std::string>>{{}, runtime::address_error(address, why)};
  };
  const std::size_t colon = address.rfind(':');
  if (colon == std::string_view::npos) return failed("missing port in address");
  std::string_view host;
  std::size_t host_end = 0;     // no '[' may come after this
  std::size_t bracket_end = 0;  // and no ']' after this
  if (address[0] == '[') {
    const std::size_t close = address.find(']');
    if (close == std::string_view::npos) return failed("missing ']' in address");
    if (close + 1 == address.size()) return failed("missing port in address");
    if (close + 1 != colon) {
      // Either something else than a colon follows the bracket, or more than one colon.
      return failed(address[close + 1] == ':' ? "too many colons in address" : "missing port in address");
    }
    host = address.substr(1, close - 1);
    host_end = 1;
    bracket_end = close + 1;
  } else {
    host = address.substr(0, colon);
    if (host.find(':') != std::string_view::npos) return failed("too many colons in address");
  }
  if (address.find('[', host_end) != std::string_view::npos) return failed("unexpected '[' in address");
  if (address.find(']', bracket_end) != std::string_view::npos) return failed("unexpected ']' in address");
  return {{std::string(host), std::string(address.substr(colon + 1))}, {}};
}

std::string join_host_port(std::string_view host, std::string_view port) {
  const bool bracketed = host.find(':') != std::string_view::npos;
  std::string address;
  address.reserve(host.size() + port.size() + 3);
  if (bracketed) address += '[';
  address += host;
  if (bracketed) address += ']';
  address += ':';
  address += port;
  return address;
}

}  // namespace gofer::net
