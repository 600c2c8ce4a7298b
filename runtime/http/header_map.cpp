#include <algorithm>
#include <gofer/http/client.hpp>

#include "runtime/http/url.hpp"

namespace gofer::http {

std::string_view header_map::get(std::string_view name) const {
  const auto found =
      std::find_if(fields_.begin(), fields_.end(), [&](const field& f) { return detail::iequals(f.first, name); });
  return found == fields_.end() ? std::string_view() : found->second;
}

bool header_map::has(std::string_view name) const {
  return std::any_of(fields_.begin(), fields_.end(), [&](const field& f) { return detail::iequals(f.first, name); });
}

std::vector<std::string_view> header_map::values(std::string_view name) const {
  std::vector<std::string_view> all;
  for (const field& f : fields_) {
    if (detail::iequals(f.first, name)) all.emplace_back(f.second);
  }
  return all;
}

void header_map::set(std::string_view name, std::string_view value) {
  remove(name);
  add(name, value);
}

void header_map::add(std::string_view name, std::string_view value) { fields_.emplace_back(name, value); }

void header_map::remove(std::string_view name) {
  std::erase_if(fields_, [&](const field& f) { return detail::iequals(f.first, name); });
}

}  // namespace gofer::http
