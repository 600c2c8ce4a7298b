// The answer: collected, framed and sent.
//
// A handler that writes up to collect_limit bytes has its whole answer sent by one write(2), with its length. Beyond
// that, or at a flush, the head goes out and the body follows in chunks. Rejected: writev for head and body
// (conn_.write takes one piece, and copying 32 KiB costs a third of what a system call does), and leaving pipelined
// answers together in the buffer, which would keep the first from its reader for as long as the handler of the second
// likes to take.
#include <algorithm>
#include <charconv>

#include "runtime/http/date.hpp"
#include "runtime/http/exchange.hpp"
#include "runtime/http/url.hpp"

namespace gofer::http::detail {

namespace {

constexpr std::size_t collect_limit = 32 * 1024;

constinit date_cache dates;

void append_number(std::string& out, std::uint64_t n, int base = 10) {
  char digits[20];
  out.append(digits, std::to_chars(digits, digits + sizeof digits, n, base).ptr);
}

bool is_token(std::string_view name) {
  constexpr std::string_view marks = "!#$%&'*+-.^_`|~";
  return !name.empty() && std::all_of(name.begin(), name.end(), [&](char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || marks.find(c) != marks.npos;
  });
}

/// Removes every line of this name from "Name: value\r\n" lines.
void remove_lines(std::string& lines, std::string_view name) {
  for (std::size_t at = 0; at < lines.size();) {
    const std::size_t next = lines.find("\r\n", at) + 2;
    const std::string_view line(lines.data() + at, next - at);
    if (line.size() > name.size() && line[name.size()] == ':' && iequals(line.substr(0, name.size()), name)) {
      lines.erase(at, next - at);
    } else {
      at = next;
    }
  }
}

}  // namespace

void exchange::reset_answer() {
  status_ = 200;
  framing_ = framing::unknown;
  head_sent_ = false;
  close_ = false;
  has_content_type_ = false;
  declared_length_.reset();
  written_ = 0;
  headers_.clear();
  content_.clear();
  out_.clear();
}

void exchange::set_status(int code) {
  if (!head_sent_ && code >= 200 && code <= 599) status_ = code;
}

void exchange::set_header(std::string_view name, std::string_view value, bool replace) {
  if (head_sent_ || !is_token(name)) return;
  if (iequals(name, "Content-Length")) {
    std::uint64_t length = 0;
    const auto [end, ec] = std::from_chars(value.data(), value.data() + value.size(), length);
    if (ec == std::errc() && end == value.data() + value.size()) declared_length_ = length;
    return;
  }
  if (iequals(name, "Connection")) {
    close_ = close_ || iequals(value, "close");
    return;
  }
  if (iequals(name, "Date") || iequals(name, "Transfer-Encoding")) return;
  if (iequals(name, "Content-Type")) has_content_type_ = true;
  if (replace && !headers_.empty()) remove_lines(headers_, name);
  headers_.append(name).append(": ");
  const std::size_t at = headers_.size();
  headers_.append(value);
  std::replace_if(
      headers_.begin() + static_cast<std::ptrdiff_t>(at), headers_.end(),
      [](char c) { return c == '\r' || c == '\n' || c == '\0'; }, ' ');
  headers_.append("\r\n");
}

bool exchange::body_allowed() const { return !head_only_ && status_ != 204 && status_ != 304; }

void exchange::compose_head(std::optional<std::uint64_t> length) {
  head_sent_ = true;
  too_late_ = limit_ && !limit_->handler_first();
  const bool http11 = parser_.version() >= 11;
  // What may not be skipped in reasonable time, or will not come, ends the connection.
  if (!parser_.keep_alive() || server_->draining() || continue_due_ || body_left_ > discard_limit ||
      (body_error_ && body_error_ != io::eof)) {
    close_ = true;
  }
  out_.append(http11 ? "HTTP/1.1 " : "HTTP/1.0 ");
  append_number(out_, static_cast<std::uint64_t>(status_));
  out_.append(" ").append(status_text(status_)).append("\r\nDate: ");
  dates.append_to(out_);
  out_.append("\r\n").append(headers_);
  if (!has_content_type_ && length != 0U && status_ != 204 && status_ != 304) {
    out_.append("Content-Type: text/plain; charset=utf-8\r\n");
  }
  if (framing_ == framing::chunks) {
    out_.append("Transfer-Encoding: chunked\r\n");
  } else if (length && status_ != 204) {
    out_.append("Content-Length: ");
    append_number(out_, *length);
    out_.append("\r\n");
  }
  if (close_) {
    out_.append("Connection: close\r\n");
  } else if (!http11) {
    out_.append("Connection: keep-alive\r\n");
  }
  out_.append("\r\n");
}

void exchange::start_stream() {
  if (declared_length_) {
    framing_ = framing::length;
  } else if (parser_.version() >= 11) {
    framing_ = framing::chunks;
  } else {
    framing_ = framing::to_the_end;
    close_ = true;
  }
  compose_head(declared_length_);
}

result<std::size_t> exchange::write(std::string_view data) {
  if (broken_) return {0, too_late_ ? err_handler_timeout : net::err_closed};
  if (body_allowed() && declared_length_ && data.size() > *declared_length_ - std::min(written_, *declared_length_)) {
    return {0, make_error("http: wrote more than the declared Content-Length")};
  }
  written_ += data.size();
  if (!body_allowed()) return {data.size(), {}};
  if (data.size() <= collect_limit - std::min(content_.size(), collect_limit)) {
    content_.append(data);
    return {data.size(), {}};
  }
  if (!head_sent_) start_stream();
  if (error err = emit(data)) return {0, std::move(err)};
  return {data.size(), {}};
}

error exchange::flush() {
  if (broken_) return too_late_ ? err_handler_timeout : net::err_closed;
  if (!head_sent_) start_stream();
  return emit({});
}

error exchange::emit(std::string_view more) {
  const std::size_t total = content_.size() + more.size();
  const bool chunk = framing_ == framing::chunks && total > 0;
  if (chunk) {
    append_number(out_, total, 16);
    out_.append("\r\n");
  }
  out_.append(content_);
  content_.clear();
  if (more.size() <= collect_limit) {
    out_.append(more);
    more = {};
    if (chunk) out_.append("\r\n");
  }
  error err = send(out_);
  out_.clear();
  if (err || more.empty()) return err;
  err = send(more);
  if (chunk) out_.append("\r\n");  // leaves with what comes next
  return err;
}

void exchange::fail(int code, std::string_view text) {
  if (head_sent_) return;
  content_.clear();
  written_ = 0;
  declared_length_.reset();
  set_status(code);
  set_header("Content-Type", "text/plain; charset=utf-8", true);
  set_header("X-Content-Type-Options", "nosniff", true);
  write(text);
}

void exchange::finish_answer() {
  if (broken_) return;
  if (body_refusal_ != 0 && !head_sent_ && written_ == 0 && status_ == 200) {
    fail(body_refusal_, std::string(status_text(body_refusal_)) + "\n");
  }
  if (!head_sent_) {
    std::optional<std::uint64_t> length = content_.size();
    if (!body_allowed()) {
      // HEAD is told GET's length, when that is known.
      length = declared_length_ ? declared_length_ : std::optional(written_);
      if (length == 0U) length.reset();
    }
    compose_head(length);
    out_.append(content_);
    content_.clear();
  } else if (framing_ == framing::chunks && body_allowed()) {
    if (!content_.empty()) {
      append_number(out_, content_.size(), 16);
      out_.append("\r\n").append(content_).append("\r\n");
      content_.clear();
    }
    out_.append("0\r\n\r\n");
  } else {
    out_.append(content_);
    content_.clear();
  }
  send(out_);
  out_.clear();
  // Less than was promised: the connection's end is the only way to say so.
  if (framing_ == framing::length && body_allowed() && written_ < *declared_length_) broken_ = true;
}

}  // namespace gofer::http::detail
