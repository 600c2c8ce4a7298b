// Handlers around handlers, and the access log's line.
#include <fmt/format.h>

#include <ctime>
#include <gofer/http.hpp>
#include <gofer/panic.hpp>
#include <utility>

#include "runtime/http/exchange.hpp"

namespace gofer::http {

handler chain(std::initializer_list<middleware> around, handler inside) {
  for (auto it = std::rbegin(around); it != std::rend(around); ++it) inside = (*it)(std::move(inside));
  if (!inside) panic("http: chain without a handler");
  return inside;
}

handler strip_prefix(std::string prefix, handler inside) {
  return [prefix = std::move(prefix), inside = std::move(inside)](response& res, request& req) {
    const std::string_view path = req.path();
    if (!path.starts_with(prefix)) return res.fail(404, "404 page not found\n");
    req.x_->set_path(path.substr(prefix.size()));
    inside(res, req);
  };
}

namespace {

/// A client's text inside quotes: what could end the line or the quotes is escaped.
std::string quoted(std::string_view text) {
  if (text.empty()) return "-";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < ' ' || byte >= 0x7f || c == '"' || c == '\\') {
      out += fmt::format("\\x{:02x}", byte);
    } else {
      out.push_back(c);
    }
  }
  return out;
}

}  // namespace

std::string access_line(const access_record& r) {
  const std::time_t now = std::time(nullptr);
  std::tm t{};
  ::localtime_r(&now, &t);
  char when[40];
  const std::size_t length = std::strftime(when, sizeof when, "%d/%b/%Y:%H:%M:%S %z", &t);
  const std::string_view host = r.remote_addr.substr(0, r.remote_addr.rfind(':'));
  const std::string line = r.method.empty() ? "-"
                                            : fmt::format("{} {} HTTP/{}.{}", quoted(r.method), quoted(r.target),
                                                          r.version / 10, r.version % 10);
  return fmt::format("{} - - [{}] \"{}\" {} {} \"{}\" \"{}\"", host, std::string_view(when, length), line, r.status,
                     r.bytes, quoted(r.referer), quoted(r.user_agent));
}

}  // namespace gofer::http
