// Names to addresses.
#pragma once

#include <atomic>
#include <cstdint>
#include <gofer/net.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/net/address.hpp"

namespace gofer::runtime {

/// How long a call may take, and what else ends it: handed down from dial.
struct patience {
  std::int64_t deadline = 0;     // nanotime(); 0: none
  const context* ctx = nullptr;  // may be null
};

/// The IP addresses of `host`, which may be one. Blocks the goroutine only; a dns_error otherwise, or what ended it.
result<std::vector<net::addr>> lookup_ip(const network& n, std::string_view host, std::uint16_t port,
                                         const patience& limit);

/// For tests: asked before the system's resolver; an empty answer is none.
using lookup_seam = std::vector<std::string> (*)(std::string_view host);
inline std::atomic<lookup_seam> lookup_for_tests{nullptr};

/// "host:port" or a path, as addresses to try in this order. Passive: for listening, where an empty host is every
/// address. Errors are bare, to be put into an op_error.
result<std::vector<net::addr>> resolve(const network& n, std::string_view address, bool passive, const patience& limit);

}  // namespace gofer::runtime
