#include "runtime/http/client/url.hpp"

#include <algorithm>
#include <vector>

#include "runtime/http/url.hpp"

namespace gofer::http::detail {

namespace {

error malformed(std::string_view text, std::string_view why) { return make_error("parse \"{}\": {}", text, why); }

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

/// Appends with what may not stand in a request line escaped.
void append_escaped(std::string& out, std::string_view text) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte <= ' ' || byte >= 0x7f || std::string_view("\"<>\\^`{|}").find(c) != std::string_view::npos) {
      out.push_back('%');
      out.push_back(digits[byte >> 4]);
      out.push_back(digits[byte & 15U]);
    } else {
      out.push_back(c);
    }
  }
}

/// RFC 3986, 5.2.4.
std::string without_dots(std::string_view path) {
  std::vector<std::string_view> kept;
  bool ends_in_folder = false;
  while (path.starts_with('/')) {
    path.remove_prefix(1);
    const std::string_view segment = path.substr(0, path.find('/'));
    path.remove_prefix(segment.size());
    ends_in_folder = segment == "." || segment == "..";
    if (segment == "..") {
      if (!kept.empty()) kept.pop_back();
    } else if (segment != ".") {
      kept.push_back(segment);
    }
  }
  std::string clean;
  for (const std::string_view segment : kept) clean.append("/").append(segment);
  if (ends_in_folder || clean.empty()) clean.push_back('/');
  return clean;
}

void set_target(url& u, std::string_view target) {
  const std::size_t mark = std::min(target.find('?'), target.size());
  u.path.clear();
  u.query.clear();
  if (mark == 0 || target[0] != '/') u.path.push_back('/');
  append_escaped(u.path, target.substr(0, mark));
  append_escaped(u.query, target.substr(mark));
}

/// "user@host:port" into its parts; what is wrong with it.
std::string_view set_authority(url& u, std::string_view authority) {
  const std::size_t at = authority.rfind('@');
  u.userinfo = at == std::string_view::npos ? "" : std::string(authority.substr(0, at));
  if (at != std::string_view::npos) authority.remove_prefix(at + 1);
  u.authority = authority;
  std::string_view port;
  if (authority.starts_with('[')) {
    const std::size_t end = authority.find(']');
    if (end == std::string_view::npos) return "missing ']' in host";
    u.host = authority.substr(1, end - 1);
    port = authority.substr(end + 1);
    if (!port.empty() && port[0] != ':') return "invalid port after host";
  } else {
    const std::size_t colon = std::min(authority.find(':'), authority.size());
    u.host = authority.substr(0, colon);
    port = authority.substr(colon);
  }
  if (!port.empty()) port.remove_prefix(1);
  if (!std::all_of(port.begin(), port.end(), [](char c) { return c >= '0' && c <= '9'; })) {
    return "invalid port after host";
  }
  if (std::any_of(u.host.begin(), u.host.end(), [](char c) {
        return static_cast<unsigned char>(c) <= ' ' ||
               std::string_view("\"<>\\^`{|}%").find(c) != std::string_view::npos;
      })) {
    return "invalid character in host name";
  }
  u.port = !port.empty() ? std::string(port) : u.scheme == "https" ? "443" : "80";
  return {};
}

}  // namespace

std::string url::text() const {
  return scheme + "://" + (userinfo.empty() ? "" : userinfo + "@") + authority + path + query;
}

result<url> parse_url(std::string_view text) {
  if (std::any_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < ' ' || c == 0x7f; })) {
    return {{}, make_error("parse: net/url: invalid control character in URL")};
  }
  const std::string_view whole = text;
  text = text.substr(0, text.find('#'));
  url u;
  const std::size_t colon = text.find(':');
  if (colon != std::string_view::npos && std::all_of(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(colon),
                                                     [](char c) { return is_letter(c) || c == '+' || c == '-'; })) {
    u.scheme = text.substr(0, colon);
    std::transform(u.scheme.begin(), u.scheme.end(), u.scheme.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; });
    text.remove_prefix(colon + 1);
  }
  if (colon == 0) return {{}, malformed(whole, "missing protocol scheme")};
  if (u.scheme != "http" && u.scheme != "https") {
    return {{}, make_error("unsupported protocol scheme \"{}\"", u.scheme)};
  }
  if (!text.starts_with("//")) return {{}, make_error("http: no Host in request URL")};
  text.remove_prefix(2);
  const std::size_t end = std::min(text.find_first_of("/?"), text.size());
  if (const std::string_view problem = set_authority(u, text.substr(0, end)); !problem.empty()) {
    return {{}, malformed(whole, problem)};
  }
  if (u.host.empty()) return {{}, make_error("http: no Host in request URL")};
  set_target(u, text.substr(end));
  return {std::move(u), {}};
}

result<url> resolve_url(const url& base, std::string_view reference) {
  reference = reference.substr(0, reference.find('#'));
  const std::size_t colon = reference.find(':');
  if (colon != std::string_view::npos && colon < reference.find_first_of("/?")) return parse_url(reference);
  if (reference.starts_with("//")) return parse_url(base.scheme + ":" + std::string(reference));
  url u = base;
  if (reference.empty()) return {std::move(u), {}};
  const std::size_t mark = std::min(reference.find('?'), reference.size());
  std::string path(reference.substr(0, mark));
  if (path.empty()) {
    path = u.path;
  } else if (!path.starts_with('/')) {
    path.insert(0, u.path.substr(0, u.path.rfind('/') + 1));
  }
  set_target(u, without_dots(path) + std::string(reference.substr(mark)));
  return {std::move(u), {}};
}

}  // namespace gofer::http::detail
