#include "runtime/http/parser.hpp"

#include <algorithm>
#include <boost/beast/core/string.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <cstring>

namespace gofer::http::detail {

namespace beast = boost::beast;

namespace {

/// "GET / HTTP/2.0" does, "GET / HTTPS" and "GET / HTTP/1.1" without its CR do not.
bool names_other_version(std::string_view head) {
  constexpr std::string_view name = " HTTP/";
  const std::string_view line = head.substr(0, head.find('\n'));
  const std::size_t at = line.find(name);
  if (at == std::string_view::npos) return false;
  const std::string_view number = line.substr(at + name.size(), 3);
  return number != "1.0" && number != "1.1";
}

}  // namespace

/// Beast 1.74 reports through virtual functions; what they get are views of the input.
class parser::beast_parser final : public beast::http::basic_parser<true> {
 public:
  explicit beast_parser(parser& owner) : owner_(owner) {}

  std::span<char> into;  // where take_chunks wants data
  std::size_t got = 0;
  std::uint64_t chunk_left = 0;  // 0 between chunks

 private:
  slice place(beast::string_view view) const {
    return {static_cast<std::uint32_t>(view.data() - owner_.base_), static_cast<std::uint32_t>(view.size())};
  }

  void on_request_impl(beast::http::verb, beast::string_view method, beast::string_view target, int version,
                       beast::error_code&) override {
    owner_.method_ = place(method);
    owner_.target_ = place(target);
    owner_.version_ = version;
  }

  void on_field_impl(beast::http::field known, beast::string_view name, beast::string_view value,
                     beast::error_code& ec) override {
    using beast::http::field;
    if (owner_.head_done_) return;  // a trailer: allowed, and ignored
    // A folded header is put together in a buffer of Beast's. RFC 9112, 5.2 lets a server refuse it.
    const auto address = reinterpret_cast<std::uintptr_t>(value.data());
    if (address < reinterpret_cast<std::uintptr_t>(owner_.base_) ||
        address > reinterpret_cast<std::uintptr_t>(owner_.end_)) {
      return refuse(400, ec);
    }
    switch (known) {
      case field::host:
        owner_.hosts_++;
        break;
      case field::expect:
        if (!beast::iequals(value, "100-continue")) return refuse(417, ec);
        owner_.expects_continue_ = owner_.version_ >= 11;
        break;
      case field::transfer_encoding:
        // Beast takes any coding; a body in an unknown one would be read as the next request.
        if (owner_.transfer_encoding_ || !beast::iequals(value, "chunked")) return refuse(501, ec);
        owner_.transfer_encoding_ = true;
        break;
      default:
        break;
    }
    owner_.fields_.push_back({place(name), place(value)});
  }

  void refuse(int status, beast::error_code& ec) {
    owner_.refusal_ = status;
    ec = beast::http::error::bad_field;
  }

  std::size_t on_chunk_body_impl(std::uint64_t, beast::string_view body, beast::error_code&) override {
    const std::size_t n = std::min(body.size(), into.size() - got);
    std::memcpy(into.data() + got, body.data(), n);
    got += n;
    chunk_left -= n;
    return n;
  }
  void on_chunk_header_impl(std::uint64_t size, beast::string_view, beast::error_code&) override { chunk_left = size; }

  // Never called: a request is no response, and a body of known length does not come here.
  void on_response_impl(int, beast::string_view, int, beast::error_code&) override {}
  std::size_t on_body_impl(beast::string_view body, beast::error_code&) override { return body.size(); }
  void on_header_impl(beast::error_code&) override {}
  void on_body_init_impl(const boost::optional<std::uint64_t>&, beast::error_code&) override {}
  void on_finish_impl(beast::error_code&) override {}

  parser& owner_;
};

struct parser::storage {
  std::optional<beast_parser> beast;
};

parser::parser() : storage_(std::make_unique<storage>()) {}
parser::~parser() = default;

void parser::reset(std::size_t max_header, std::uint64_t max_body) {
  beast_parser& p = storage_->beast.emplace(*this);
  p.header_limit(static_cast<std::uint32_t>(std::min<std::size_t>(max_header, UINT32_MAX)));
  p.body_limit(max_body);
  fields_.clear();
  version_ = 11;
  refusal_ = 0;
  hosts_ = 0;
  head_done_ = false;
  expects_continue_ = false;
  transfer_encoding_ = false;
  chunked_ = false;
  content_length_ = 0;
}

parser::step parser::take_head(std::string_view input, std::size_t offset) {
  using beast::http::error;
  beast_parser& p = *storage_->beast;
  base_ = input.data() - offset;
  end_ = input.data() + input.size();
  beast::error_code ec;
  step s;
  s.consumed = p.put(boost::asio::const_buffer(input.data(), input.size()), ec);
  if (!ec && p.is_header_done()) {
    s.refusal = finish_head();
  } else if (refusal_ != 0) {
    s.refusal = refusal_;
  } else if (ec == error::header_limit) {
    s.refusal = 431;
  } else if (ec == error::body_limit) {
    s.refusal = 413;
  } else if (ec == error::bad_version) {
    s.refusal = names_other_version({base_, static_cast<std::size_t>(end_ - base_)}) ? 505 : 400;
  } else if (ec && ec != error::need_more) {
    s.refusal = 400;
  }
  return s;
}

int parser::finish_head() {
  beast_parser& p = *storage_->beast;
  head_done_ = true;
  keep_alive_ = p.keep_alive();
  chunked_ = p.chunked();
  if (chunked_) {
    content_length_.reset();
    if (version_ < 11) return 400;  // RFC 9112, 6.1: chunks in HTTP/1.0 are a framing error
  } else if (const auto length = p.content_length()) {
    content_length_ = *length;
  }
  if (content_length_ == 0U) expects_continue_ = false;
  if (hosts_ > 1 || (hosts_ == 0 && version_ >= 11)) return 400;
  return 0;
}

parser::step parser::take_chunks(std::string_view input, std::span<char> into, std::size_t& got) {
  using beast::http::error;
  beast_parser& p = *storage_->beast;
  p.into = into;
  p.got = 0;
  step s;
  // The shortest end of a body is "0\r\n\r\n". Beast 1.74 asserts, and so aborts the process, when it is fed that byte
  // by byte.
  if (p.chunk_left == 0 && input.size() < 5) return s;
  beast::error_code ec;
  s.consumed = p.put(boost::asio::const_buffer(input.data(), input.size()), ec);
  got = p.got;
  if (ec == error::body_limit) {
    s.refusal = 413;
  } else if (ec && ec != error::need_more) {
    s.refusal = 400;
  }
  return s;
}

bool parser::body_done() const { return storage_->beast->is_done(); }

}  // namespace gofer::http::detail
