// A request's head and chunked body, by Boost.Beast's parser.
//
// Beast's own message containers allocate for every field and copy every body. Here a class derived from its
// basic_parser only notes where in the connection's buffer the method, the target and the fields lie, in a vector that
// is used again for the next request: /hello costs no allocation. Bodies of a known length need no parser at all (see
// body.cpp).
//
// Beast is not seen outside parser.cpp: its headers take four seconds to compile.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace gofer::http::detail {

/// Where something lies, counted from the head's first byte: the bytes may be moved later, all together.
struct slice {
  std::uint32_t offset = 0;
  std::uint32_t length = 0;

  std::string_view of(const char* base) const { return {base + offset, length}; }
};

struct field_slices {
  slice name;
  slice value;
};

class parser {
 public:
  parser();
  ~parser();

  /// Makes ready for the next request.
  void reset(std::size_t max_header, std::uint64_t max_body);

  struct step {
    std::size_t consumed = 0;
    int refusal = 0;  // the status to refuse the request with; 0 when nothing is wrong
  };

  /// Takes in more of the head: `input` is what lies behind the `offset` bytes that former steps have consumed, in the
  /// same contiguous memory. Call again with more behind what was left, until head_done().
  step take_head(std::string_view input, std::size_t offset);
  bool head_done() const { return head_done_; }

  // Valid once the head is done.
  slice method() const { return method_; }
  slice target() const { return target_; }
  int version() const { return version_; }
  const std::vector<field_slices>& fields() const { return fields_; }
  bool keep_alive() const { return keep_alive_; }
  bool expects_continue() const { return expects_continue_; }
  bool chunked() const { return chunked_; }
  /// 0 when there is no body; nothing when it is chunked.
  std::optional<std::uint64_t> content_length() const { return content_length_; }

  /// Takes in more of a chunked body and puts what it decodes into `into`; `got` is how much. What was not consumed
  /// must be passed again, with more behind it when nothing was. The refusal is 413 for a body beyond the limit.
  step take_chunks(std::string_view input, std::span<char> into, std::size_t& got);
  bool body_done() const;

 private:
  class beast_parser;
  struct storage;

  int finish_head();

  std::unique_ptr<storage> storage_;
  const char* base_ = nullptr;  // the head's first byte, during take_head
  const char* end_ = nullptr;
  slice method_;
  slice target_;
  std::vector<field_slices> fields_;
  int version_ = 11;
  int refusal_ = 0;  // set by a callback that refuses
  int hosts_ = 0;
  bool head_done_ = false;
  bool keep_alive_ = false;
  bool expects_continue_ = false;
  bool transfer_encoding_ = false;
  bool chunked_ = false;
  std::optional<std::uint64_t> content_length_;
};

}  // namespace gofer::http::detail
