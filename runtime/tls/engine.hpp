// A tls::config made ready: an SSL_CTX and what handshakes need beside it. Shared by a listener's connections.
#pragma once

#include <gofer/tls.hpp>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "runtime/tls/openssl.hpp"

namespace gofer::tls::detail {

struct key_pair {
  x509_ptr leaf;
  x509_stack_ptr chain;  // what follows the leaf
  pkey_ptr key;
};

struct pool {
  store_ptr store;
  std::vector<x509_ptr> certificates;  // not of the system's pool, which OpenSSL reads when it looks
};

struct reloadable {
  std::string certificate_file;
  std::string key_file;
  std::mutex mu;  // for copying `current` only
  certificate current;
};

class engine {
 public:
  enum class side { client, server };

  /// Does not fail: what is wrong with the config is in err(), for whoever uses it.
  engine(const config& c, side s);

  const error& err() const { return err_; }
  bool is_server() const { return side_ == side::server; }
  const tls::config& config() const { return config_; }
  SSL_CTX* context() const { return context_.get(); }
  /// A new SSL, with the name to ask for and to verify.
  ssl_ptr new_ssl() const;
  /// Which certificate a server shows. May block, when the config asks the user.
  result<certificate> choose(const client_hello_info& hello) const;
  /// Gives it to the handshake; false when OpenSSL does not want it.
  static bool use(SSL* ssl, const certificate& c);

 private:
  error prepare();
  error prepare_verification();
  void prepare_server();

  const tls::config config_;
  const side side_;
  ssl_ctx_ptr context_;
  std::string protocols_;  // in ALPN's form: each with its length in front
  error err_;
};

/// What a handshake's callbacks find and leave: the SSL's app data.
struct handshake_notes {
  const engine* owner = nullptr;
  enum { undecided, chosen, refused } certificate = undecided;
  client_hello_info hello;
  std::string verification_failure;  // Go's words for it
};
inline handshake_notes& notes_of(const SSL* ssl) { return *static_cast<handshake_notes*>(SSL_get_app_data(ssl)); }

}  // namespace gofer::tls::detail
