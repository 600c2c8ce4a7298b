// HTTP/1.1 for servers: one goroutine per connection, handlers that read like blocking code, and a panic in one of them
// that costs its client a 500 and nobody else anything.
//
//   gofer::http::serve_mux mux;
//   mux.handle("GET /hello/{name}", [](gofer::http::response& res, gofer::http::request& req) {
//     res.write("Hello, " + std::string(req.path_value("name")) + "\n");
//   });
//   auto listener = gofer::must(gofer::net::listen("tcp", "127.0.0.1:8080"));
//   gofer::error err = gofer::http::server{mux}.serve(listener);
//
// The names are those of Go's net/http. The parser behind it is Boost.Beast's, which this header does not show:
// including it costs every file several seconds of compiling.
#pragma once

#include <array>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <gofer/context.hpp>
#include <gofer/error.hpp>
#include <gofer/http/client.hpp>
#include <gofer/net.hpp>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace gofer::tls {
struct config;
}

namespace gofer::http {

/// What serve returns after shutdown or close.
inline constinit gofer::detail::sentinel_error err_server_closed_node{"http: Server closed"};
inline constinit const error err_server_closed{err_server_closed_node};
/// What reading a request's body returns when it is longer than server_options::max_body_bytes.
inline constinit gofer::detail::sentinel_error err_body_too_large_node{"http: request body too large"};
inline constinit const error err_body_too_large{err_body_too_large_node};

namespace detail {
class exchange;      // one connection and the request on it
class server_state;  // what a server and its connections share
class mux_table;
}  // namespace detail

/// What writing an answer returns, and why the request's context is done, after server_options::handler_timeout.
inline constinit gofer::detail::sentinel_error err_handler_timeout_node{"http: Handler timeout"};
inline constinit const error err_handler_timeout{err_handler_timeout_node};

/// One header line, as it was sent.
struct header_field {
  std::string_view name;
  std::string_view value;
};

class request;
class response;

/// Answers a request. Called on the connection's goroutine, for several connections at once. It may block, panic, throw
/// and start goroutines, which must not touch the request or the response after it has returned.
using handler = std::function<void(response&, request&)>;

/// A request that is being answered. It belongs to the handler's goroutine, and it and every view that it gives away
/// are valid until the handler returns. Not thread-safe.
class request {
 public:
  request(const request&) = delete;
  request& operator=(const request&) = delete;

  /// "GET", in the letters that were sent.
  std::string_view method() const;
  /// The request line's middle, as sent: "/find%20it?q=1".
  std::string_view target() const;
  /// The target's path, percent-decoded: "/find it".
  std::string_view path() const;
  /// What follows the '?', as sent.
  std::string_view query() const;
  /// The first value of this name in the query, decoded; nothing when there is none.
  std::optional<std::string> query_value(std::string_view name) const;
  /// What {name} in the serve_mux's pattern stood for, decoded; empty when there is no such wildcard.
  std::string_view path_value(std::string_view name) const;
  /// 10 or 11: HTTP/1.0 or HTTP/1.1.
  int version() const;

  /// The first value of this header, whose name is compared without regard to case; empty when it was not sent.
  std::string_view header(std::string_view name) const;
  /// All headers in the order in which they were sent.
  std::vector<header_field> headers() const;
  /// The body's length when the client announced it; 0 without a body; nothing when it comes in chunks.
  std::optional<std::uint64_t> content_length() const;
  /// Where the client is: "127.0.0.1:51234".
  std::string remote_addr() const;

  /// Reads some of the body: at least one byte, or io::eof at its end. Blocks the goroutine until data is there, at
  /// most as long as read_timeout says. Answers "Expect: 100-continue" first. Errors: err_body_too_large,
  /// io::err_unexpected_eof, os::err_deadline_exceeded, a text for malformed chunks, what the connection says.
  result<std::size_t> read(std::span<char> into);
  /// All that is left of the body. Blocks and fails as read does.
  result<std::string_view> body();

  /// Done when the client has closed its side or is gone, when handler_timeout has passed (cause():
  /// err_handler_timeout), when the server is closed, and when the handler has returned. A client is watched from the
  /// first call on, once the body has been read; who never asks does not pay for it. May be kept.
  const gofer::context& context();

 private:
  friend class detail::exchange;
  friend class detail::mux_table;
  friend handler strip_prefix(std::string, handler);
  explicit request(detail::exchange& x) : x_(&x) {}
  detail::exchange* x_;
};

/// The answer that a handler makes. What is written is collected: a short answer leaves in one piece with its length
/// when the handler returns; a long one, or one that is flushed, as it grows. Not thread-safe.
class response {
 public:
  response(const response&) = delete;
  response& operator=(const response&) = delete;

  /// 200 until it is called. Has no effect once the head is sent, and none for numbers outside 200..599.
  response& status(int code);
  /// Sets a header, replacing any of the same name; add() does not replace. CR and LF in a value become spaces, and a
  /// name that is none is ignored. No effect once the head is sent. Content-Length may be set when a long answer's
  /// length is known beforehand; Date, Transfer-Encoding and the connection's keeping alive are the server's business
  /// ("Connection: close" is honoured).
  response& set(std::string_view name, std::string_view value);
  response& add(std::string_view name, std::string_view value);

  /// Appends to the body. Blocks only when the collected part is sent, at most as long as write_timeout says for each
  /// 256 KiB. An error means that the client is gone; the rest of the answer may be saved.
  result<std::size_t> write(std::string_view data);
  template <class Span>
  requires std::same_as<Span, std::span<const char>> || std::same_as<Span, std::span<char>> result<std::size_t> write(
      Span data) {
    return write(std::string_view(data.data(), data.size()));
  }
  /// Sends what is collected. The answer goes on in chunks (until the connection's end, for a client of HTTP/1.0).
  error flush();

  /// The status as it stands, and how many bytes of the body were written so far.
  int status() const;
  std::uint64_t written() const;

  /// Drops what is collected and answers with this status and text instead. No effect once the head is sent.
  void fail(int code, std::string_view text);
  /// Whether the head is sent, after which the status and the headers cannot be changed any more.
  bool head_sent() const;

 private:
  friend class detail::exchange;
  explicit response(detail::exchange& x) : x_(&x) {}
  detail::exchange* x_;
};

/// Chooses a handler by method and path, with Go 1.22's patterns: "[METHOD ]PATH", where
///   /a/b      is just that path              /a/{x}       has one segment for {x}
///   /a/       is every path below it         /a/{x...}    has all the rest of the path for {x}
///   /a/{$}    is just that path, with its slash
/// and GET is HEAD too. Where several patterns match, the first segment in which they differ decides: text before {x}
/// before a rest; then a pattern with a method before one without. No match is answered with 404, a match but for the
/// method with 405 and Allow.
/// Copies share nothing. Not thread-safe while handle() is called; a server has a copy of its own.
class serve_mux {
 public:
  serve_mux();
  serve_mux(const serve_mux& other);
  serve_mux& operator=(const serve_mux& other);
  serve_mux(serve_mux&&) noexcept;
  serve_mux& operator=(serve_mux&&) noexcept;
  ~serve_mux();

  /// Panics when the pattern is malformed or registered already, or h is empty.
  void handle(std::string_view pattern, handler h);
  void operator()(response& res, request& req) const;

 private:
  std::unique_ptr<detail::mux_table> table_;
};

/// How many requests took how long. Buckets grow by an eighth of an octave or less, so a quantile is within 6.25 % of
/// the truth between 1 µs and 68 s.
struct latency_histogram {
  static constexpr std::size_t buckets = 2 + 26 * 8;
  std::array<std::uint64_t, buckets> counts{};

  std::uint64_t total() const;
  /// The time within which the fraction q (0 to 1) of the requests was answered; 0 when there were none.
  std::chrono::nanoseconds quantile(double q) const;
  /// What came after `earlier`, a former state of the same histogram.
  latency_histogram since(const latency_histogram& earlier) const;
  static std::size_t bucket_of(std::chrono::nanoseconds latency);
};

struct server_stats {
  std::uint64_t requests = 0;  // answered by the handler, or for it after a panic
  std::uint64_t panics = 0;    // of handlers, recovered
  std::uint64_t accepted = 0;  // connections since the beginning
  std::size_t connections = 0;
  latency_histogram latency;  // from a request's complete head to its answer in the socket
};

/// One answered request, for an access log.
struct access_record {
  std::string_view remote_addr;
  std::string_view method;  // empty when the request could not be read
  std::string_view target;
  int version = 11;
  int status = 200;
  std::uint64_t bytes = 0;  // of the answer's body
  std::chrono::nanoseconds took{0};
  std::string_view referer;
  std::string_view user_agent;
};
/// The record as a line of the Combined Log Format, without its end.
std::string access_line(const access_record& record);

struct server_options {
  /// How long a client may take for a request's head, from its first byte. Answered with 408. As for all the time-outs:
  /// zero or less is none, and up to an eighth longer is possible, which is what makes them nearly free.
  std::chrono::nanoseconds read_header_timeout = std::chrono::seconds(10);
  /// How long it may take for each further 64 KiB of a body.
  std::chrono::nanoseconds read_timeout = std::chrono::seconds(30);
  /// How long it may take to accept each 256 KiB of an answer.
  std::chrono::nanoseconds write_timeout = std::chrono::seconds(30);
  /// How long a connection is kept between requests, and before the first.
  std::chrono::nanoseconds idle_timeout = std::chrono::seconds(120);
  /// Request line and headers together; more is answered with 431.
  std::size_t max_header_bytes = 8192;
  /// A longer body is answered with 413 without calling the handler when it announces its length; else reading it fails
  /// with err_body_too_large.
  std::uint64_t max_body_bytes = std::uint64_t{1} << 20;
  /// How long a handler may take until its answer begins. Then the client gets 503 and the connection ends; the handler
  /// goes on, is told by its context, and its writes fail with err_handler_timeout. Zero or less: no limit.
  std::chrono::nanoseconds handler_timeout{0};
  /// Connections at one time; further ones are left waiting in the system's queue. 0: no limit.
  std::size_t max_connections = 0;
  /// Called after each answer, from its connection's goroutine; the views die with the call.
  std::function<void(const access_record&)> access_log = nullptr;
  /// Called with each log record, one or more lines ended by '\n', from any goroutine. Empty: they go to stderr, with
  /// the time in front.
  std::function<void(std::string_view)> log = nullptr;
};

/// Serves a handler. All functions may be called from everywhere, also from handlers.
class server {
 public:
  explicit server(handler h, server_options options = {});
  server(server&&) noexcept = default;
  server& operator=(server&&) = delete;
  /// Closes, as close() does.
  ~server();

  /// Accepts connections and serves them until shutdown or close, and then returns err_server_closed; or until accept
  /// fails for good, and then returns its error. Running out of descriptors or memory is not for good: it is logged,
  /// and accept is tried again after 5 ms, doubled up to 1 s. Closes the listener in the end. May be called for several
  /// listeners at once. Connections live on after it has returned.
  error serve(net::listener listener);
  /// The same with TLS on the connections (a listener of tls::listen needs no such thing: serve takes it as it is).
  /// Without protocols of its own the config gets "http/1.1". Errors of the config are returned at once.
  error serve_tls(net::listener listener, const tls::config& config);

  /// Stops accepting, lets requests that have arrived be answered (with "Connection: close"), and blocks until the last
  /// connection is closed: null; or until the time is up: os::err_deadline_exceeded, or the context's error. The
  /// connections left over then go on; close() ends them.
  error shutdown(std::chrono::nanoseconds timeout);
  error shutdown(const context& ctx);

  /// Closes listeners and connections at once. Handlers that are running go on until they notice.
  void close();

  server_stats stats() const;

 private:
  std::shared_ptr<detail::server_state> state_;
};

/// Something around a handler: it gets the handler inside, and gives the one that is called instead.
using middleware = std::function<handler(handler)>;
/// The handler inside all of these, of which the first is the outermost.
handler chain(std::initializer_list<middleware> around, handler inside);
/// For paths that begin with `prefix`, which the handler inside does not see in path(); others are answered with 404.
handler strip_prefix(std::string prefix, handler inside);

/// Serves the files below a folder by the request's path, as Go's FileServer does: GET and HEAD, index.html for a
/// folder, Last-Modified and ETag with the conditions on them, one or several ranges. Nothing outside of the folder is
/// served, whatever the path or a symbolic link says. Folders without an index.html are 404: nothing is listed.
handler file_server(std::string folder);
/// Answers with one file.
void serve_file(response& res, request& req, const std::string& file);

/// The standard text of a status: "Not Found"; empty for an unknown one.
std::string_view status_text(int code);

}  // namespace gofer::http
