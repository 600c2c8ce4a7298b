// Texts of panic values, as Go's printpanicval prints them.
#include <cxxabi.h>
#include <fmt/format.h>

#include <cmath>
#include <cstdlib>
#include <gofer/detail/panic_data.hpp>
#include <memory>
#include <string_view>
#include <utility>

namespace gofer::detail {

namespace {

std::string demangled(const std::type_info& type) {
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> name(abi::__cxa_demangle(type.name(), nullptr, nullptr, &status),
                                                         &std::free);
  return status == 0 ? name.get() : type.name();
}

// Where the last component of a qualified name begins; "::" within brackets does not count.
std::size_t last_component(std::string_view name) {
  int depth = 0;
  for (std::size_t i = name.size(); i-- > 0;) {
    const char c = name[i];
    if (c == ')' || c == '>' || c == '}' || c == ']') depth++;
    if (c == '(' || c == '<' || c == '{' || c == '[') depth--;
    if (c == ':' && depth == 0) return i + 1;
  }
  return 0;
}

// The first of a template's arguments, `args` being what stands between the angle brackets.
std::string_view first_argument(std::string_view args) {
  int depth = 0;
  for (std::size_t i = 0; i < args.size(); i++) {
    const char c = args[i];
    if (c == '(' || c == '<') depth++;
    if (c == ')' || c == '>') depth--;
    if (c == ',' && depth == 0) return args.substr(0, i);
  }
  return args;
}

// "Template<arguments>": the arguments, else nothing.
std::string_view arguments_of(std::string_view name, std::string_view prefix) {
  if (!name.starts_with(prefix) || !name.ends_with('>')) return {};
  name.remove_prefix(prefix.size());
  name.remove_suffix(1);
  return name;
}

constexpr std::pair<std::string_view, std::string_view> basic_types[] = {{"signed char", "int8"},
                                                                         {"short", "int16"},
                                                                         {"long", "int64"},
                                                                         {"long long", "int64"},
                                                                         {"unsigned char", "uint8"},
                                                                         {"unsigned short", "uint16"},
                                                                         {"unsigned int", "uint"},
                                                                         {"unsigned long", "uint64"},
                                                                         {"unsigned long long", "uint64"},
                                                                         {"float", "float32"},
                                                                         {"double", "float64"},
                                                                         {"int", "int"},
                                                                         {"bool", "bool"},
                                                                         {"char", "char"},
                                                                         {"void", "void"},
                                                                         {"decltype(nullptr)", "nil"}};

std::string go_name(std::string_view name) {
  for (const auto& [cpp, go] : basic_types) {
    if (name == cpp) return std::string(go);
  }
  if (name.ends_with(" const")) return go_name(name.substr(0, name.size() - 6));
  if (name.ends_with('*')) return "*" + go_name(name.substr(0, name.size() - 1));
  if (name.starts_with("std::__cxx11::basic_string<char,") || name.starts_with("std::basic_string<char,")) {
    return "string";
  }
  if (const auto args = arguments_of(name, "std::vector<"); !args.empty()) return "[]" + go_name(first_argument(args));
  if (const auto args = arguments_of(name, "gofer::chan<"); !args.empty()) return "chan " + go_name(args);
  if (const auto args = arguments_of(name, "std::array<"); !args.empty()) {
    const std::string_view element = first_argument(args);
    std::string_view length = args.substr(element.size());
    length = length.substr(length.find_first_of("0123456789"));
    return "[" + std::string(length.substr(0, length.find('u'))) + "]" + go_name(element);
  }
  const std::string_view last = name.substr(last_component(name));
  if (last.starts_with("{lambda(")) {
    return "func" + std::string(last.substr(7, last.rfind('#') - 7));
  }
  if (last.starts_with("$_")) return "func()";  // Clang's name for some lambdas, without their parameters
  // A type of a namespace keeps its C++ name. One of none, or of a function, is what Go has in package main.
  const std::string_view scope = name.substr(0, name.size() - last.size());
  if (scope.empty() || scope.find('(') != std::string_view::npos) return "main." + std::string(last);
  return std::string(name);
}

}  // namespace

std::string text_of_type(const std::type_info& type) {
  std::string name = demangled(type);
  constexpr std::string_view unnamed = "(anonymous namespace)::";
  for (std::size_t at; (at = name.find(unnamed)) != std::string::npos;) name.erase(at, unnamed.size());
  return go_name(name);
}

std::string type_text(const panic_data& data) {
  if (data.box) return text_of_type(data.box->type());
  const std::type_info* type = data.exception.__cxa_exception_type();
  return type == nullptr ? "unknown" : text_of_type(*type);
}

std::string text_of(bool value) { return value ? "true" : "false"; }
std::string text_of(long long value) { return std::to_string(value); }
std::string text_of(unsigned long long value) { return std::to_string(value); }

// The runtime's printfloat, +d.dddddde+ddd, in its arithmetic: the last digit is not always the one that rounds best.
std::string text_of(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  constexpr int digits = 7;
  double v = std::abs(value);
  int exponent = 0;
  if (v != 0) {
    for (; v >= 10; v /= 10) exponent++;
    for (; v < 1; v *= 10) exponent--;
    double half = 5;
    for (int i = 0; i < digits; i++) half /= 10;
    v += half;
    if (v >= 10) {
      exponent++;
      v /= 10;
    }
  }
  std::string out(1, std::signbit(value) ? '-' : '+');
  for (int i = 0; i < digits; i++) {
    const int digit = static_cast<int>(v);
    out += static_cast<char>('0' + digit);
    if (i == 0) out += '.';
    v = (v - digit) * 10;
  }
  return fmt::format("{}e{}{:03}", out, exponent < 0 ? '-' : '+', std::abs(exponent));
}

std::string text_of_pointer(const std::type_info& type, const void* value) {
  return fmt::format("({}) {}", text_of_type(type), fmt::ptr(value));
}

std::string text_of_other(const std::type_info& type, const void* address) {
  return fmt::format("({}) {}", text_of_type(type), fmt::ptr(address));
}

std::string text_of_named(const std::type_info& type, const std::string& value) {
  return text_of_type(type) + "(" + value + ")";
}

}  // namespace gofer::detail
