#include "runtime/http/files/range.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>

#include "runtime/http/date.hpp"

namespace gofer::http::detail {

namespace {

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t n = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), n);
  if (ec != std::errc() || end != text.data() + text.size() || n > INT64_MAX) return std::nullopt;
  return n;
}

/// One of "a-b", "a-", "-n". Nothing when malformed; of length 0 when it lies behind the end.
std::optional<byte_range> parse_one(std::string_view text, std::uint64_t size) {
  const std::size_t dash = text.find('-');
  if (dash == std::string_view::npos) return std::nullopt;
  const std::string_view first = trimmed(text.substr(0, dash));
  const std::string_view second = trimmed(text.substr(dash + 1));
  if (first.empty()) {
    const auto suffix = number(second);
    if (!suffix) return std::nullopt;
    const std::uint64_t length = std::min(*suffix, size);
    return byte_range{size - length, length};
  }
  const auto start = number(first);
  if (!start) return std::nullopt;
  if (*start >= size) return byte_range{};
  if (second.empty()) return byte_range{*start, size - *start};
  const auto last = number(second);
  if (!last || *last < *start) return std::nullopt;
  return byte_range{*start, std::min(*last, size - 1) - *start + 1};
}

/// Calls f with each entity tag of a list, weak ones without their "W/"; `weak` says whether there was one. Stops when
/// f says true, and returns it.
template <class F>
bool any_tag(std::string_view list, F f) {
  for (;;) {
    while (!list.empty() && (list.front() == ' ' || list.front() == ',' || list.front() == '\t')) list.remove_prefix(1);
    const bool weak = list.starts_with("W/");
    if (weak) list.remove_prefix(2);
    if (!list.starts_with('"')) return false;
    const std::size_t end = list.find('"', 1);
    if (end == std::string_view::npos) return false;
    if (f(list.substr(0, end + 1), weak)) return true;
    list.remove_prefix(end + 1);
  }
}

}  // namespace

std::optional<std::vector<byte_range>> parse_ranges(std::string_view header, std::uint64_t size) {
  constexpr std::string_view unit = "bytes=";
  std::vector<byte_range> ranges;
  if (header.empty()) return ranges;
  if (!header.starts_with(unit)) return std::nullopt;
  header.remove_prefix(unit.size());
  bool behind = false;
  while (!header.empty()) {
    const std::string_view one = trimmed(header.substr(0, header.find(',')));
    header.remove_prefix(std::min(header.size(), std::min(header.find(','), header.size()) + 1));
    if (one.empty()) continue;
    const auto range = parse_one(one, size);
    if (!range) return std::nullopt;
    if (range->length == 0) {
      behind = true;
    } else {
      ranges.push_back(*range);
    }
  }
  if (behind && ranges.empty()) return std::nullopt;
  return ranges;
}

std::optional<std::time_t> parse_date(std::string_view text) {
  // strptime would go by the locale.
  constexpr std::string_view months = "JanFebMarAprMayJunJulAugSepOctNovDec";
  if (text.size() != 29 || text.substr(25) != " GMT") return std::nullopt;
  const auto digits = [&](std::size_t at, std::size_t count) {
    return static_cast<int>(number(text.substr(at, count)).value_or(99999));
  };
  std::tm t{};
  const std::size_t month = months.find(text.substr(8, 3));
  t.tm_mday = digits(5, 2);
  t.tm_mon = static_cast<int>(month / 3);
  t.tm_year = digits(12, 4) - 1900;
  t.tm_hour = digits(17, 2);
  t.tm_min = digits(20, 2);
  t.tm_sec = digits(23, 2);
  if (month == std::string_view::npos || month % 3 != 0 || t.tm_mday > 31 || t.tm_year > 8099 || t.tm_hour > 23 ||
      t.tm_min > 59 || t.tm_sec > 60) {
    return std::nullopt;
  }
  const std::time_t when = ::timegm(&t);
  // What cannot be written back (a day that the month has not, another weekday) is no date.
  const std::array<char, 29> again = format_date(when);
  if (std::string_view(again.data(), again.size()) != text) return std::nullopt;
  return when;
}

int check_conditions(const request& req, std::string_view etag, std::time_t modified) {
  // In the order of RFC 9110, 13.2.2.
  if (const std::string_view match = req.header("If-Match"); !match.empty()) {
    const auto same = [&](std::string_view tag, bool weak) { return !weak && tag == etag; };
    if (trimmed(match) != "*" && !any_tag(match, same)) return 412;
  } else if (const auto since = parse_date(req.header("If-Unmodified-Since"))) {
    if (modified > *since) return 412;
  }
  const bool reading = req.method() == "GET" || req.method() == "HEAD";
  if (const std::string_view none = req.header("If-None-Match"); !none.empty()) {
    const auto same = [&](std::string_view tag, bool) { return tag == etag; };
    if (trimmed(none) == "*" || any_tag(none, same)) return reading ? 304 : 412;
  } else if (const auto since = parse_date(req.header("If-Modified-Since")); since && reading) {
    if (modified <= *since) return 304;
  }
  return 200;
}

bool ranges_still_hold(const request& req, std::string_view etag, std::time_t modified) {
  const std::string_view condition = req.header("If-Range");
  if (condition.empty()) return true;
  if (condition.starts_with('"')) return condition == etag;
  const auto date = parse_date(condition);
  return date && *date == modified;
}

}  // namespace gofer::http::detail
