// recover gives the very value that was given to panic: pointers compare equal, wrapped errors unwrap, and panicking
// again passes the same object on.
#include <cstdint>
#include <exception>
#include <functional>
#include <string>

#include "go.hpp"

using conformance::println;

namespace {

struct Obj {
  int n = 0;
  bool operator==(const Obj&) const = default;
};

class NotFound : public std::exception {
 public:
  explicit NotFound(const std::string& key) : text_("not found: " + key) {}
  const char* what() const noexcept override { return text_.c_str(); }

 private:
  std::string text_;
};

// Go's catch returns an `any`, which is "nothing" when there was no panic.
struct caught {
  gofer::panic_value v;
  bool nothing = false;

  template <class T>
  bool equals(const T& want) const {
    const T* got = v.as<T>();
    return got != nullptr && *got == want;
  }
};

caught catching(const std::function<void()>& f) {
  return gofer::func([&](caught& c) {
    gofer::defer d{[&] { c = {gofer::recover(), false}; }};
    f();
    c.nothing = true;
  });
}

void relay(int depth, Obj* v) {
  gofer::func([&] {
    gofer::defer d{[] {
      if (auto r = gofer::recover()) {
        (*r.as<Obj*>())->n++;
        gofer::panic(r);
      }
    }};
    if (depth == 0) gofer::panic(v);
    relay(depth - 1, v);
  });
}

}  // namespace

int main() {
  return gofer::run([] {
    Obj obj;
    Obj* o = &obj;
    println("pointer identity:", catching([&] { gofer::panic(o); }).equals(o));
    const bool relayed = catching([&] { relay(9, o); }).equals(o);
    println("relayed identity:", relayed, "touched", o->n);

    const gofer::error nf = NotFound("k");
    const caught v = catching([&] { gofer::panic(gofer::wrap(nf, "ctx")); });
    const auto* err = v.v.as<gofer::error>();
    const NotFound* target = err != nullptr ? gofer::as<NotFound>(*err) : nullptr;
    const bool same = target == gofer::as<NotFound>(nf);
    println("is error:", err != nullptr, "As:", target != nullptr, "same:", same, "text:", v.v);

    println("int equal:", catching([] { gofer::panic(7); }).equals(7));
    println("int vs int64:", catching([] { gofer::panic(7); }).equals(std::int64_t{7}));
    println("struct copy:", catching([] { gofer::panic(Obj{3}); }).equals(Obj{3}));
    const caught none = catching([] {});
    println("no panic:", none.nothing ? std::string("nothing") : conformance::show(none.v).text);
    println("empty string is not nil:", static_cast<bool>(catching([] { gofer::panic(""); }).v));
    println("zero int is not nil:", static_cast<bool>(catching([] { gofer::panic(0); }).v));
    println("false is not nil:", static_cast<bool>(catching([] { gofer::panic(false); }).v));
  });
}
