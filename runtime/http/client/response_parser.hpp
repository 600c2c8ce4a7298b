// An answer's head and chunked body, by Boost.Beast's parser, which is not seen outside of the .cpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <gofer/http/client.hpp>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace gofer::http::detail {

class response_parser {
 public:
  response_parser();
  ~response_parser();

  /// Makes ready for the next head.
  void reset(std::size_t max_header, bool to_head);

  struct step {
    std::size_t consumed = 0;
    std::string problem;  // empty when nothing is wrong
  };

  /// Takes in more of the head. What was not consumed must be passed again, with more behind it.
  step take_head(std::string_view input);
  bool head_done() const { return head_done_; }

  // Valid once the head is done.
  int status() const { return status_; }
  int version() const { return version_; }
  std::string& reason() { return reason_; }
  header_map& headers() { return headers_; }
  bool keep_alive() const { return keep_alive_; }

  enum class framing { none, length, chunks, to_the_end };
  framing body() const { return body_; }
  std::uint64_t content_length() const { return content_length_; }

  /// Takes in more of a chunked body and puts what it decodes into `into`; `got` is how much.
  step take_chunks(std::string_view input, std::span<char> into, std::size_t& got);
  bool chunks_done() const;

 private:
  class beast_parser;
  struct storage;
  void finish_head();

  std::unique_ptr<storage> storage_;
  int status_ = 0;
  int version_ = 11;
  std::string reason_;
  header_map headers_;
  std::string encoding_problem_;
  bool to_head_ = false;
  bool head_done_ = false;
  bool keep_alive_ = false;
  framing body_ = framing::none;
  std::uint64_t content_length_ = 0;
};

}  // namespace gofer::http::detail
