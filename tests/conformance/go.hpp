// What the conformance programs take from Go's fmt package and its receive operator, so that a port reads like the Go
// program beside which it was written. Everything is printed as Go prints it: operands in their default format (%v),
// and straight away, because os.Stdout has no buffer that a crash could lose.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdio>
#include <gofer/gofer.hpp>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

// For functions that fault on purpose: UBSan would report the very access that the program is about.
#define FAULTS_ON_PURPOSE __attribute__((noinline, no_sanitize("undefined")))

namespace conformance {

/// One printed operand. Sprint puts a space between two neighbours when neither is a string, so each remembers.
struct operand {
  std::string text;
  bool is_string = false;
};

inline operand show(std::string_view s) { return {std::string(s), true}; }
inline operand show(const std::string& s) { return {s, true}; }
inline operand show(const char* s) { return {s, true}; }
inline operand show(bool b) { return {b ? "true" : "false"}; }
inline operand show(std::nullptr_t) { return {"<nil>"}; }

template <std::integral I>
operand show(I i) {
  return {std::to_string(i)};
}

/// Panic values and errors: their text, or <nil> when they are empty.
template <class V>
requires requires(const V& v) {
  static_cast<bool>(v);
  std::string(v.what());
}
operand show(const V& v) { return static_cast<bool>(v) ? operand{std::string(v.what())} : operand{"<nil>"}; }

/// fmt.Sprint
template <class... A>
std::string sprint(const A&... a) {
  std::string out;
  bool string_before = true;
  auto add = [&](const operand& o) {
    if (!string_before && !o.is_string) out += ' ';
    out += o.text;
    string_before = o.is_string;
  };
  (add(show(a)), ...);
  return out;
}

/// fmt.Sprintln
template <class... A>
std::string sprintln(const A&... a) {
  std::string out;
  ((out += show(a).text, out += ' '), ...);
  if (!out.empty()) out.pop_back();
  out += '\n';
  return out;
}

/// fmt.Println. An object and not a function template, so that `gofer::defer d{println, "text", n};` deduces.
struct println_t {
  template <class... A>
  void operator()(const A&... a) const {
    const std::string line = sprintln(a...);
    std::fwrite(line.data(), 1, line.size(), stdout);
    std::fflush(stdout);
  }
};
inline constexpr println_t println{};

/// <-c as an expression: the zero value when the channel is closed and drained.
template <class C>
auto receive(C c) {
  auto v = c.recv();
  using value = typename std::remove_cvref_t<decltype(v)>::value_type;
  return v ? value(std::move(*v)) : value{};
}

}  // namespace conformance
