// The request's body, read as the handler asks for it.
#include <algorithm>
#include <cstring>

#include "runtime/http/exchange.hpp"

namespace gofer::http::detail {

bool exchange::body_done() const {
  if (body_error_) return body_error_ == io::eof;
  return parser_.chunked() ? parser_.body_done() : body_left_ == 0;
}

result<std::size_t> exchange::read_body(std::span<char> into) {
  if (body_error_) return {0, body_error_};
  if (body_done()) return {0, body_error_ = io::eof};
  if (into.empty()) return {};
  result<std::size_t> got = parser_.chunked() ? read_chunked(into) : read_known_length(into);
  if (context_ && !watcher_ && body_done()) watch();
  return got;
}

result<std::size_t> exchange::read_known_length(std::span<char> into) {
  into = into.first(static_cast<std::size_t>(std::min<std::uint64_t>(into.size(), body_left_)));
  std::size_t got = 0;
  if (in_.empty()) {
    if (error err = await_body()) return {0, body_failed(std::move(err))};
    // A big piece goes where it is wanted, without a stop in the buffer.
    constexpr std::size_t big = 4096;
    if (error err = into.size() >= big ? receive_into(into, got) : fill()) return {0, body_failed(std::move(err))};
  }
  if (got == 0) {
    got = std::min(into.size(), in_.size());
    std::memcpy(into.data(), in_.pending().data(), got);
    in_.consume(got);
  }
  body_left_ -= got;
  body_paced_ += got;
  return {got, {}};
}

result<std::size_t> exchange::read_chunked(std::span<char> into) {
  while (!parser_.body_done()) {
    bool stuck = true;  // nothing can be made of what is there
    if (!in_.empty()) {
      std::size_t got = 0;
      const parser::step step = parser_.take_chunks(in_.pending(), into, got);
      in_.consume(step.consumed);
      body_paced_ += step.consumed;
      if (got > 0) return {got, {}};
      if (step.refusal == 413) return {0, body_failed(err_body_too_large)};
      if (step.refusal != 0) return {0, body_failed(make_error("http: malformed chunked encoding"))};
      stuck = step.consumed == 0;
      if (stuck && in_.size() >= server_->options.max_header_bytes) {
        return {0, body_failed(make_error("http: chunk header or trailer too long"))};
      }
    }
    if (!stuck) continue;
    if (error err = await_body()) return {0, body_failed(std::move(err))};
    if (error err = fill()) return {0, body_failed(std::move(err))};
  }
  return {0, body_error_ = io::eof};
}

error exchange::await_body() {
  if (body_paced_ >= pace) {
    body_paced_ = 0;
    set_read_timeout(server_->options.read_timeout);
  }
  if (!continue_due_) return {};
  continue_due_ = false;
  return head_sent_ ? error() : send("HTTP/1.1 100 Continue\r\n\r\n");
}

error exchange::body_failed(error err) {
  if (err == io::eof) err = io::err_unexpected_eof;
  body_error_ = err;
  body_refusal_ = err == err_body_too_large ? 413 : is(err, os::err_deadline_exceeded) ? 408 : 400;
  return err;
}

result<std::string_view> exchange::read_whole_body() {
  if (!body_done()) body_.clear();
  for (;;) {
    // For a body of known length all of it at once, but no more on trust than a client has to send to get it.
    constexpr std::uint64_t least = 4096;
    constexpr std::uint64_t most = 64 * 1024;
    const auto room = static_cast<std::size_t>(std::clamp(body_left_, least, most));
    const std::size_t had = body_.size();
    if (body_done()) return {body_, {}};
    body_.resize(had + room);
    result<std::size_t> r = read_body({body_.data() + had, room});
    body_.resize(had + r.value);
    if (r.err && r.err != io::eof) return {{}, std::move(r.err)};
  }
}

bool exchange::discard_body() {
  char scratch[2048];
  for (std::size_t total = 0; !body_done();) {
    const result<std::size_t> r = read_body(scratch);
    if (r.err) return r.err == io::eof;
    if ((total += r.value) > discard_limit) return false;
  }
  return true;
}

}  // namespace gofer::http::detail
