// OpenSSL's objects as C++ owns them, and its rule for goroutines.
//
// OpenSSL keeps its queue of errors per thread, and a goroutine may change threads whenever it parks. So: nothing here
// parks between a call of OpenSSL and the last look at what it left (take_openssl_error), OpenSSL never calls anything
// that could park (callbacks of users run outside, see session.cpp), and every call begins with an empty queue.
#pragma once

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <gofer/error.hpp>
#include <memory>
#include <string>
#include <string_view>

namespace gofer::tls::detail {

template <auto Free>
struct freed_by {
  template <class T>
  void operator()(T* object) const {
    Free(object);
  }
};

using bio_ptr = std::unique_ptr<BIO, freed_by<BIO_free>>;
using x509_ptr = std::unique_ptr<X509, freed_by<X509_free>>;
using pkey_ptr = std::unique_ptr<EVP_PKEY, freed_by<EVP_PKEY_free>>;
using store_ptr = std::unique_ptr<X509_STORE, freed_by<X509_STORE_free>>;
using ssl_ctx_ptr = std::unique_ptr<SSL_CTX, freed_by<SSL_CTX_free>>;
using ssl_ptr = std::unique_ptr<SSL, freed_by<SSL_free>>;

struct free_stack {
  void operator()(STACK_OF(X509) * s) const { sk_X509_pop_free(s, X509_free); }
};
using x509_stack_ptr = std::unique_ptr<STACK_OF(X509), free_stack>;

/// What OpenSSL said went wrong: "error:0A00010B:SSL routines::wrong version number".
struct openssl_error {
  unsigned long code;
  std::string text;
  std::string what() const { return text; }
  /// The last part alone: "wrong version number".
  std::string reason() const { return text.substr(text.rfind(':') + 1); }
};

/// Sets OpenSSL up, once per process; nothing is torn down at exit, when goroutines may still be using it.
void init_openssl();

/// The oldest error in this thread's queue, which is empty afterwards; code 0 when there is none.
openssl_error take_openssl_error();

/// "2001:db8::1" or "10.0.0.1": an address, which is no name to ask for by SNI.
bool is_ip_address(std::string_view host);

/// The names and addresses that a certificate is for.
struct alternative_names {
  std::vector<std::string> dns;
  std::vector<std::string> ips;
};
alternative_names names_of(X509* certificate);

}  // namespace gofer::tls::detail
