#include "runtime/http/client/response_parser.hpp"

#include <algorithm>
#include <boost/beast/core/string.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <cstring>
#include <limits>

namespace gofer::http::detail {

namespace beast = boost::beast;

class response_parser::beast_parser final : public beast::http::basic_parser<false> {
 public:
  explicit beast_parser(response_parser& owner) : owner_(owner) {}

  std::span<char> into;  // where take_chunks wants data
  std::size_t got = 0;
  std::uint64_t chunk_left = 0;  // 0 between chunks

 private:
  void on_response_impl(int status, beast::string_view reason, int version, beast::error_code&) override {
    owner_.status_ = status;
    owner_.reason_.assign(reason.data(), reason.size());
    owner_.version_ = version;
  }
  void on_field_impl(beast::http::field known, beast::string_view name, beast::string_view value,
                     beast::error_code& ec) override {
    if (owner_.head_done_) return;  // a trailer: allowed, and ignored
    if (known == beast::http::field::transfer_encoding &&
        (owner_.headers_.has("Transfer-Encoding") || !beast::iequals(value, "chunked"))) {
      // Beast takes any coding; a body in an unknown one would be read as the next answer.
      owner_.encoding_problem_ = "unsupported transfer encoding: \"" + std::string(value) + "\"";
      ec = beast::http::error::bad_transfer_encoding;
      return;
    }
    owner_.headers_.add({name.data(), name.size()}, {value.data(), value.size()});
  }
  void on_chunk_header_impl(std::uint64_t size, beast::string_view, beast::error_code&) override { chunk_left = size; }
  std::size_t on_chunk_body_impl(std::uint64_t, beast::string_view body, beast::error_code&) override {
    const std::size_t n = std::min(body.size(), into.size() - got);
    std::memcpy(into.data() + got, body.data(), n);
    got += n;
    chunk_left -= n;
    return n;
  }

  // Never called: an answer is no request, and a body that is not chunked does not come here.
  void on_request_impl(beast::http::verb, beast::string_view, beast::string_view, int, beast::error_code&) override {}
  std::size_t on_body_impl(beast::string_view body, beast::error_code&) override { return body.size(); }
  void on_header_impl(beast::error_code&) override {}
  void on_body_init_impl(const boost::optional<std::uint64_t>&, beast::error_code&) override {}
  void on_finish_impl(beast::error_code&) override {}

  response_parser& owner_;
};

struct response_parser::storage {
  std::optional<beast_parser> beast;
};

response_parser::response_parser() : storage_(std::make_unique<storage>()) {}
response_parser::~response_parser() = default;

void response_parser::reset(std::size_t max_header, bool to_head) {
  beast_parser& p = storage_->beast.emplace(*this);
  p.header_limit(static_cast<std::uint32_t>(std::min<std::size_t>(max_header, UINT32_MAX)));
  // Not boost::none, which Beast 1.74 takes for zero.
  p.body_limit(std::numeric_limits<std::uint64_t>::max());
  p.skip(to_head);
  status_ = 0;
  reason_.clear();
  headers_ = {};
  encoding_problem_.clear();
  to_head_ = to_head;
  head_done_ = false;
  body_ = framing::none;
  content_length_ = 0;
}

response_parser::step response_parser::take_head(std::string_view input) {
  using beast::http::error;
  beast_parser& p = *storage_->beast;
  beast::error_code ec;
  step s;
  s.consumed = p.put(boost::asio::const_buffer(input.data(), input.size()), ec);
  if (!encoding_problem_.empty()) {
    s.problem = encoding_problem_;
  } else if (ec == error::header_limit) {
    s.problem = "net/http: server response headers exceeded the limit; aborted";
  } else if (ec && ec != error::need_more) {
    s.problem = "net/http: HTTP/1.x transport connection broken: malformed HTTP response \"" +
                std::string(input.substr(0, std::min<std::size_t>(input.find_first_of("\r\n"), 60))) + "\"";
  } else if (p.is_header_done()) {
    finish_head();
  }
  return s;
}

void response_parser::finish_head() {
  const beast_parser& p = *storage_->beast;
  head_done_ = true;
  keep_alive_ = p.keep_alive();
  if (p.content_length()) content_length_ = *p.content_length();
  if (to_head_ || status_ < 200 || status_ == 204 || status_ == 304) {
    body_ = framing::none;
  } else if (p.chunked()) {
    body_ = framing::chunks;
  } else if (p.content_length()) {
    body_ = content_length_ == 0 ? framing::none : framing::length;
  } else {
    body_ = framing::to_the_end;
    keep_alive_ = false;
  }
}

response_parser::step response_parser::take_chunks(std::string_view input, std::span<char> into, std::size_t& got) {
  beast_parser& p = *storage_->beast;
  p.into = into;
  p.got = 0;
  step s;
  // The shortest end of a body is "0\r\n\r\n". Beast 1.74 asserts when it is fed that byte by byte.
  if (p.chunk_left == 0 && input.size() < 5) return s;
  beast::error_code ec;
  s.consumed = p.put(boost::asio::const_buffer(input.data(), input.size()), ec);
  got = p.got;
  if (ec && ec != beast::http::error::need_more) s.problem = "malformed chunked encoding";
  return s;
}

bool response_parser::chunks_done() const { return storage_->beast->is_done(); }

}  // namespace gofer::http::detail
