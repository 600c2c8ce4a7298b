#include "runtime/tls/engine.hpp"

#include <algorithm>
#include <cstring>

#include "runtime/tls/verify.hpp"

namespace gofer::tls::detail {

namespace {

error config_error(std::string_view what) {
  const openssl_error why = take_openssl_error();
  return why.code == 0 ? make_error(what) : wrap(error(why), what);
}

/// Before anything is decided: notes the protocols that the client offers, which OpenSSL shows later only to the
/// callback that has to choose.
int note_hello(SSL* ssl, int*, void*) {
  const unsigned char* data = nullptr;
  std::size_t size = 0;
  if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_application_layer_protocol_negotiation, &data, &size) == 1 &&
      size >= 2) {
    for (std::size_t at = 2; at < size;) {
      const std::size_t length = std::min<std::size_t>(data[at], size - at - 1);
      notes_of(ssl).hello.supported_protos.emplace_back(reinterpret_cast<const char*>(data + at + 1), length);
      at += 1 + length;
    }
  }
  return SSL_CLIENT_HELLO_SUCCESS;
}

/// Stops the handshake until session has chosen a certificate, outside of OpenSSL.
int await_certificate(SSL* ssl, void*) {
  switch (notes_of(ssl).certificate) {
    case handshake_notes::chosen:
      return 1;
    case handshake_notes::refused:
      return 0;
    default:
      return -1;
  }
}

/// Go's negotiateALPN: the server's order decides; a client without HTTP/2 is welcome to a server that names nothing
/// else.
int choose_protocol(SSL* ssl, const unsigned char** out, unsigned char* length, const unsigned char* offered,
                    unsigned int size, void*) {
  const handshake_notes& notes = notes_of(ssl);
  const std::vector<std::string>& ours = notes.owner->config().next_protos;
  bool fallback = false;
  for (const std::string& protocol : ours) {
    for (unsigned int at = 0; at < size; at += 1U + offered[at]) {
      const std::string_view theirs(reinterpret_cast<const char*>(offered + at + 1), offered[at]);
      if (theirs == protocol) {
        *out = offered + at + 1;
        *length = offered[at];
        return SSL_TLSEXT_ERR_OK;
      }
      fallback = fallback || (protocol == "h2" && theirs == "http/1.1");
    }
  }
  return ours.empty() || fallback ? SSL_TLSEXT_ERR_NOACK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

}  // namespace

engine::engine(const tls::config& c, side s) : config_(c), side_(s) {
  init_openssl();
  ERR_clear_error();
  err_ = prepare();
}

error engine::prepare() {
  const auto known = [](std::uint16_t v) { return v == 0 || v == version_tls12 || v == version_tls13; };
  const std::uint16_t lowest = config_.min_version == 0 ? version_tls12 : config_.min_version;
  const std::uint16_t highest = config_.max_version == 0 ? version_tls13 : config_.max_version;
  if (!known(config_.min_version) || !known(config_.max_version) || lowest > highest) {
    return make_error("tls: no supported versions satisfy min_version and max_version");
  }
  if (is_server() && config_.certificates.empty() && !config_.get_certificate) {
    return make_error("tls: neither certificates nor get_certificate set in config");
  }
  for (const certificate& c : config_.certificates) {
    if (!c) return make_error("tls: empty certificate in config");
  }
  for (const std::string& protocol : config_.next_protos) {
    if (protocol.empty() || protocol.size() > 255) return make_error("tls: invalid next_protos value");
    protocols_.push_back(static_cast<char>(protocol.size()));
    protocols_ += protocol;
  }
  context_.reset(SSL_CTX_new(is_server() ? TLS_server_method() : TLS_client_method()));
  if (!context_) return config_error("tls: no context");
  SSL_CTX* ctx = context_.get();
  SSL_CTX_set_min_proto_version(ctx, lowest);
  SSL_CTX_set_max_proto_version(ctx, highest);
  SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
  // An idle connection then holds no buffers.
  SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
  if (is_server()) {
    prepare_server();
  } else {
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    if (!protocols_.empty()) {
      SSL_CTX_set_alpn_protos(ctx, reinterpret_cast<const unsigned char*>(protocols_.data()),
                              static_cast<unsigned int>(protocols_.size()));
    }
    if (!config_.certificates.empty()) {
      const key_pair& pair = *config_.certificates.front().pair_;
      if (SSL_CTX_use_cert_and_key(ctx, pair.leaf.get(), pair.key.get(), pair.chain.get(), 1) != 1) {
        return config_error("tls: unusable certificate");
      }
    }
  }
  return prepare_verification();
}

void engine::prepare_server() {
  SSL_CTX* ctx = context_.get();
  SSL_CTX_set_client_hello_cb(ctx, note_hello, nullptr);
  SSL_CTX_set_cert_cb(ctx, await_certificate, nullptr);
  SSL_CTX_set_alpn_select_cb(ctx, choose_protocol, nullptr);
  // Sessions are kept by the clients, in tickets.
  SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(ctx, config_.session_tickets_disabled ? 0 : 1);
  if (config_.session_tickets_disabled) SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
  constexpr std::string_view id = "gofer";
  SSL_CTX_set_session_id_context(ctx, reinterpret_cast<const unsigned char*>(id.data()), id.size());
}

error engine::prepare_verification() {
  SSL_CTX* ctx = context_.get();
  using enum client_auth_type;
  int mode = SSL_VERIFY_PEER;
  bool verified = true;
  if (is_server()) {
    verified = config_.client_auth >= verify_client_cert_if_given;
    if (config_.client_auth == no_client_cert) mode = SSL_VERIFY_NONE;
    if (config_.client_auth == require_any_client_cert || config_.client_auth == require_and_verify_client_cert) {
      mode |= SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
    }
  } else {
    verified = !config_.insecure_skip_verify;
  }
  SSL_CTX_set_verify(ctx, mode, verified ? note_verification : take_everything);
  if (mode == SSL_VERIFY_NONE) return {};
  const std::optional<cert_pool>& trusted = is_server() ? config_.client_cas : config_.root_cas;
  const cert_pool roots = trusted ? *trusted : cert_pool::system();
  SSL_CTX_set1_cert_store(ctx, roots.pool_->store.get());
  X509_VERIFY_PARAM* how = SSL_CTX_get0_param(ctx);
  // As in Go: whatever is in the pool is trusted, and a certificate's common name is nothing.
  X509_VERIFY_PARAM_set_flags(how, X509_V_FLAG_PARTIAL_CHAIN);
  X509_VERIFY_PARAM_set_hostflags(how, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  if (is_server() && trusted) {
    for (const x509_ptr& authority : roots.pool_->certificates) SSL_CTX_add_client_CA(ctx, authority.get());
  }
  ERR_clear_error();
  return {};
}

ssl_ptr engine::new_ssl() const {
  ERR_clear_error();
  ssl_ptr ssl(SSL_new(context_.get()));
  if (!ssl || is_server()) return ssl;
  const std::string& name = config_.server_name;
  if (!name.empty() && !is_ip_address(name)) {
    SSL_set_tlsext_host_name(ssl.get(), name.c_str());
    SSL_set1_host(ssl.get(), name.c_str());
  } else if (!name.empty()) {
    X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl.get()), name.c_str());
  }
  return ssl;
}

result<certificate> engine::choose(const client_hello_info& hello) const {
  if (config_.get_certificate && (config_.certificates.empty() || !hello.server_name.empty())) {
    result<certificate> asked = config_.get_certificate(hello);
    if (asked.err || asked.value) return asked;
  }
  const std::vector<certificate>& all = config_.certificates;
  if (all.empty()) return {{}, make_error("tls: no certificates configured")};
  const auto fits = std::find_if(all.begin(), all.end(), [&](const certificate& c) {
    return X509_check_host(c.pair_->leaf.get(), hello.server_name.data(), hello.server_name.size(),
                           X509_CHECK_FLAG_NEVER_CHECK_SUBJECT, nullptr) == 1;
  });
  ERR_clear_error();
  return {hello.server_name.empty() || fits == all.end() ? all.front() : *fits, {}};
}

bool engine::use(SSL* ssl, const certificate& c) {
  const key_pair& pair = *c.pair_;
  return SSL_use_cert_and_key(ssl, pair.leaf.get(), pair.key.get(), pair.chain.get(), 1) == 1;
}

}  // namespace gofer::tls::detail
