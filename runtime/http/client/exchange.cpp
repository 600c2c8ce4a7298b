#include "runtime/http/client/exchange.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <gofer/runtime.hpp>
#include <gofer/select.hpp>
#include <utility>

#include "runtime/http/client/state.hpp"
#include "runtime/http/url.hpp"

namespace gofer::http::detail {

namespace {

/// Sent together with the head, without a goroutine.
constexpr std::size_t small_body = 32 * 1024;
/// As many "1xx" answers may come before the real one. Go's number.
constexpr int most_interim = 5;

/// "context deadline exceeded (Client.Timeout exceeded while awaiting headers)"
struct client_timeout {
  std::string text;
  std::string what() const { return "context deadline exceeded (" + text + ")"; }
  error unwrap() const { return context::deadline_exceeded; }
};

bool is_token(std::string_view name) {
  constexpr std::string_view marks = "!#$%&'*+-.^_`|~";
  return !name.empty() && std::all_of(name.begin(), name.end(), [&](char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || marks.find(c) != marks.npos;
  });
}

bool is_field_value(std::string_view value) {
  return std::none_of(value.begin(), value.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (byte < ' ' && c != '\t') || byte == 0x7f;
  });
}

std::string base64(std::string_view text) {
  constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (std::size_t i = 0; i < text.size(); i += 3) {
    std::uint32_t bits = 0;
    for (std::size_t k = 0; k < 3; k++) {
      bits = bits << 8 | (i + k < text.size() ? static_cast<unsigned char>(text[i + k]) : 0U);
    }
    for (std::size_t k = 0; k < 4; k++) out.push_back(i + k > text.size() ? '=' : digits[bits >> (18 - 6 * k) & 63U]);
  }
  return out;
}

std::chrono::steady_clock::time_point from_now(std::chrono::nanoseconds t) {
  return std::chrono::steady_clock::now() + t;
}

}  // namespace

error journey::explain(error err, std::string_view doing) const {
  if (!ctx.err()) return err;
  if (limited && !request.ctx.err()) return client_timeout{std::string(doing)};
  return ctx.err();
}

client_exchange::client_exchange(std::shared_ptr<client_state> state, std::shared_ptr<const journey> j,
                                 std::unique_ptr<client_connection> c)
    : state_(std::move(state)), journey_(std::move(j)), connection_(std::move(c)), used_before_(connection_->used) {
  if (journey_->ctx.done()) stop_ = after_func(journey_->ctx, [conn = connection_->conn] { conn.close(); });
}

client_exchange::~client_exchange() { finish(); }

void client_exchange::finish() {
  if (!connection_) return;
  // What stop says decides: if the context has fired, the connection is being closed.
  const bool undisturbed = !stop_ || (*stop_)();
  // Who has the whole answer may be ahead of the sender, which has only to notice that it is through. Go's time for it.
  if (done_ && undisturbed && sending_)
    select(recv(upload_->ended, [](auto&&) {}), after(std::chrono::milliseconds(50), [] {}));
  const bool reusable = done_ && undisturbed && parser_.keep_alive() && connection_->in.empty() &&
                        upload_->complete.load(std::memory_order_acquire) && !state_->options.disable_keep_alives &&
                        !iequals(journey_->request.headers.get("Connection"), "close");
  if (journey_->cancel && !journey_goes_on_) (*journey_->cancel)();
  state_->give_back(std::move(connection_), reusable);
}

error client_exchange::start() {
  const client_request& request = journey_->request;
  std::string head;
  if (error err = compose(head)) return err;
  const bool expects = journey_->has_body() && iequals(request.headers.get("Expect"), "100-continue");
  const bool together = !expects && !request.body_stream && request.body.size() <= small_body;
  if (together) {
    head += request.body;
    upload_->complete.store(true, std::memory_order_release);
  }
  parser_.reset(state_->options.max_header_bytes, request.method == "HEAD");
  if (error err = connection_->conn.write(head).err) return err;
  bool go_on = true;
  if (expects) {
    if (error err = await_continue(go_on)) return err;
  }
  if (!together && go_on) {
    sending_ = true;
    go([j = journey_, conn = connection_->conn, up = upload_] {
      send_stream(*j, conn, *up);
      up->ended.close();
    });
  }
  if (state_->options.response_header_timeout > std::chrono::nanoseconds(0)) {
    connection_->conn.set_read_deadline(from_now(state_->options.response_header_timeout));
  }
  error err = parser_.head_done() ? error() : read_head(false);
  if (err) {
    const std::lock_guard lock(upload_->mu);
    if (upload_->err) return upload_->err;
    if (is(err, os::err_deadline_exceeded)) return wrap(err, "net/http: timeout awaiting response headers");
    return err;
  }
  connection_->conn.set_read_deadline({});
  left_ = parser_.content_length();
  done_ = parser_.body() == response_parser::framing::none && parser_.status() != 101;
  return {};
}

error client_exchange::compose(std::string& head) const {
  const client_request& request = journey_->request;
  const url& where = journey_->where;
  if (!is_token(request.method)) return make_error("net/http: invalid method \"{}\"", request.method);
  for (const auto& [name, value] : request.headers) {
    if (!is_token(name)) return make_error("net/http: invalid header field name \"{}\"", name);
    if (!is_field_value(value)) return make_error("net/http: invalid header field value for \"{}\"", name);
  }
  const std::string_view host = request.headers.has("Host") ? request.headers.get("Host") : where.authority;
  head.append(request.method).append(" ").append(where.target()).append(" HTTP/1.1\r\nHost: ").append(host);
  head.append("\r\n");
  if (!request.headers.has("User-Agent")) head.append("User-Agent: gofer-http-client/1.1\r\n");
  const std::optional<std::uint64_t> length =
      request.body_stream ? request.content_length : std::optional<std::uint64_t>(request.body.size());
  if (!length) {
    head.append("Transfer-Encoding: chunked\r\n");
  } else if (*length > 0 || request.method == "POST" || request.method == "PUT" || request.method == "PATCH") {
    head.append("Content-Length: ").append(std::to_string(*length)).append("\r\n");
  }
  for (const auto& [name, value] : request.headers) {
    if (iequals(name, "Host") || iequals(name, "Content-Length") || iequals(name, "Transfer-Encoding")) continue;
    head.append(name).append(": ").append(value).append("\r\n");
  }
  if (!where.userinfo.empty() && !request.headers.has("Authorization")) {
    std::string decoded;
    unescape(where.userinfo, false, decoded);
    if (decoded.find(':') == std::string::npos) decoded.push_back(':');
    head.append("Authorization: Basic ").append(base64(decoded)).append("\r\n");
  }
  if (state_->options.disable_keep_alives && !request.headers.has("Connection")) head.append("Connection: close\r\n");
  head.append("\r\n");
  return {};
}

void client_exchange::send_stream(const journey& j, const net::conn& conn, upload& up) {
  const client_request& request = j.request;
  if (!request.body_stream) {
    if (!conn.write(request.body).err) up.complete.store(true, std::memory_order_release);
    return;
  }
  const bool chunked = !request.content_length;
  std::uint64_t left = request.content_length.value_or(0);
  const auto piece = std::make_unique_for_overwrite<char[]>(small_body);
  std::string out;
  error err;
  for (;;) {
    const result<std::size_t> got = request.body_stream({piece.get(), small_body});
    if (!chunked && got.value > left) err = make_error("http: body is longer than its content_length");
    if (err) break;
    left -= chunked ? 0 : got.value;
    out.clear();
    if (chunked && got.value > 0) {
      char digits[20];
      out.append(digits, std::to_chars(digits, digits + sizeof digits, got.value, 16).ptr).append("\r\n");
    }
    out.append(piece.get(), got.value);
    if (chunked && got.value > 0) out.append("\r\n");
    if (chunked && got.err == io::eof) out.append("0\r\n\r\n");
    // The server may have answered and gone: what it said is the reader's to find.
    if (!out.empty() && conn.write(out).err) return;
    if (got.err == io::eof) {
      if (left > 0) err = make_error("http: body is {} bytes shorter than its content_length", left);
      break;
    }
    if (got.err) {
      err = got.err;
      break;
    }
  }
  if (!err) return up.complete.store(true, std::memory_order_release);
  {
    const std::lock_guard lock(up.mu);
    up.err = err;
  }
  conn.close();
}

error client_exchange::await_continue(bool& go_on) {
  if (state_->options.expect_continue_timeout > std::chrono::nanoseconds(0)) {
    connection_->conn.set_read_deadline(from_now(state_->options.expect_continue_timeout));
  }
  error err = read_head(true);
  connection_->conn.set_read_deadline({});
  if (err && !is(err, os::err_deadline_exceeded)) return err;
  go_on = !parser_.head_done();
  return {};
}

error client_exchange::read_head(bool may_go_on) {
  input& in = connection_->in;
  for (int interim = 0;;) {
    while (!in.empty()) {
      constexpr std::string_view name = "HTTP/";
      heard_ = true;
      if (in.pending().substr(0, name.size()) != name.substr(0, in.size())) {
        return make_error("net/http: HTTP/1.x transport connection broken: malformed HTTP response \"{}\"",
                          in.pending().substr(0, std::min<std::size_t>(in.pending().find_first_of("\r\n"), 60)));
      }
      response_parser::step step = parser_.take_head(in.pending());
      in.consume(step.consumed);
      if (!step.problem.empty()) return make_error(step.problem);
      if (!parser_.head_done()) break;
      if (parser_.status() >= 200 || parser_.status() == 101) return {};
      if (++interim > most_interim) return make_error("net/http: too many 1xx informational responses");
      const bool go_on = may_go_on && parser_.status() == 100;
      parser_.reset(state_->options.max_header_bytes, journey_->request.method == "HEAD");
      if (go_on) return {};
    }
    if (error err = fill()) return err == io::eof && !in.empty() ? io::err_unexpected_eof : err;
  }
}

error client_exchange::fill() {
  const result<std::size_t> got = connection_->conn.read(connection_->in.room());
  connection_->in.received(got.value);
  return got.value > 0 ? error() : got.err;
}

result<std::size_t> client_exchange::read(std::span<char> into) {
  if (done_) {
    finish();
    return {0, io::eof};
  }
  if (into.empty()) return {};
  if (read_err_) return {0, read_err_};
  if (!connection_) return {0, make_error("http: read on closed response body")};
  result<std::size_t> got = read_some(into);
  if (got.err == io::eof) {
    done_ = true;
    finish();
  } else if (got.err) {
    got.err = read_err_ =
        journey_->explain(std::move(got.err), "Client.Timeout or context cancellation while reading body");
  }
  return got;
}

result<std::size_t> client_exchange::read_some(std::span<char> into) {
  input& in = connection_->in;
  using framing = response_parser::framing;
  if (parser_.body() == framing::chunks) {
    while (!parser_.chunks_done()) {
      std::size_t got = 0;
      const response_parser::step step = parser_.take_chunks(in.pending(), into, got);
      in.consume(step.consumed);
      if (!step.problem.empty()) return {0, make_error(step.problem)};
      if (got > 0) return {got, {}};
      if (step.consumed > 0) continue;
      if (in.size() >= state_->options.max_header_bytes)
        return {0, make_error("http: chunk header or trailer too long")};
      if (error err = fill()) return {0, err == io::eof ? io::err_unexpected_eof : err};
    }
    return {0, io::eof};
  }
  const bool known = parser_.body() == framing::length;
  if (known && left_ == 0) return {0, io::eof};
  if (known) into = into.first(static_cast<std::size_t>(std::min<std::uint64_t>(into.size(), left_)));
  std::size_t got = 0;
  if (in.empty()) {
    const result<std::size_t> r = connection_->conn.read(into);
    if (r.value == 0) return {0, known && r.err == io::eof ? io::err_unexpected_eof : r.err};
    got = r.value;
  } else {
    got = std::min(into.size(), in.size());
    std::memcpy(into.data(), in.pending().data(), got);
    in.consume(got);
  }
  left_ -= known ? got : 0;
  return {got, {}};
}

}  // namespace gofer::http::detail
