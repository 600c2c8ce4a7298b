// URLs as a client needs them: taken apart, and one seen from another (RFC 3986, 5).
#pragma once

#include <gofer/error.hpp>
#include <string>
#include <string_view>

namespace gofer::http::detail {

struct url {
  std::string scheme;     // in lower case
  std::string userinfo;   // as sent
  std::string host;       // without a port, without brackets
  std::string port;       // never empty: the scheme's own if none was given
  std::string authority;  // the host with the port if one was given: the Host header
  std::string path;       // escaped, begins with '/'
  std::string query;      // with its '?'; empty without

  std::string target() const { return path + query; }
  std::string text() const;
  /// What its connections are filed under.
  std::string key() const { return scheme + "://" + host + ":" + port; }
};

/// `parse "text": net/url: …` when it is none.
result<url> parse_url(std::string_view text);

/// What `reference` means when `base` says it.
result<url> resolve_url(const url& base, std::string_view reference);

}  // namespace gofer::http::detail
