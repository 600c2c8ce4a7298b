// Reading demangled names.
//
// The demangler's text is the only interface there is (libstdc++ exports no tree), so it is read once from left to
// right, keeping track of brackets. What makes that more than counting: operators whose names contain brackets,
// "(anonymous namespace)", local entities ("f(int)::{lambda()#1}::operator()() const"), and return types, which stand
// before functions made from templates only, and are known by the space behind them.
#include "runtime/funcname.hpp"

#include <cxxabi.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdlib>
#include <cstring>

namespace gofer::runtime {

namespace {

constexpr std::size_t longest_template_arguments = 40;  // a guess: what still fits beside a name on a line

constexpr std::string_view anonymous = "(anonymous namespace)";
constexpr std::string_view call = "::operator()";
constexpr std::string_view long_string =
    "std::__cxx11::basic_string<char, std::char_traits<char>, std::allocator<char> >";

// Longest first, so that the first match is the operator.
constexpr std::array<std::string_view, 44> operators = {
    " delete[]", " co_await", " delete", " new[]", " new", "<=>", "->*", "<<=", ">>=", "()", "[]",
    "->",        "<<",        ">>",      "<=",     ">=",   "==",  "!=",  "&&",  "||",  "++", "--",
    "+=",        "-=",        "*=",      "/=",     "%=",   "^=",  "&=",  "|=",  "<",   ">",  "+",
    "-",         "*",         "/",       "%",      "^",    "&",   "|",   "~",   "!",   "=",  ","};

constexpr std::array<std::string_view, 5> qualifiers = {" const", " volatile", " &&", " &", " noexcept"};

bool identifier_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '$';
}

// Behind the bracket that closes the one at `from`. Within parentheses < and > are operators.
std::size_t group_end(std::string_view text, std::size_t from) {
  std::string closers;
  for (std::size_t i = from; i < text.size(); i++) {
    const char c = text[i];
    const bool angles_count = closers.empty() || closers.back() == '>';
    if (c == '(') {
      closers += ')';
    } else if (c == '{') {
      closers += '}';
    } else if (c == '[') {
      closers += ']';
    } else if (c == '<' && angles_count) {
      closers += '>';
    } else if (c == '-' && i + 1 < text.size() && text[i + 1] == '>') {
      i++;
    } else if (c == ')' || c == '}' || c == ']' || (c == '>' && angles_count)) {
      if (closers.empty() || closers.back() != c) return std::string_view::npos;
      closers.pop_back();
      if (closers.empty()) return i + 1;
    }
  }
  return std::string_view::npos;
}

// {lambda(int)#1}, <lambda(int)> (GCC's debug information) and (lambda at f.cpp:3:5) (Clang's) become {lambda}.
void without_lambda_signatures(std::string& text) {
  constexpr std::string_view lambda = "lambda";
  for (std::size_t at = 0; (at = text.find(lambda, at)) != std::string::npos; at += lambda.size()) {
    if (at == 0 || std::string_view("{<(").find(text[at - 1]) == std::string_view::npos) continue;
    const std::size_t end = group_end(text, at - 1);
    if (end != std::string_view::npos) text.replace(at - 1, end - at + 1, "{lambda}");
  }
}

class reader {
 public:
  explicit reader(std::string_view text) : text_(text) {}

  // False: not understood.
  bool read() {
    while (at_ < text_.size()) {
      if (!read_one()) return false;
    }
    return !out_.empty();
  }
  std::string take() { return std::move(out_); }

 private:
  std::string_view rest() const { return text_.substr(at_); }
  bool next_is(std::string_view s) const { return rest().substr(0, s.size()) == s; }

  bool read_one() {
    const char c = text_[at_];
    if (next_is(anonymous)) {
      append(anonymous.size());
      return true;
    }
    if (next_is("operator") && (at_ == 0 || !identifier_char(text_[at_ - 1])) &&
        (at_ + 8 == text_.size() || !identifier_char(text_[at_ + 8]))) {
      return read_operator();
    }
    if (next_is("$_") || next_is("'lambda")) return read_clang_lambda();
    switch (c) {
      case '(':
        return skip_parameters();
      case '<':
        return read_template_arguments();
      case '{':
        return read_braces();
      case '[':  // [abi:cxx11], [clone .cold]
        return skip_group();
      case ' ':  // what came before was a return type, or "virtual thunk to"
        out_.clear();
        at_++;
        return true;
      default:
        append(1);
        return true;
    }
  }

  void append(std::size_t n) {
    out_ += text_.substr(at_, n);
    at_ += n;
  }

  bool skip_group() {
    const std::size_t end = group_end(text_, at_);
    if (end == std::string_view::npos) return false;
    at_ = end;
    return true;
  }

  bool skip_parameters() {
    if (!skip_group()) return false;
    for (bool again = true; again;) {
      again = false;
      for (const std::string_view q : qualifiers) {
        if (!next_is(q)) continue;
        at_ += q.size();
        again = true;
      }
      if (next_is("&")) {  // "const&"
        at_++;
        again = true;
      }
    }
    while (next_is(" [clone")) {
      at_++;
      if (!skip_group()) return false;
    }
    return true;
  }

  bool read_template_arguments() {
    const std::size_t end = group_end(text_, at_);
    if (end == std::string_view::npos) return false;
    if (end - at_ > longest_template_arguments) {
      out_ += "<...>";
      at_ = end;
    } else {
      append(end - at_);
    }
    return true;
  }

  // {lambda} (see without_lambda_signatures) or {lambda}::operator(), {unnamed type#1}, {default arg#1}
  bool read_braces() {
    const std::size_t end = group_end(text_, at_);
    if (end == std::string_view::npos) return false;
    append(end - at_);
    if (out_.ends_with("{lambda}") && next_is(call)) at_ += call.size();
    return true;
  }

  // main::$_0::operator()(int) const; 'lambda'(int), 'lambda0'()
  bool read_clang_lambda() {
    const char end = text_[at_] == '$' ? ':' : '(';
    const std::size_t behind = text_.find(end, at_);
    if (behind == std::string_view::npos) return false;
    at_ = behind;
    out_ += "{lambda}";
    if (end == '(' && !skip_parameters()) return false;
    if (next_is(call)) at_ += call.size();
    return true;
  }

  bool read_operator() {
    append(8);
    for (const std::string_view op : operators) {
      if (!next_is(op)) continue;
      append(op.size());
      if (next_is(" <")) at_++;  // "operator< <int>"
      return true;
    }
    if (next_is("\"\" ")) {
      append(3);
      return true;
    }
    if (!next_is(" ")) return false;
    // A conversion: its type reaches to the parameter list.
    while (at_ < text_.size() && text_[at_] != '(') {
      if (text_[at_] != '<') {
        append(1);
      } else if (!read_template_arguments()) {
        return false;
      }
    }
    return true;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::string out_;
};

// The first identifier of s, and what follows its "::"; template arguments are passed over with it.
std::string_view first_component(std::string_view s, std::string_view* rest) {
  std::size_t end = 0;
  while (end < s.size() && identifier_char(s[end])) end++;
  std::size_t next = end;
  int angles = 0;
  for (; next < s.size(); next++) {
    if (s[next] == '<') angles++;
    if (s[next] == '>' && angles > 0) angles--;
    if (angles == 0 && s[next] == ':') break;
  }
  *rest = next + 2 <= s.size() ? s.substr(next + 2) : std::string_view{};
  return s.substr(0, end);
}

// What is the language in Go.
constexpr std::string_view statements =
    " run go gosched goexit func panic recover panic_value defer defer_list chan send_chan recv_chan make_chan select"
    " select_case recv send otherwise after at blocking stack goid gomaxprocs num_goroutine lock_os_thread"
    " unlock_os_thread ";

bool is_statement(std::string_view name) {
  return !name.empty() && statements.find((" " + std::string(name)) += ' ') != std::string_view::npos;
}

bool is_internal_to_gofer(std::string_view name) {
  std::string_view rest;
  const std::string_view second = first_component(name, &rest);
  if (second == "sched" || second == "runtime" || second == "detail") return true;
  if (is_statement(second)) return true;
  while (!rest.empty()) {
    if (first_component(rest, &rest) == "detail") return true;
  }
  return false;
}

// A component that begins with an underscore is reserved to the implementation, in std and in the global namespace.
bool has_reserved_component(std::string_view name) {
  while (!name.empty()) {
    const std::string_view c = first_component(name, &name);
    if (!c.empty() && c[0] == '_' && c != "__cxx11") return true;
  }
  return false;
}

}  // namespace

std::string short_name(std::string_view demangled) {
  std::string text(demangled);
  for (std::size_t at = 0; (at = text.find(long_string, at)) != std::string::npos;) {
    text.replace(at, long_string.size(), "std::string");
  }
  for (std::size_t at = 0; (at = text.find(" >", at)) != std::string::npos;) text.erase(at, 1);
  without_lambda_signatures(text);
  reader r(text);
  return r.read() ? r.take() : std::string(demangled);
}

std::string function_name(const char* symbol) {
  if (std::string_view(symbol).starts_with("_Z")) {
    int status = 0;
    char* demangled = abi::__cxa_demangle(symbol, nullptr, nullptr, &status);
    if (demangled != nullptr) {
      std::string name = short_name(demangled);
      std::free(demangled);
      return name;
    }
  }
  // C: "f@@GLIBC_2.34", "f.cold", "f.part.0"
  return std::string(symbol, std::strcspn(symbol, "@."));
}

bool is_internal(std::string_view function) {
  if (function.starts_with("gofer::")) return is_internal_to_gofer(function.substr(7));
  if (function.starts_with("gofer_"))
    return function.find(":") == std::string_view::npos;  // assembly: gofer_stack_base
  if (function.starts_with("__gnu_cxx::")) return true;
  if (function.starts_with("std::")) {
    constexpr std::array<std::string_view, 5> wrappers = {"function", "invoke", "apply", "terminate",
                                                          "rethrow_exception"};
    std::string_view rest = function.substr(5);
    return has_reserved_component(rest) ||
           std::find(wrappers.begin(), wrappers.end(), first_component(rest, &rest)) != wrappers.end();
  }
  // A captureless lambda as a function pointer, as GCC and Clang call the wrapper.
  if (function.ends_with("{lambda}::_FUN") || function.ends_with("{lambda}::__invoke")) return true;
  // gofer::lockcheck's.
  if (function.starts_with("pthread_mutex_") || function.starts_with("pthread_rwlock_")) return true;
  if (function == "start_thread" || function == "clone" || function == "clone3") return true;
  return function.starts_with("_");
}

}  // namespace gofer::runtime
