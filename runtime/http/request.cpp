// http::request and http::response: handles of an exchange.
#include <gofer/http.hpp>

#include "runtime/http/exchange.hpp"
#include "runtime/http/url.hpp"

namespace gofer::http {

std::string_view detail::exchange::header(std::string_view name) const {
  for (const field_slices& field : parser_.fields()) {
    if (field.name.length == name.size() && iequals(head(field.name), name)) return head(field.value);
  }
  return {};
}

std::string_view request::method() const { return x_->head(x_->parsed().method()); }
std::string_view request::target() const { return x_->head(x_->parsed().target()); }
std::string_view request::path() const { return x_->path(); }
std::string_view request::query() const { return x_->query(); }
int request::version() const { return x_->parsed().version(); }
std::optional<std::uint64_t> request::content_length() const { return x_->parsed().content_length(); }
std::string request::remote_addr() const { return x_->connection().remote_addr().str(); }
result<std::size_t> request::read(std::span<char> into) { return x_->read_body(into); }
result<std::string_view> request::body() { return x_->read_whole_body(); }

std::optional<std::string> request::query_value(std::string_view name) const {
  return detail::find_query_value(x_->query(), name);
}

std::string_view request::path_value(std::string_view name) const {
  for (const auto& [wildcard, value] : x_->values()) {
    if (wildcard == name) return value;
  }
  return {};
}

std::string_view request::header(std::string_view name) const { return x_->header(name); }
const context& request::context() { return x_->request_context(); }

std::vector<header_field> request::headers() const {
  std::vector<header_field> all;
  all.reserve(x_->parsed().fields().size());
  for (const detail::field_slices& field : x_->parsed().fields()) {
    all.push_back({x_->head(field.name), x_->head(field.value)});
  }
  return all;
}

response& response::status(int code) {
  x_->set_status(code);
  return *this;
}

response& response::set(std::string_view name, std::string_view value) {
  x_->set_header(name, value, true);
  return *this;
}

response& response::add(std::string_view name, std::string_view value) {
  x_->set_header(name, value, false);
  return *this;
}

result<std::size_t> response::write(std::string_view data) { return x_->write(data); }
error response::flush() { return x_->flush(); }
void response::fail(int code, std::string_view text) { x_->fail(code, text); }
int response::status() const { return x_->status(); }
std::uint64_t response::written() const { return x_->written(); }
bool response::head_sent() const { return x_->head_sent(); }

}  // namespace gofer::http
