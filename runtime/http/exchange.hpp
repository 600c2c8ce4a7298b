// One connection, and the request on it that is being answered: what http::request and http::response are handles of.
//
// Everything is kept from one request to the next: the input buffer, the parser, the field table, the output buffer. A
// request without a body is never copied: its head stays in the input buffer, which nobody reads into until the answer
// is sent. With a body it is copied aside once, and the buffer is free for the body's pieces.
//
// Invariants: in_ holds nothing but what was received and not consumed. body_left_ counts what of a body of known
// length is neither delivered nor discarded. Nothing is appended to out_ but by compose_head and emit; it is empty
// between answers.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <gofer/http.hpp>
#include <gofer/time.hpp>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/http/input.hpp"
#include "runtime/http/parser.hpp"
#include "runtime/http/state.hpp"
#include "runtime/http/watch.hpp"

namespace gofer {
class panic_value;
}

namespace gofer::http::detail {

using path_values = std::vector<std::pair<std::string, std::string>>;

/// A deadline that is moved as seldom as it may: one between t and t + t/8 from now is as good as one at t. Between two
/// requests of a busy connection it stays where it is, which saves two changes of a timer for each.
class lazy_deadline {
 public:
  /// What to set for a time-out of t from `now`, in nanoseconds of the steady clock; nothing when it is well as it is.
  std::optional<std::int64_t> move(std::int64_t now, std::chrono::nanoseconds t) {
    const std::int64_t soonest = t.count() > 0 ? now + t.count() : 0;
    const std::int64_t latest = t.count() > 0 ? soonest + t.count() / 8 : 0;
    if (at_ >= soonest && at_ <= latest) return std::nullopt;
    at_ = latest;
    return at_;
  }
  std::int64_t time() const { return at_; }
  /// Whether the one that was set last is still to come.
  bool pending(std::int64_t now) const { return at_ == 0 || now < at_; }
  void forget() { at_ = -1; }

 private:
  std::int64_t at_ = 0;  // 0: none
};

/// How long a connection without a request is kept when the server drains, for the request that is on its way. Guessed:
/// a few round trips.
constexpr std::chrono::nanoseconds drain_grace = std::chrono::milliseconds(50);
/// How much of a body that the handler left over is read to keep the connection. Go's number.
constexpr std::size_t discard_limit = 256 * 1024;
/// So much of a body must come within read_timeout.
constexpr std::size_t pace = 64 * 1024;
/// Bigger buffers are not kept from one request to the next.
constexpr std::size_t keep_capacity = 64 * 1024;

class exchange {
 public:
  exchange(std::shared_ptr<server_state> server, net::conn conn, std::uint64_t number);
  /// Closes the connection and tells the server, however the goroutine ends.
  ~exchange();
  exchange(const exchange&) = delete;
  exchange& operator=(const exchange&) = delete;

  /// The connection's life: reads requests and has them answered until one side has had enough.
  void serve();

  const net::conn& connection() const { return conn_; }
  /// From drain(), on any thread: whether it waits for a request. Between its answer and ours it may get one.
  bool idle() const { return idle_.load(std::memory_order_seq_cst); }

  // http::request's.
  std::string_view head(slice s) const { return s.of(head_); }
  std::string_view header(std::string_view name) const;
  const parser& parsed() const { return parser_; }
  std::string_view path() const { return path_; }
  std::string_view query() const { return query_; }
  void set_path(std::string_view path) { path_ = path; }
  path_values& values() { return values_; }
  const path_values& values() const { return values_; }
  result<std::size_t> read_body(std::span<char> into);
  result<std::string_view> read_whole_body();
  const context& request_context();

  // http::response's.
  void set_status(int code);
  void set_header(std::string_view name, std::string_view value, bool replace);
  result<std::size_t> write(std::string_view data);
  error flush();
  void fail(int code, std::string_view text);
  bool head_sent() const { return head_sent_; }
  int status() const { return status_; }
  std::uint64_t written() const { return written_; }

  server_state* server() const { return server_.get(); }

  // The server's list of connections, under its lock.
  exchange* previous = nullptr;
  exchange* next = nullptr;

 private:
  enum class framing { unknown, length, chunks, to_the_end };

  // exchange.cpp
  bool shake_hands();
  bool read_head();
  bool begin_request();
  void refuse(int code);
  void call_handler();
  void report_panic(const panic_value& p);
  bool finish_request();
  void linger();
  void log_access(std::chrono::nanoseconds took) const;

  // watch.cpp
  void watch();
  void end_context();
  void begin_limit();

  // io.cpp
  error fill();
  error fill_idle();
  error fill_head(bool first);
  error receive_into(std::span<char> into, std::size_t& got);
  void set_read_timeout(std::chrono::nanoseconds timeout);
  error send(std::string_view data);

  // body.cpp
  result<std::size_t> read_known_length(std::span<char> into);
  result<std::size_t> read_chunked(std::span<char> into);
  error await_body();
  error body_failed(error err);
  bool body_done() const;
  bool discard_body();

  // answer.cpp
  void reset_answer();
  bool body_allowed() const;
  void compose_head(std::optional<std::uint64_t> length);
  void start_stream();
  error emit(std::string_view more);
  void finish_answer();

  const std::shared_ptr<server_state> server_;
  net::conn conn_;
  latency_shard& latencies_;
  std::atomic<bool> idle_{false};
  lazy_deadline read_deadline_;
  lazy_deadline write_deadline_;
  bool broken_ = false;  // the connection failed: nothing more to send

  // The request.
  input in_;
  parser parser_;
  const char* head_ = nullptr;  // its first byte: in in_, or in head_copy_
  std::string head_copy_;
  std::string_view path_;
  std::string_view query_;
  std::string decoded_path_;
  path_values values_;
  std::uint64_t body_left_ = 0;
  std::size_t body_paced_ = 0;           // bytes since the body's deadline was moved
  error body_error_;                     // what reading it ended with
  int body_refusal_ = 0;                 // the status that answers such an error if the handler does not
  bool continue_due_ = false;            // the client waits for "100 Continue"
  std::optional<live_context> context_;  // when the handler has asked for it
  std::shared_ptr<watcher> watcher_;     // while the client is watched
  timer limit_timer_;
  std::shared_ptr<time_limit> limit_;  // when handlers have one
  std::string body_;                   // what read_whole_body collects

  // The answer.
  int status_ = 200;
  framing framing_ = framing::unknown;
  bool head_sent_ = false;
  bool too_late_ = false;   // the client has been told that the handler takes too long
  bool head_only_ = false;  // to HEAD
  bool close_ = false;      // after this answer
  bool has_content_type_ = false;
  std::optional<std::uint64_t> declared_length_;
  std::uint64_t written_ = 0;
  std::string headers_;  // "Name: value\r\n", as the handler set them
  std::string content_;  // what is collected of the body
  std::string out_;      // what goes to the socket next
};

}  // namespace gofer::http::detail
