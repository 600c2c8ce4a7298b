// The BIO between OpenSSL and a session: bytes that came from the network and bytes that are to go there. OpenSSL only
// ever copies from and to it; the network is the session's business.
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "runtime/tls/openssl.hpp"

namespace gofer::tls::detail {

struct wire {
  std::string in;
  std::size_t taken = 0;  // of in
  std::string out;

  void received(std::span<const char> bytes) {
    if (taken == in.size()) {
      in.clear();
      taken = 0;
    }
    in.append(bytes.data(), bytes.size());
  }
};

/// A BIO on w, which it does not own.
BIO* new_wire_bio(wire& w);

}  // namespace gofer::tls::detail
