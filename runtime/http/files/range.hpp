// "Range: bytes=0-499,-500", and the conditions on what a client has already (RFC 9110, 13 and 14).
#pragma once

#include <cstdint>
#include <ctime>
#include <gofer/http.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gofer::http::detail {

struct byte_range {
  std::uint64_t start = 0;
  std::uint64_t length = 0;
};

/// The ranges of a file of this size; none when there is no header, or nothing at all when it is malformed or every
/// range lies behind the end (to be answered with 416).
std::optional<std::vector<byte_range>> parse_ranges(std::string_view header, std::uint64_t size);

/// "Sun, 06 Nov 1994 08:49:37 GMT"
std::optional<std::time_t> parse_date(std::string_view text);

/// What the request's conditions make of the answer: 200, 304 or 412.
int check_conditions(const request& req, std::string_view etag, std::time_t modified);

/// Whether If-Range lets ranges be answered as such.
bool ranges_still_hold(const request& req, std::string_view etag, std::time_t modified);

}  // namespace gofer::http::detail
