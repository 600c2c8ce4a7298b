// The Date header, made once per second for all connections.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <ctime>
#include <string>

namespace gofer::http::detail {

/// "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110, 5.6.7) for this second; locale and time zone have no say.
std::array<char, 29> format_date(std::time_t second);

/// The text of the current second behind a sequence lock: readers write nothing, so workers do not fight for a cache
/// line; who finds the text out of date and the lock free renews it, everybody else makes his own copy meanwhile.
class date_cache {
 public:
  void append_to(std::string& out);

 private:
  static constexpr std::size_t words = 4;   // 29 bytes
  std::atomic<std::uint32_t> sequence_{0};  // odd while somebody writes
  std::atomic<std::int64_t> second_{-1};
  std::array<std::atomic<std::uint64_t>, words> text_{};
};

}  // namespace gofer::http::detail
