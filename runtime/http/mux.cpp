#include "runtime/http/mux.hpp"

#include <algorithm>
#include <gofer/panic.hpp>
#include <set>
#include <utility>

#include "runtime/http/exchange.hpp"
#include "runtime/http/url.hpp"

namespace gofer::http {

namespace detail {

namespace {

/// Calls f with each segment of a path that starts with '/': "/a/" is "a" and "".
template <class F>
void for_each_segment(std::string_view path, F f) {
  while (path.starts_with('/')) {
    path.remove_prefix(1);
    const std::size_t end = std::min(path.find('/'), path.size());
    f(path.substr(0, end));
    path.remove_prefix(end);
  }
}

/// Where GET stands among the methods: last, so that a pattern for HEAD comes before the GET that would serve it too.
int method_rank(const std::string& method) {
  if (method.empty()) return 2;
  return method == "GET" ? 1 : 0;
}

/// Whether r is for this path, given as its encoded segments; the wildcards' decoded values are appended to `values`.
bool matches(const route& r, const std::vector<std::string_view>& path, path_values& values) {
  std::string decoded;
  for (std::size_t i = 0; i < r.segments.size(); i++) {
    const pattern_segment& segment = r.segments[i];
    if (i >= path.size()) return false;
    decoded.clear();
    if (segment.kind == pattern_segment::rest) {
      const char* end = path.back().data() + path.back().size();
      if (!unescape({path[i].data(), static_cast<std::size_t>(end - path[i].data())}, false, decoded)) return false;
      if (!segment.text.empty()) values.emplace_back(segment.text, std::move(decoded));
      return true;
    }
    if (!unescape(path[i], false, decoded)) return false;
    if (segment.kind == pattern_segment::literal) {
      if (decoded != segment.text) return false;
    } else {
      if (decoded.empty()) return false;
      values.emplace_back(segment.text, std::move(decoded));
    }
  }
  return r.segments.size() == path.size();
}

}  // namespace

bool route::all_literal() const {
  return std::all_of(segments.begin(), segments.end(),
                     [](const pattern_segment& s) { return s.kind == pattern_segment::literal; });
}

bool route::allows(std::string_view wanted) const {
  return method.empty() || method == wanted || (method == "GET" && wanted == "HEAD");
}

route parse_pattern(std::string_view pattern, std::string& problem) {
  route r;
  if (const std::size_t space = pattern.find_first_of(" \t"); space != std::string_view::npos) {
    r.method = pattern.substr(0, space);
    pattern.remove_prefix(std::min(pattern.find_first_not_of(" \t", space), pattern.size()));
    if (r.method.empty()) problem = "has an empty method";
  }
  if (!pattern.starts_with('/')) problem = "has no path that starts with '/'";
  for_each_segment(pattern, [&](std::string_view text) {
    if (!r.segments.empty() && r.segments.back().kind == pattern_segment::rest)
      problem = "goes on after a rest wildcard";
    pattern_segment segment;
    const bool last = text.data() + text.size() == pattern.data() + pattern.size();
    if (text == "{$}") {
      if (!last) problem = "has {$} before its end";
    } else if (text.empty() && last) {
      segment.kind = pattern_segment::rest;
    } else if (text.starts_with('{') && text.ends_with('}')) {
      text = text.substr(1, text.size() - 2);
      segment.kind = text.ends_with("...") ? pattern_segment::rest : pattern_segment::one;
      if (segment.kind == pattern_segment::rest) text.remove_suffix(3);
      segment.text = text;
      if (text.empty()) problem = "has a wildcard without a name";
    } else {
      segment.text = text;
      if (text.find_first_of("{}") != std::string_view::npos) problem = "has a wildcard that is not a whole segment";
    }
    r.segments.push_back(std::move(segment));
  });
  return r;
}

bool mux_table::before(const route& a, const route& b) {
  const std::size_t common = std::min(a.segments.size(), b.segments.size());
  for (std::size_t i = 0; i < common; i++) {
    if (a.segments[i].kind != b.segments[i].kind) return a.segments[i].kind < b.segments[i].kind;
    if (const int order = a.segments[i].text.compare(b.segments[i].text);
        order != 0 && a.segments[i].kind == pattern_segment::literal) {
      return order < 0;
    }
  }
  if (a.segments.size() != b.segments.size()) return a.segments.size() > b.segments.size();
  return std::pair(method_rank(a.method), a.method) < std::pair(method_rank(b.method), b.method);
}

bool mux_table::add(route r) {
  const auto at = std::lower_bound(routes_.begin(), routes_.end(), r, before);
  if (at != routes_.end() && !before(r, *at)) return false;
  routes_.insert(at, std::move(r));
  literals_.clear();
  for (std::size_t i = 0; i < routes_.size(); i++) {
    if (!routes_[i].all_literal()) continue;
    std::string path;
    for (const pattern_segment& segment : routes_[i].segments) path.append("/").append(segment.text);
    literals_[path].push_back(i);
  }
  return true;
}

const route* mux_table::find_literal(std::string_view path, std::string_view method) const {
  const auto found = literals_.find(path);
  if (found == literals_.end()) return nullptr;
  for (const std::size_t i : found->second) {
    if (routes_[i].allows(method)) return &routes_[i];
  }
  return nullptr;
}

void mux_table::serve(response& res, request& req) const {
  const std::string_view path = split_target(req.target()).path;
  if (const route* r = find_literal(path, req.method())) return r->h(res, req);
  serve_slow(res, req, path);
}

void mux_table::serve_slow(response& res, request& req, std::string_view path) const {
  std::vector<std::string_view> segments;
  for_each_segment(path, [&](std::string_view segment) { segments.push_back(segment); });
  std::set<std::string_view> allowed;
  for (const route& r : routes_) {
    path_values& values = req.x_->values();
    values.clear();
    if (!matches(r, segments, values)) continue;
    if (r.allows(req.method())) return r.h(res, req);
    allowed.insert(r.method);
    if (r.method == "GET") allowed.insert("HEAD");
  }
  if (allowed.empty()) return res.fail(404, "404 page not found\n");
  res.fail(405, "Method Not Allowed\n");
  std::string list;
  for (const std::string_view method : allowed) list.append(list.empty() ? "" : ", ").append(method);
  res.set("Allow", list);
}

}  // namespace detail

serve_mux::serve_mux() : table_(std::make_unique<detail::mux_table>()) {}
serve_mux::serve_mux(const serve_mux& other) : table_(std::make_unique<detail::mux_table>(*other.table_)) {}
serve_mux& serve_mux::operator=(const serve_mux& other) {
  *table_ = *other.table_;
  return *this;
}
serve_mux::serve_mux(serve_mux&&) noexcept = default;
serve_mux& serve_mux::operator=(serve_mux&&) noexcept = default;
serve_mux::~serve_mux() = default;

void serve_mux::handle(std::string_view pattern, handler h) {
  std::string problem;
  detail::route r = detail::parse_pattern(pattern, problem);
  if (!h) problem = "has no handler";
  r.h = std::move(h);
  if (problem.empty() && !table_->add(std::move(r))) problem = "is registered already";
  if (!problem.empty()) panic("http: pattern \"" + std::string(pattern) + "\" " + problem);
}

void serve_mux::operator()(response& res, request& req) const { table_->serve(res, req); }

}  // namespace gofer::http
