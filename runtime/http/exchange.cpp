// A connection's life: wait for a head, have it answered, again.
#include "runtime/http/exchange.hpp"

#include <algorithm>
#include <gofer/defer.hpp>
#include <gofer/panic.hpp>
#include <gofer/runtime.hpp>
#include <iterator>
#include <string>
#include <string_view>

#if !defined(GOFER_WITHOUT_TLS)
#include <gofer/tls.hpp>
#endif

#include "runtime/http/url.hpp"
#include "sched/clock.hpp"

namespace gofer::http::detail {

exchange::exchange(std::shared_ptr<server_state> server, net::conn conn, std::uint64_t number)
    : server_(std::move(server)), conn_(std::move(conn)), latencies_(server_->shard_of(number)) {}

exchange::~exchange() {
  if (context_) context_->cancel(context::canceled);
  conn_.close();
  server_->leave(*this);
}

void exchange::serve() {
  if (!shake_hands()) return;
  while (read_head()) {
    const std::int64_t begun = sched::nanotime();
    begin_limit();
    call_handler();
    finish_answer();
    const std::chrono::nanoseconds took(sched::nanotime() - begun);
    latencies_.record(took);
    log_access(took);
    end_context();
    if (!finish_request()) return;
  }
}

bool exchange::shake_hands() {
  net::detail::stream* stream = conn_.stream();
  const error err = stream != nullptr ? stream->handshake(server_->options.read_header_timeout) : error();
  if (!err) return true;
  if (err == io::err_unexpected_eof) return false;  // somebody who looked whether we are there
  server_->log("http: TLS handshake error from " + conn_.remote_addr().str() + ": " + err.what() + "\n");
#if !defined(GOFER_WITHOUT_TLS)
  const auto* other = as<tls::record_header_error>(err);
  constexpr std::string_view methods[] = {"GET /", "HEAD ", "POST ", "PUT /", "OPTIO"};
  if (other != nullptr && std::find(std::begin(methods), std::end(methods), other->header) != std::end(methods)) {
    other->conn.write("HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n");
  }
#endif
  return false;
}

bool exchange::read_head() {
  const server_options& options = server_->options;
  parser_.reset(options.max_header_bytes, options.max_body_bytes);
  head_only_ = false;
  head_ = nullptr;
  bool begun = false;    // the request's first byte is here
  std::size_t done = 0;  // bytes of the head that the parser has taken
  for (;;) {
    while (!begun && !in_.empty()) {
      // RFC 9112, 2.2: empty lines before a request are to be ignored.
      if (in_.pending()[0] != '\r' && in_.pending()[0] != '\n') begun = true;
      if (!begun) in_.consume(1);
    }
    if (in_.size() > done) {
      const parser::step step = parser_.take_head(in_.pending().substr(done), done);
      done += step.consumed;
      if (step.refusal != 0) {
        refuse(step.refusal);
        return false;
      }
      if (parser_.head_done()) {
        head_ = in_.pending().data();
        if (parser_.content_length() != 0U) {
          head_copy_.assign(head_, done);
          head_ = head_copy_.data();
        }
        in_.consume(done);
        return begin_request();
      }
      if (in_.size() >= options.max_header_bytes) {
        refuse(431);
        return false;
      }
    }
    const error err = begun ? fill_head(done == 0) : fill_idle();
    if (err) {
      if (begun && is(err, os::err_deadline_exceeded)) refuse(408);
      return false;
    }
  }
}

bool exchange::begin_request() {
  const std::string_view target = parser_.target().of(head_);
  const target_parts parts = split_target(target);
  path_ = parts.path;
  query_ = parts.query;
  values_.clear();
  body_left_ = parser_.content_length().value_or(0);
  body_paced_ = pace;
  body_.clear();
  body_error_ = nullptr;
  body_refusal_ = 0;
  // Who has sent some of the body already does not wait.
  continue_due_ = parser_.expects_continue() && in_.empty();
  reset_answer();
  head_only_ = parser_.method().of(head_) == "HEAD";
  if (path_.find('%') != std::string_view::npos) {
    decoded_path_.clear();
    if (!unescape(path_, false, decoded_path_)) {
      refuse(400);
      return false;
    }
    path_ = decoded_path_;
  }
  return true;
}

void exchange::call_handler() {
  func([this] {
    defer recovered{[this] {
      if (const panic_value p = recover()) report_panic(p);
    }};
    response res(*this);
    request req(*this);
    server_->handle(res, req);
  });
}

void exchange::report_panic(const panic_value& p) {
  server_->panics.fetch_add(1, std::memory_order_relaxed);  // a statistic
  std::string record = "http: panic serving ";
  record.append(conn_.remote_addr().str()).append(", ");
  record.append(parser_.method().of(head_)).append(" ").append(parser_.target().of(head_)).append(": ");
  record.append(p.what()).append("\ngoroutine ").append(std::to_string(goid())).append(" [running]:\n");
  record.append(p.stack());
  if (record.back() != '\n') record.push_back('\n');
  server_->log(record);
  if (head_sent_) {
    // Cut off, so that the client does not take the half for the whole.
    broken_ = true;
    return;
  }
  reset_answer();
  fail(500, "Internal Server Error\n");
}

void exchange::refuse(int code) {
  reset_answer();
  close_ = true;
  fail(code, std::string(status_text(code)) + "\n");
  finish_answer();
  log_access(std::chrono::nanoseconds(0));
  linger();
}

void exchange::log_access(std::chrono::nanoseconds took) const {
  const auto& to = server_->options.access_log;
  if (!to) return;
  access_record record;
  const std::string remote = conn_.remote_addr().str();
  record.remote_addr = remote;
  if (head_ != nullptr) {
    record.method = parser_.method().of(head_);
    record.target = parser_.target().of(head_);
    record.version = parser_.version();
    record.referer = header("Referer");
    record.user_agent = header("User-Agent");
  }
  record.status = too_late_ ? 503 : status_;
  record.bytes = body_allowed() && !too_late_ ? written_ : 0;
  record.took = took;
  to(record);
}

bool exchange::finish_request() {
  if (too_late_) {
    broken_ = false;
    linger();
    return false;
  }
  if (broken_) return false;
  if (!close_ && discard_body()) {
    in_.shrink();
    if (head_copy_.capacity() > keep_capacity) head_copy_ = std::string();
    if (body_.capacity() > keep_capacity) body_ = std::string();
    return true;
  }
  // Is there something unread on its way?
  if (!body_done() || !in_.empty()) linger();
  return false;
}

void exchange::linger() {
  if (broken_) return;
  // Closing a socket with unread input resets the connection, and the reset may overtake the answer. So say that this
  // was all, and read for a while what is still on its way.
  conn_.close_write();
  read_deadline_.forget();
  set_read_timeout(std::chrono::milliseconds(500));
  for (std::size_t total = 0; total < discard_limit;) {
    std::size_t got = 0;
    in_.consume(in_.size());
    if (receive_into(in_.room(), got)) return;
    total += got;
  }
}

}  // namespace gofer::http::detail
