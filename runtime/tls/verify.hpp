// What OpenSSL thinks of a certificate, in the words of Go's crypto/x509.
#pragma once

#include <chrono>
#include <string>

#include "runtime/tls/openssl.hpp"

namespace gofer::tls::detail {

/// For SSL_set_verify: refuses what OpenSSL refuses and notes why (handshake_notes). Of several reasons the first.
int note_verification(int ok, X509_STORE_CTX* ctx);
/// For SSL_set_verify as well: takes everything.
int take_everything(int ok, X509_STORE_CTX* ctx);

std::chrono::system_clock::time_point time_of(const ASN1_TIME* t);

}  // namespace gofer::tls::detail
