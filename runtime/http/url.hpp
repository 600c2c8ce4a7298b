// Percent-encoding, and the parts of a request's target.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace gofer::http::detail {

/// Appends `text` with its %XX decoded, and '+' as a space when `plus` says so. False when a %XX is malformed.
bool unescape(std::string_view text, bool plus, std::string& out);

/// One segment of a path with everything escaped that is not plainly a name.
std::string escape_segment(std::string_view segment);

struct target_parts {
  std::string_view path;  // still encoded; empty for CONNECT's "host:port"
  std::string_view query;
};

/// Takes "/path?query", "http://host/path?query" and "*" apart.
target_parts split_target(std::string_view target);

std::optional<std::string> find_query_value(std::string_view query, std::string_view name);

/// Compares ASCII letters without regard to case.
bool iequals(std::string_view a, std::string_view b);

}  // namespace gofer::http::detail
