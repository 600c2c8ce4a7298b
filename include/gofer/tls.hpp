// TLS 1.2 and 1.3 on the network: tls::conn is a net::conn and tls::listener a net::listener, so whatever works with
// those (http::server, io::copy, Beast through <gofer/asio.hpp>) works with these, and blocks only the goroutine.
//
//   gofer::tls::config config{.certificates = {gofer::must(gofer::tls::load_key_pair("cert.pem", "key.pem"))}};
//   auto listener = gofer::must(gofer::tls::listen("tcp", "127.0.0.1:8443", config));
//   gofer::http::server{mux}.serve(listener);
//
//   auto conn = gofer::must(gofer::tls::dial("tcp", "example.org:443"));
//
// Names, defaults and texts of errors are those of Go's crypto/tls and crypto/x509; what does the work is OpenSSL 3,
// which this header does not show, and whose own reason is the cause of each error (error::chain()).
#pragma once

#if defined(GOFER_WITHOUT_TLS)
#error "gofer was built without OpenSSL 3: install it (libssl-dev) and build gofer again"
#endif

#include <chrono>
#include <cstdint>
#include <functional>
#include <gofer/context.hpp>
#include <gofer/error.hpp>
#include <gofer/net.hpp>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gofer::tls {

namespace detail {
class engine;   // a config, made ready
class session;  // a connection
struct key_pair;
struct pool;
struct reloadable;
}  // namespace detail

inline constexpr std::uint16_t version_tls12 = 0x0303;
inline constexpr std::uint16_t version_tls13 = 0x0304;
/// "TLS 1.3"
std::string version_name(std::uint16_t version);

/// A certificate chain, the leaf first, and the leaf's private key. A shared handle of something immutable.
class certificate {
 public:
  certificate() = default;
  explicit operator bool() const { return pair_ != nullptr; }

 private:
  friend class detail::engine;
  friend result<certificate> x509_key_pair(std::string_view, std::string_view);
  std::shared_ptr<const detail::key_pair> pair_;
};

/// Both from PEM text, which may be the same for both.
result<certificate> x509_key_pair(std::string_view certificate_pem, std::string_view key_pem);
/// Both from PEM files. Blocks the goroutine only.
result<certificate> load_key_pair(const std::string& certificate_file, const std::string& key_file);
/// The same, by Go's name.
inline result<certificate> load_x509_key_pair(const std::string& certificate_file, const std::string& key_file) {
  return load_key_pair(certificate_file, key_file);
}

/// Certificates that are trusted: whatever is in a pool is, whether or not it calls itself an authority. Copies share.
class cert_pool {
 public:
  /// An empty one.
  cert_pool();
  /// The system's: where OpenSSL looks, SSL_CERT_FILE and SSL_CERT_DIR included.
  static cert_pool system();
  /// Adds all certificates in a PEM text or file; an error when there are none. Not while the pool is in use.
  error add_pem(std::string_view pem);
  error add_file(const std::string& file);

 private:
  friend class detail::engine;
  std::shared_ptr<detail::pool> pool_;
};

/// What a client said when a server has to choose a certificate.
struct client_hello_info {
  std::string server_name;                    // empty when it sent none
  std::vector<std::string> supported_protos;  // ALPN
  net::addr remote_addr;
};

/// A certificate of the other end.
struct peer_certificate {
  std::string subject;  // "CN=example.org,O=Example"
  std::string issuer;
  std::string serial_number;  // in hexadecimal digits
  std::vector<std::string> dns_names;
  std::vector<std::string> ip_addresses;
  std::chrono::system_clock::time_point not_before;
  std::chrono::system_clock::time_point not_after;
  std::string pem;
};

struct connection_state {
  bool handshake_complete = false;
  std::uint16_t version = 0;
  std::string cipher_suite;         // "TLS_AES_128_GCM_SHA256"
  std::string negotiated_protocol;  // by ALPN; empty for none
  std::string server_name;          // that the client asked for
  bool did_resume = false;
  std::vector<peer_certificate> peer_certificates;  // the leaf first
};

/// What a server asks of its clients. Go's, with its names.
enum class client_auth_type {
  no_client_cert,
  request_client_cert,
  require_any_client_cert,
  verify_client_cert_if_given,
  require_and_verify_client_cert,
};

/// How to speak TLS, for either side. It is read when a listener, a connection or an http::client is made of it, and
/// may be changed or destroyed afterwards.
struct config {
  /// What this end is. A server picks the first whose names match what the client asks for, else the first. A client
  /// gives its first one when it is asked.
  std::vector<certificate> certificates{};
  /// For servers: asked first, and also when there are no certificates. It may block. An empty certificate means: pick
  /// from the list; an error ends the handshake.
  std::function<result<certificate>(const client_hello_info&)> get_certificate = nullptr;
  /// ALPN, the preferred one first. A server that has some and shares none with a client that has some ends the
  /// handshake.
  std::vector<std::string> next_protos{};
  /// The name, or IP address, that the server's certificate must be for. dial sets it when it is empty.
  std::string server_name{};
  /// Whom a client trusts; nothing: the system's authorities.
  std::optional<cert_pool> root_cas{};
  /// A client takes any certificate for any name. For tests, and with verify_connection.
  bool insecure_skip_verify = false;
  client_auth_type client_auth = client_auth_type::no_client_cert;
  /// Whom a server trusts about its clients; nothing: the system's authorities.
  std::optional<cert_pool> client_cas{};
  /// 0: TLS 1.2 and TLS 1.3. There is nothing below.
  std::uint16_t min_version = 0;
  std::uint16_t max_version = 0;
  /// For servers: no resumption of sessions.
  bool session_tickets_disabled = false;
  /// The last word on either side, after all other checks: an error ends the handshake. It may block.
  std::function<error(const connection_state&)> verify_connection = nullptr;
};

/// Files that can be read again while a server uses them: give it to config::get_certificate. Copies share.
class reloading_key_pair {
 public:
  /// Reads them for the first time.
  static result<reloading_key_pair> load(std::string certificate_file, std::string key_file);
  /// Reads them again, for handshakes from now on. With an error the old ones stay in use.
  error reload() const;
  result<certificate> operator()(const client_hello_info&) const;

 private:
  std::shared_ptr<detail::reloadable> shared_;
};

/// What came first is no TLS: somebody speaks something else here.
struct record_header_error {
  std::string header;  // the first five bytes
  net::conn conn;      // below: for an answer in words that the other end may understand
  std::string what() const { return "tls: first record does not look like a TLS handshake"; }
};

/// The other end has refused, or ended, the connection by an alert.
struct alert_error {
  std::uint8_t alert = 0;
  error cause;
  /// "remote error: tls: bad certificate"
  std::string what() const;
  error unwrap() const { return cause; }
};

/// The other end's certificate did not pass.
struct certificate_verification_error {
  std::string reason;  // "x509: certificate signed by unknown authority"
  error cause;
  std::string what() const { return "tls: failed to verify certificate: " + reason; }
  error unwrap() const { return cause; }
};

/// A TLS connection, and a net::conn: a cheap handle that copies share. As there, one goroutine may read while another
/// writes, and several readers (writers) take turns. The first read or write makes the handshake if nobody has; its
/// error stays. Three things differ from a socket:
/// - The end of the stream is io::eof when the peer has said that it is (close_notify); a connection that just ends is
///   io::err_unexpected_eof, wherever that happens.
/// - A write that failed, by a deadline too, may have sent half a record: all later ones fail with the same error.
/// - close() says close_notify first, for which it blocks up to 5 s when the peer does not read, unless a write is
/// under
///   way. close_write() says it and leaves the socket open.
class conn : public net::conn {
 public:
  conn() = default;
  explicit conn(net::detail::handle<net::detail::stream> session) : net::conn(std::move(session)) {}

  /// Makes the handshake, or waits for whoever does; null, or why it failed, also later. Deadlines hold for it. When
  /// ctx is done first, the connection is closed and ctx's error returned.
  error handshake() const;
  error handshake(const context& ctx) const;
  /// What was agreed; only server_name before the handshake. Does not block.
  tls::connection_state connection_state() const;
};

/// A net::listener whose connections are tls::conns. accept does not wait for handshakes.
class listener : public net::listener {
 public:
  listener() = default;
  explicit listener(net::detail::handle<net::detail::acceptor> a) : net::listener(std::move(a)) {}

  result<conn> accept() const;
  /// Uses another config for connections that are accepted from now on. With an error the old one stays.
  error reload(const config& c) const;
};

/// Like net::listen. An error when the config has no certificate.
result<listener> listen(std::string_view network, std::string_view address, const config& c);
/// TLS on what another listener accepts.
result<listener> new_listener(net::listener inner, const config& c);

/// Connects like net::dial and makes the handshake, together for at most `timeout` or until ctx is done.
result<conn> dial(std::string_view network, std::string_view address, const config& c = {});
result<conn> dial(std::string_view network, std::string_view address, const config& c,
                  std::chrono::nanoseconds timeout);
result<conn> dial(std::string_view network, std::string_view address, const config& c, const context& ctx);

/// TLS on a connection that stands, which belongs to the new one from then on. Does not block; errors of the config
/// show at the handshake. A client needs server_name or insecure_skip_verify.
conn client(net::conn inner, const config& c);
conn server(net::conn inner, const config& c);

}  // namespace gofer::tls
