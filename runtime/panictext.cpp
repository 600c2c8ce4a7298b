// Texts of panic values, as Go's printpanicval prints them.
#include <cxxabi.h>
#include <fmt/format.h>

#include <cmath>
#include <cstdlib>
#include <gofer/detail/panic_data.hpp>
#include <memory>

namespace gofer::detail {

std::string text_of_type(const std::type_info& type) {
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> name(abi::__cxa_demangle(type.name(), nullptr, nullptr, &status),
                                                         &std::free);
  return status == 0 ? name.get() : type.name();
}

std::string text_of(bool value) { return value ? "true" : "false"; }
std::string text_of(long long value) { return std::to_string(value); }
std::string text_of(unsigned long long value) { return std::to_string(value); }

// The runtime's printfloat: +d.dddddde+ddd.
std::string text_of(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  int exponent = 0;
  std::string digits = fmt::format("{:+.6e}", value);
  const std::size_t e = digits.find('e');
  exponent = std::atoi(digits.c_str() + e + 1);
  return fmt::format("{}e{}{:03}", digits.substr(0, e), exponent < 0 ? '-' : '+', std::abs(exponent));
}

std::string text_of_pointer(const std::type_info& type, const void* value) {
  return fmt::format("({}) {}", text_of_type(type), fmt::ptr(value));
}

std::string text_of_other(const std::type_info& type, const void* address) {
  return fmt::format("({}) {}", text_of_type(type), fmt::ptr(address));
}

}  // namespace gofer::detail
