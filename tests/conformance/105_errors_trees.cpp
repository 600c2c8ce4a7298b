// is, as and join over wrapped chains and trees, and carrying such errors through panic and recover.
#include <string>
#include <vector>

#include "go.hpp"

using conformance::println;
using conformance::sprint;

const gofer::error err_base = gofer::make_error("base");
const gofer::error err_other = gofer::make_error("other");

struct coded {
  int code;
  gofer::error cause;

  std::string what() const { return sprint("code ", code); }
  gofer::error unwrap() const { return cause; }
};

struct fuzzy {
  std::string what() const { return "fuzzy"; }
  bool is(const gofer::error& target) const { return target == err_other; }
};

/// fmt.Errorf("both %w and %w", first, second)
struct both {
  gofer::error first;
  gofer::error second;

  std::string what() const { return sprint("both ", first, " and ", second); }
  std::vector<gofer::error> unwrap() const { return {first, second}; }
};

/// fmt's %q of a text whose only special character is the newline.
std::string quoted(const std::string& s) {
  std::string out = "\"";
  for (char c : s) {
    if (c == '\n') {
      out += "\\n";
    } else {
      out += c;
    }
  }
  return out + "\"";
}

/// r.(error), which in Go holds for run-time errors too.
gofer::error as_error(const gofer::panic_value& r) {
  if (const auto* e = r.as<gofer::error>()) return *e;
  if (const auto* e = r.as<gofer::runtime_error>()) return gofer::make_error(*e);
  return {};
}

FAULTS_ON_PURPOSE int quotient(int a, int b) { return a / b; }

int main() {
  return gofer::run([] {
    const gofer::error nil;
    const gofer::error w1 = gofer::wrap(err_base, "w1");
    const gofer::error w2 = gofer::wrap(w1, "w2");
    const gofer::error c = gofer::make_error(coded{42, w2});
    const gofer::error top = gofer::wrap(c, "top");
    println(top);
    println("Is:", gofer::is(top, err_base), gofer::is(top, w1), gofer::is(top, err_other), gofer::is(nil, err_base),
            gofer::is(err_base, nil), gofer::is(nil, nil));
    const coded* got = gofer::as<coded>(top);
    println("As:", got != nullptr, got == gofer::as<coded>(c), got->code);
    const coded* none = gofer::as<coded>(w2);
    println("As none:", none != nullptr, none == nullptr);
    println("Unwrap:", gofer::unwrap(top) == c, gofer::unwrap(err_base) == nil);
    println("same text, different error:", gofer::is(gofer::make_error("base"), err_base));

    const gofer::error j = gofer::join(err_other, nil, top);
    println(quoted(sprint(j)));
    println("Join:", gofer::is(j, err_base), gofer::is(j, err_other), gofer::join() == nil,
            gofer::join(nil, nil) == nil);
    println("Join Unwrap:", gofer::unwrap(j) == nil);
    got = gofer::as<coded>(gofer::wrap(j, "x"));
    println("As through Join:", got != nullptr, got == gofer::as<coded>(c));
    const gofer::error multi = gofer::make_error(both{err_base, err_other});
    println(multi, gofer::is(multi, err_base), gofer::is(multi, err_other), gofer::unwrap(multi) == nil);
    const gofer::error fuzz = gofer::make_error(fuzzy{});
    println("custom Is:", gofer::is(fuzz, err_other), gofer::is(fuzz, err_base),
            gofer::is(gofer::join(err_base, fuzz), err_other));
    const gofer::error hidden = gofer::make_error(sprint("hidden: ", err_base));
    println("percent v does not wrap:", gofer::is(hidden, err_base), hidden);

    gofer::error err = gofer::func([&](gofer::error& result) {
      gofer::defer d{[&] {
        if (gofer::error r = as_error(gofer::recover())) {
          result = gofer::wrap(r, "recovered");
        }
      }};
      gofer::panic(j);
    });
    println("through panic:", gofer::is(err, err_base), gofer::is(err, err_other));
    err = gofer::func([&](gofer::error& result) {
      gofer::defer d{[&] { result = gofer::join(result, as_error(gofer::recover())); }};
      const int zero = 0;
      println(quotient(1, zero));
      result = err_other;
    });
    println("runtime error joined:", err);
    println("As runtime error:", gofer::as<gofer::runtime_error>(err) != nullptr);
  });
}
