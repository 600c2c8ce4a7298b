// One request of a client and its answer, on one connection.
//
// A body of some length is sent by a goroutine of its own, so that a server may answer before it has read everything
// (413, or an echo) without both sides waiting for room. That goroutine is never waited for: it owns what it needs, and
// a connection whose sender has not finished when the answer has is closed.
//
// The context ends everything by closing the connection; whoever then fails asks the context why.
#pragma once

#include <atomic>
#include <gofer/chan.hpp>
#include <gofer/context.hpp>
#include <gofer/http/client.hpp>
#include <gofer/net.hpp>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "runtime/http/client/response_parser.hpp"
#include "runtime/http/client/url.hpp"
#include "runtime/http/input.hpp"

namespace gofer::http::detail {

class client_state;

struct client_connection {
  net::conn conn;
  input in;
  std::string key;
  bool used = false;  // has answered before
};

/// A request on its way through redirects and second attempts: all of them have one end.
struct journey {
  client_request request;
  url where;
  context ctx;
  std::optional<cancel_func> cancel;  // when ctx is our own
  bool limited = false;               // by client_options::timeout

  /// What to say instead of err when the context is why; `doing` is for our own time-out.
  error explain(error err, std::string_view doing) const;
  bool has_body() const { return !request.body.empty() || request.body_stream; }
};

class client_exchange {
 public:
  client_exchange(std::shared_ptr<client_state> state, std::shared_ptr<const journey> j,
                  std::unique_ptr<client_connection> c);
  ~client_exchange();
  client_exchange(const client_exchange&) = delete;
  client_exchange& operator=(const client_exchange&) = delete;

  /// Sends the request and reads the answer's head.
  error start();
  response_parser& head() { return parser_; }
  /// Whether the connection failed before it said anything.
  bool unheard() const { return !heard_; }
  bool used_before() const { return used_before_; }

  result<std::size_t> read(std::span<char> into);
  /// The journey goes on after this answer: its context lives on.
  void keep_context() { journey_goes_on_ = true; }
  /// The connection goes back to the pool if it can serve another request, else it is closed.
  void finish();

 private:
  struct upload {
    std::mutex mu;  // for err only
    error err;      // why the body could not be had
    std::atomic<bool> complete{false};
    chan<> ended{0};  // closed when the sender is through
  };

  error compose(std::string& head) const;
  error send_body();
  static void send_stream(const journey& j, const net::conn& conn, upload& up);
  error await_continue(bool& go_on);
  error read_head(bool may_go_on);
  error fill();
  result<std::size_t> read_some(std::span<char> into);

  const std::shared_ptr<client_state> state_;
  const std::shared_ptr<const journey> journey_;
  std::unique_ptr<client_connection> connection_;
  std::optional<stop_func> stop_;
  std::shared_ptr<upload> upload_ = std::make_shared<upload>();
  response_parser parser_;
  std::uint64_t left_ = 0;
  bool used_before_ = false;
  bool heard_ = false;
  bool sending_ = false;  // by a goroutine
  bool journey_goes_on_ = false;
  bool done_ = false;  // the answer was read to its end
  error read_err_;
};

}  // namespace gofer::http::detail
