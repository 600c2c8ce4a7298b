// The table behind serve_mux.
//
// A pattern is a list of segments; so is a path. Patterns without wildcards, the most and the most used, are found by
// one look into a hash table; the rest are tried in the order of their precedence, which is total: no two patterns can
// both come first, so registering one never has to fail for being in conflict with another, as it can in Go.
#pragma once

#include <gofer/http.hpp>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace gofer::http::detail {

struct pattern_segment {
  // In the order of precedence.
  enum kind_t { literal, one, rest };

  kind_t kind = literal;
  std::string text;  // the literal, or the wildcard's name

  bool same_as(const pattern_segment& other) const {
    return kind == other.kind && (kind != literal || text == other.text);
  }
};

struct route {
  std::string method;  // empty: any
  std::vector<pattern_segment> segments;
  handler h;

  bool all_literal() const;
  bool allows(std::string_view wanted) const;
};

/// Takes "[METHOD ]PATH" apart; an error's text in `problem` when it is malformed.
route parse_pattern(std::string_view pattern, std::string& problem);

class mux_table {
 public:
  /// False when there is one like it already.
  bool add(route r);
  void serve(response& res, request& req) const;

 private:
  struct string_hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view s) const { return std::hash<std::string_view>{}(s); }
  };

  static bool before(const route& a, const route& b);
  const route* find_literal(std::string_view path, std::string_view method) const;
  void serve_slow(response& res, request& req, std::string_view path) const;

  std::vector<route> routes_;  // sorted by before()
  std::unordered_map<std::string, std::vector<std::size_t>, string_hash, std::equal_to<>> literals_;  // into routes_
};

}  // namespace gofer::http::detail
