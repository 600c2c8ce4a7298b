// HTTP/1.1 for clients: connections that are used again, redirects, time-outs, and bodies as long as one likes both
// ways. https where gofer has TLS.
//
//   auto [res, err] = gofer::http::get("https://example.org/");
//   if (err) return err;                       // Get "https://example.org/": dial tcp: lookup example.org: no such
//   host auto [text, failed] = res.body();
//
// Behaviour, defaults and texts of errors are those of Go's http.Client and http.Transport; without proxies, cookies,
// HTTP/2 and decompression.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <gofer/context.hpp>
#include <gofer/error.hpp>
#include <gofer/io.hpp>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace gofer::tls {
struct config;
}

namespace gofer::http {

namespace detail {
class client_state;
class client_exchange;
}  // namespace detail

/// Header fields in their order; names are compared without regard to case.
class header_map {
 public:
  using field = std::pair<std::string, std::string>;

  header_map() = default;
  header_map(std::initializer_list<field> fields) : fields_(fields) {}

  /// The first value; empty when there is none.
  std::string_view get(std::string_view name) const;
  bool has(std::string_view name) const;
  std::vector<std::string_view> values(std::string_view name) const;
  /// Replaces all of this name.
  void set(std::string_view name, std::string_view value);
  void add(std::string_view name, std::string_view value);
  void remove(std::string_view name);

  auto begin() const { return fields_.begin(); }
  auto end() const { return fields_.end(); }
  std::size_t size() const { return fields_.size(); }
  bool empty() const { return fields_.empty(); }

 private:
  std::vector<field> fields_;
};

/// What a client asks for.
struct client_request {
  std::string method = "GET";
  std::string url{};  // http or https
  /// Host replaces the URL's; Content-Length and Transfer-Encoding are the client's business; "Connection: close" and
  /// "Expect: 100-continue" are honoured.
  header_map headers{};
  std::string body{};
  /// Instead of body: called for the next piece until it gives io::eof, in another goroutine; sent in chunks unless
  /// content_length says how much it is. Cannot be sent again, so a redirect that would need it is handed out as it is.
  std::function<result<std::size_t>(std::span<char>)> body_stream = nullptr;
  std::optional<std::uint64_t> content_length{};
  /// When it is done the request fails, and so does reading the answer's body.
  context ctx{};
};

/// The answer. Its head is here, its body comes as it is read. Belongs to one goroutine at a time. A connection is used
/// again when the body was read to its end; close(), and the destructor, close it otherwise.
class client_response {
 public:
  client_response();
  client_response(client_response&&) noexcept;
  client_response& operator=(client_response&&) noexcept;
  ~client_response();

  int status = 0;
  std::string reason;  // "Not Found", as the server put it
  int version = 11;    // 10 or 11
  header_map headers;
  /// Nothing when the length is not known beforehand.
  std::optional<std::uint64_t> content_length;
  /// Where it came from, after redirects.
  std::string url;

  /// Some of the body, at least one byte, or io::eof. Blocks until there is some. io::err_unexpected_eof when the
  /// connection ends too early.
  result<std::size_t> read(std::span<char> into);
  /// All that is left. err_body_too_large when it is more than `most`.
  result<std::string> body(std::size_t most = SIZE_MAX);
  /// Not interested in the rest. Closing again does nothing.
  void close();

 private:
  friend class detail::client_state;
  std::unique_ptr<detail::client_exchange> exchange_;
};

/// Every error of a client: what was asked of whom. is() and as() see through it.
struct url_error {
  std::string op;  // "Get"
  std::string url;
  error err;

  /// "Get \"http://127.0.0.1:1/\": dial tcp 127.0.0.1:1: connection refused"
  std::string what() const { return op + " \"" + url + "\": " + err.what(); }
  error unwrap() const { return err; }
};

/// Given by client_options::check_redirect: not to follow, and no error: the answer at hand is the answer.
inline constinit gofer::detail::sentinel_error err_use_last_response_node{"net/http: use last response"};
inline constinit const error err_use_last_response{err_use_last_response_node};

/// Go's defaults. For times zero or less is no limit.
struct client_options {
  /// For everything from connecting to the body's end.
  std::chrono::nanoseconds timeout{0};
  std::chrono::nanoseconds dial_timeout = std::chrono::seconds(30);
  std::chrono::nanoseconds tls_handshake_timeout = std::chrono::seconds(10);
  /// From the request's end to the answer's head.
  std::chrono::nanoseconds response_header_timeout{0};
  /// How long a body waits for "100 Continue" before it is sent anyway.
  std::chrono::nanoseconds expect_continue_timeout = std::chrono::seconds(1);
  /// How long a connection is kept for the next request.
  std::chrono::nanoseconds idle_timeout = std::chrono::seconds(90);
  std::size_t max_idle = 100;
  std::size_t max_idle_per_host = 2;
  /// Connections to one host, idle ones included; who wants more waits. 0: any number.
  std::size_t max_per_host = 0;
  std::size_t max_header_bytes = std::size_t{10} << 20;
  bool disable_keep_alives = false;
  /// Called before a redirect is followed, with the next request and the URLs so far: null to follow, else the error
  /// that ends it, or err_use_last_response. Empty: at most ten are followed.
  std::function<error(const client_request& next, std::span<const std::string> via)> check_redirect = nullptr;
  /// For https; server_name is set for each host. Empty: the defaults.
  std::shared_ptr<const tls::config> tls = nullptr;
};

/// A client and its connections. Copies share. All functions may be called from everywhere, and by several goroutines
/// at once; they block the goroutine.
class client {
 public:
  explicit client(client_options options = {});

  /// Sends a request and waits for the answer's head, following redirects as Go does. Any status is an answer, not an
  /// error. A request that fails on a connection that had been idle is tried again on another when that can do no harm.
  result<client_response> send(client_request request) const;

  result<client_response> get(std::string_view url, const context& ctx = {}) const;
  result<client_response> head(std::string_view url, const context& ctx = {}) const;
  result<client_response> post(std::string_view url, std::string_view content_type, std::string body,
                               const context& ctx = {}) const;

  /// Closes the connections that nobody uses.
  void close_idle() const;

 private:
  std::shared_ptr<detail::client_state> state_;
};

/// By a client that all of the process share.
result<client_response> send(client_request request);
result<client_response> get(std::string_view url, const context& ctx = {});
result<client_response> head(std::string_view url, const context& ctx = {});
result<client_response> post(std::string_view url, std::string_view content_type, std::string body,
                             const context& ctx = {});

}  // namespace gofer::http
