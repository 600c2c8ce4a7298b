// The executor: every statement that makes a frame is a function of its own, not inlined, with the real thing in it
// (gofer::defer, gofer::func, try and catch), and calls on into the tree for the rest of its scope. Some shapes exist a
// second time with everything in one function, for the compiler to merge. This file is compiled at -O0 and at -O2.
#include "executor.hpp"

#include <atomic>
#include <exception>
#include <gofer/chan.hpp>
#include <gofer/defer.hpp>
#include <gofer/panic.hpp>
#include <gofer/runtime.hpp>
#include <stdexcept>
#include <string>
#include <utility>

#include "runtime/panic.hpp"
#include "sched/park.hpp"

#define OUTLINE __attribute__((noinline))

namespace gofer::random {

namespace {

std::atomic<long> live{0};

// Counted, so that nothing is lost and nothing is destroyed twice.
struct counted {
  counted() { live.fetch_add(1, std::memory_order_relaxed); }
  counted(const counted&) : counted() {}
  counted& operator=(const counted&) = default;
  ~counted() { live.fetch_sub(1, std::memory_order_relaxed); }
};

struct own_value {
  std::string text;
  counted c{};
  std::string what() const { return text; }
};

class own_exception : public std::exception {
 public:
  explicit own_exception(std::string text) : text_(std::move(text)) {}
  const char* what() const noexcept override { return text_.c_str(); }

 private:
  std::string text_;
  counted c_{};
};

enum class flow { on, returns };

struct run_state {
  std::string trail;
  void note(const std::string& word) {
    trail += word;
    trail += ' ';
  }
};

// What a statement sees of the functions around it.
struct scope {
  unsigned* result = nullptr;
  defer_list* list = nullptr;
  int* pushed = nullptr;
  panic_value* recovered = nullptr;
};

flow sequence(run_state& r, const block& b, std::size_t i, const scope& in);

std::string id_of(const stmt& s) { return std::to_string(s.id); }

void note_recovered(run_state& r, const std::string& who, const panic_value& p) {
  if (!p) return r.note(who + ":nil");
  r.note(who + ":" + p.what() + (p.exception() ? "!" : ""));
  // What as<T>() sees is what was raised.
  const bool is_own = p.as<own_value>() != nullptr || p.as<own_exception>() != nullptr;
  const bool is_error = p.as<std::runtime_error>() != nullptr || p.as<std::string>() != nullptr;
  const bool is_integer = p.as<int>() != nullptr;
  if (is_own + is_error + is_integer != 1) r.note("AS");
}

// --- deferred functions
// -----------------------------------------------------------------------------------------------

std::string name_of(const stmt& s, int index) {
  return "d" + id_of(s) + (index != 0 ? "." + std::to_string(index) : "");
}

// The parts of a deferred function before and after its recover(), which it has to call itself.
OUTLINE bool before(run_state& r, const stmt& s, int index, const scope& in) {
  r.note(name_of(s, index));
  scope inside = in;
  inside.list = nullptr;
  inside.recovered = nullptr;
  return sequence(r, s.blocks[0], 0, inside) == flow::on;
}

OUTLINE bool after(run_state& r, const stmt& s, int index, const scope& in, panic_value& p) {
  scope inside = in;
  inside.list = nullptr;
  inside.recovered = nullptr;
  if (s.recover) {
    note_recovered(r, name_of(s, index), p);
    inside.recovered = &p;
  }
  return sequence(r, s.blocks[1], 0, inside) == flow::on && s.again;
}

// An argument of a deferred function: says when it is destroyed, once.
class argument {
 public:
  argument(run_state* r, const stmt* s) : r_(r), s_(s) {}
  argument(argument&& other) noexcept : r_(std::exchange(other.r_, nullptr)), s_(other.s_) {}
  argument& operator=(argument&&) = delete;
  ~argument() {
    if (r_ != nullptr) r_->note("~a" + id_of(*s_));
  }

 private:
  run_state* r_;
  const stmt* s_;
  counted c_{};
};

// Every form of deferred function has this body: recover() has to stand in it.
#define DEFERRED_BODY(r, s, index, in)    \
  if (!before(r, s, index, in)) return;   \
  panic_value p;                          \
  if ((s).recover) p = recover();         \
  if (!after(r, s, index, in, p)) return; \
  note_recovered(r, name_of(s, index), recover())

void plain_function(run_state* r, const stmt* s, int index, scope in) { DEFERRED_BODY(*r, *s, index, in); }

void with_argument(run_state* r, const stmt* s, int index, scope in, argument) { DEFERRED_BODY(*r, *s, index, in); }

struct functor {
  run_state* r;
  const stmt* s;
  int index;
  scope in;
  void operator()() const { DEFERRED_BODY(*r, *s, index, in); }
  void member() { DEFERRED_BODY(*r, *s, index, in); }
  template <class T>
  void operator()(T&&) {
    DEFERRED_BODY(*r, *s, index, in);
  }
};

// Too large for a record from the pool.
struct large_functor {
  functor f;
  char padding[200];
  void operator()() const { DEFERRED_BODY(*f.r, *f.s, f.index, f.in); }
};

OUTLINE flow defer_lambda(run_state& r, const block& b, std::size_t i, const scope& in) {
  const stmt& s = b[i];
  defer d{[&] { DEFERRED_BODY(r, s, 0, in); }};
  return sequence(r, b, i + 1, in);
}

OUTLINE flow defer_statement(run_state& r, const block& b, std::size_t i, const scope& in) {
  const stmt& s = b[i];
  // recover() in what the statement calls is not the deferred function's own: only for those without.
  GOFER_DEFER(plain_function(&r, &s, 0, in));
  return sequence(r, b, i + 1, in);
}

OUTLINE flow defer_function(run_state& r, const block& b, std::size_t i, const scope& in) {
  defer d{plain_function, &r, &b[i], 0, in};
  return sequence(r, b, i + 1, in);
}

OUTLINE flow defer_functor(run_state& r, const block& b, std::size_t i, const scope& in) {
  defer d{functor{&r, &b[i], 0, in}};
  return sequence(r, b, i + 1, in);
}

OUTLINE flow defer_member(run_state& r, const block& b, std::size_t i, const scope& in) {
  functor f{&r, &b[i], 0, in};
  defer d{&functor::member, &f};
  return sequence(r, b, i + 1, in);
}

OUTLINE flow defer_argument(run_state& r, const block& b, std::size_t i, const scope& in) {
  const stmt& s = b[i];
  defer d{[&](argument&&) { DEFERRED_BODY(r, s, 0, in); }, argument(&r, &s)};
  return sequence(r, b, i + 1, in);
}

OUTLINE flow defer_argument_by_value(run_state& r, const block& b, std::size_t i, const scope& in) {
  defer d{with_argument, &r, &b[i], 0, in, argument(&r, &b[i])};
  return sequence(r, b, i + 1, in);
}

OUTLINE flow defer_generic_argument(run_state& r, const block& b, std::size_t i, const scope& in) {
  defer d{functor{&r, &b[i], 0, in}, argument(&r, &b[i])};
  return sequence(r, b, i + 1, in);
}

flow defers(run_state& r, const block& b, std::size_t i, const scope& in) {
  const stmt& s = b[i];
  if (s.argument) {
    switch (s.form % 3) {
      case 0:
        return defer_argument(r, b, i, in);
      case 1:
        return defer_argument_by_value(r, b, i, in);
      default:
        return defer_generic_argument(r, b, i, in);
    }
  }
  switch (s.form % 5) {
    case 0:
      if (!s.recover) return defer_statement(r, b, i, in);
      [[fallthrough]];
    case 1:
      return defer_lambda(r, b, i, in);
    case 2:
      return defer_function(r, b, i, in);
    case 3:
      return defer_functor(r, b, i, in);
    default:
      return defer_member(r, b, i, in);
  }
}

OUTLINE flow with_list(run_state& r, const block& b, std::size_t i, const scope& in) {
  scope inside = in;
  int pushed = 0;
  defer_list calls;
  inside.list = &calls;
  inside.pushed = &pushed;
  return sequence(r, b, i + 1, inside);
}

void pushes(run_state& r, const stmt& s, const scope& in) {
  if (in.list == nullptr) return;
  for (int n = 0; n < s.count; n++) {
    const int index = (*in.pushed)++;
    if (s.argument) {
      if (s.form % 2 == 0) {
        in.list->push(with_argument, &r, &s, index, in, argument(&r, &s));
      } else {
        in.list->push([&r, &s, index, in](argument&&) { DEFERRED_BODY(r, s, index, in); }, argument(&r, &s));
      }
      continue;
    }
    switch (s.form % 4) {
      case 0:
        in.list->push([&r, &s, index, in] { DEFERRED_BODY(r, s, index, in); });
        break;
      case 1:
        in.list->push(plain_function, &r, &s, index, in);
        break;
      case 2:
        in.list->push(functor{&r, &s, index, in});
        break;
      default:
        in.list->push(large_functor{{&r, &s, index, in}, {}});
    }
  }
}

// --- objects
// ----------------------------------------------------------------------------------------------------------

class object {
 public:
  object(run_state& r, const stmt& s) : r_(r), s_(s) {}
  object(const object&) = delete;
  object& operator=(const object&) = delete;
  ~object() {
    r_.note("~" + id_of(s_));
    if (s_.form % 4 == 0) gosched();
    sequence(r_, s_.blocks[0], 0, {});
  }

 private:
  run_state& r_;
  const stmt& s_;
};

OUTLINE flow with_object(run_state& r, const block& b, std::size_t i, const scope& in) {
  object o(r, b[i]);
  return sequence(r, b, i + 1, in);
}

// --- raising
// ----------------------------------------------------------------------------------------------------------

[[noreturn]] OUTLINE void raise_panic(const stmt& s) {
  switch (s.value) {
    case type::runtime_error:
      if (s.form % 2 == 0) panic(value_text(s).c_str());
      panic(std::runtime_error(value_text(s)));
    case type::own:
      panic(own_value{value_text(s)});
    default:
      panic(s.id);
  }
}

[[noreturn]] OUTLINE void raise_exception(const stmt& s) {
  switch (s.value) {
    case type::runtime_error:
      throw std::runtime_error(value_text(s));
    case type::own:
      throw own_exception(value_text(s));
    default:
      throw s.id;
  }
}

OUTLINE panic_value helper_recover() { return recover(); }

// --- try
// --------------------------------------------------------------------------------------------------------------

std::string text_of(const std::exception& e) { return e.what(); }
std::string text_of(int value) { return std::to_string(value); }

// A handler's body; true: it ends with `throw;`.
OUTLINE bool handle(run_state& r, const stmt& s, std::size_t which, const std::string& text, const scope& in,
                    flow& how) {
  r.note("c" + id_of(s) + text);
  how = sequence(r, s.blocks[which + 1], 0, in);
  return how == flow::on && s.handlers[which].rethrows;
}

template <class A>
OUTLINE flow try_one(run_state& r, const stmt& s, const scope& in) {
  flow how{};
  try {
    return sequence(r, s.blocks[0], 0, in);
  } catch (A& a) {
    if (handle(r, s, 0, ":" + text_of(a), in, how)) throw;
    return how;
  }
}

template <class A, class B>
OUTLINE flow try_two(run_state& r, const stmt& s, const scope& in) {
  flow how{};
  try {
    return sequence(r, s.blocks[0], 0, in);
  } catch (A& a) {
    if (handle(r, s, 0, ":" + text_of(a), in, how)) throw;
    return how;
  } catch (B& b) {
    if (handle(r, s, 1, ":" + text_of(b), in, how)) throw;
    return how;
  }
}

OUTLINE flow try_all(run_state& r, const stmt& s, const scope& in) {
  flow how{};
  try {
    return sequence(r, s.blocks[0], 0, in);
  } catch (...) {
    if (handle(r, s, 0, "", in, how)) throw;
    return how;
  }
}

template <class A>
OUTLINE flow try_one_all(run_state& r, const stmt& s, const scope& in) {
  flow how{};
  try {
    return sequence(r, s.blocks[0], 0, in);
  } catch (A& a) {
    if (handle(r, s, 0, ":" + text_of(a), in, how)) throw;
    return how;
  } catch (...) {
    if (handle(r, s, 1, "", in, how)) throw;
    return how;
  }
}

template <class A, class B>
OUTLINE flow try_two_all(run_state& r, const stmt& s, const scope& in) {
  flow how{};
  try {
    return sequence(r, s.blocks[0], 0, in);
  } catch (A& a) {
    if (handle(r, s, 0, ":" + text_of(a), in, how)) throw;
    return how;
  } catch (B& b) {
    if (handle(r, s, 1, ":" + text_of(b), in, how)) throw;
    return how;
  } catch (...) {
    if (handle(r, s, 2, "", in, how)) throw;
    return how;
  }
}

// Calls f.operator()<T>() with the C++ type of t.
template <class F>
flow with_type(type t, F f) {
  switch (t) {
    case type::runtime_error:
      return f.template operator()<std::runtime_error>();
    case type::integer:
      return f.template operator()<int>();
    case type::own:
      return f.template operator()<own_exception>();
    default:
      return f.template operator()<std::exception>();
  }
}

template <class A, class B>
inline constexpr bool base_first = std::is_same_v<A, B> || std::is_same_v<A, std::exception>;

flow tries(run_state& r, const stmt& s, const scope& in) {
  const bool all = s.handlers.back().catches == type::everything;
  const std::size_t typed = s.handlers.size() - (all ? 1 : 0);
  if (typed == 0) return try_all(r, s, in);
  return with_type(s.handlers[0].catches, [&]<class A>() {
    if (typed == 1) return all ? try_one_all<A>(r, s, in) : try_one<A>(r, s, in);
    return with_type(s.handlers[1].catches, [&]<class B>() {
      if constexpr (base_first<A, B>) {
        return flow::on;  // never made
      } else {
        return all ? try_two_all<A, B>(r, s, in) : try_two<A, B>(r, s, in);
      }
    });
  });
}

// --- functions
// --------------------------------------------------------------------------------------------------------

OUTLINE flow frame(run_state& r, const stmt& s, const scope& in) {
  r.note("f" + id_of(s));
  return sequence(r, s.blocks[0], 0, in);
}

OUTLINE void function(run_state& r, const stmt& s, const scope& in) {
  func([&] { sequence(r, s.blocks[0], 0, in); });
}

OUTLINE unsigned named(run_state& r, const stmt& s, const scope& in) {
  return func([&](unsigned& result) {
    scope inside = in;
    inside.result = &result;
    sequence(r, s.blocks[0], 0, inside);
  });
}

OUTLINE unsigned by_value(run_state& r, const stmt& s, const scope& in) {
  return func([&]() -> unsigned {
    sequence(r, s.blocks[0], 0, in);
    return static_cast<unsigned>(s.id);
  });
}

// The same with the first two statements, deferred calls, in the body itself.
OUTLINE void function_with_two(run_state& r, const stmt& s, const scope& in) {
  const block& b = s.blocks[0];
  func([&] {
    defer first{[&] { DEFERRED_BODY(r, b[0], 0, in); }};
    defer second{[&] { DEFERRED_BODY(r, b[1], 0, in); }};
    sequence(r, b, 2, in);
  });
}

OUTLINE unsigned named_with_two(run_state& r, const stmt& s, const scope& in) {
  const block& b = s.blocks[0];
  return func([&](unsigned& result) {
    scope inside = in;
    inside.result = &result;
    defer first{[&] { DEFERRED_BODY(r, b[0], 0, inside); }};
    defer second{[&] { DEFERRED_BODY(r, b[1], 0, inside); }};
    sequence(r, b, 2, inside);
  });
}

OUTLINE unsigned by_value_with_two(run_state& r, const stmt& s, const scope& in) {
  const block& b = s.blocks[0];
  return func([&]() -> unsigned {
    defer first{[&] { DEFERRED_BODY(r, b[0], 0, in); }};
    defer second{[&] { DEFERRED_BODY(r, b[1], 0, in); }};
    sequence(r, b, 2, in);
    return static_cast<unsigned>(s.id);
  });
}

// A deferred call, and a try, in one function with the boundary: the compiler may merge boundary and handlers.
OUTLINE void function_with_try(run_state& r, const stmt& s, const scope& in) {
  const block& b = s.blocks[0];
  const stmt& t = b[1];
  func([&] {
    defer first{[&] { DEFERRED_BODY(r, b[0], 0, in); }};
    flow how{};
    try {
      how = sequence(r, t.blocks[0], 0, in);
    } catch (...) {
      if (handle(r, t, 0, "", in, how)) throw;
    }
    if (how == flow::on) sequence(r, b, 2, in);
  });
}

// ... and with everything around in one function.
OUTLINE unsigned named_with_object_and_try(run_state& r, const stmt& s, const scope& in) {
  const block& b = s.blocks[0];
  const stmt& t = b[2];
  return func([&](unsigned& result) {
    scope inside = in;
    inside.result = &result;
    defer first{[&] { DEFERRED_BODY(r, b[0], 0, inside); }};
    object second(r, b[1]);
    flow how{};
    try {
      how = sequence(r, t.blocks[0], 0, inside);
    } catch (std::runtime_error& e) {
      if (handle(r, t, 0, ":" + text_of(e), inside, how)) throw;
    }
    if (how == flow::on) sequence(r, b, 3, inside);
  });
}

bool starts_with(const block& b, std::initializer_list<op> ops) {
  std::size_t i = 0;
  for (const op o : ops) {
    if (i >= b.size() || b[i].what != o) return false;
    if (o == op::defers && b[i].argument) return false;
    i++;
  }
  return true;
}

void call(run_state& r, const stmt& s, const scope& in) {
  scope inside = in;
  inside.list = nullptr;
  const std::string id = id_of(s);
  const block& b = s.blocks[0];
  const bool two = s.form % 2 == 0 && starts_with(b, {op::defers, op::defers});
  r.note("func" + id);
  switch (s.what) {
    case op::function:
      if (two) {
        function_with_two(r, s, inside);
      } else if (starts_with(b, {op::defers, op::tries}) && b[1].handlers[0].catches == type::everything) {
        function_with_try(r, s, inside);
      } else {
        function(r, s, inside);
      }
      return r.note("on" + id);
    case op::named: {
      const bool with_try = starts_with(b, {op::defers, op::destructor, op::tries}) && b[2].handlers.size() == 1 &&
                            b[2].handlers[0].catches == type::runtime_error;
      const unsigned result = two        ? named_with_two(r, s, inside)
                              : with_try ? named_with_object_and_try(r, s, inside)
                                         : named(r, s, inside);
      return r.note("on" + id + "=" + std::to_string(result));
    }
    default: {
      const unsigned result = two ? by_value_with_two(r, s, inside) : by_value(r, s, inside);
      return r.note("on" + id + "=" + std::to_string(result));
    }
  }
}

// --- goroutines
// -------------------------------------------------------------------------------------------------------

// The chain as a report would print it, on one line.
std::string chain_text() {
  const sched::g* gp = sched::getg();
  std::string out;
  if (gp->_panic == nullptr) return out;
  runtime::printpanics(out, gp->_panic, runtime::preprintpanics(gp->_panic).data());
  for (char& c : out) {
    if (c == '\n') c = '|';
  }
  return out;
}

void check_nothing_left(run_state& r) {
  const sched::g* gp = sched::getg();
  if (gp->_panic != nullptr) r.note("PANIC-LEFT");
  if (gp->vehicles != nullptr) r.note("VEHICLE-LEFT");
  if (gp->_defer != nullptr) r.note("DEFERFRAME-LEFT");
  if (std::uncaught_exceptions() != 0) r.note("UNCAUGHT-LEFT");
  if (std::current_exception() != nullptr) r.note("CAUGHT-LEFT");
}

// Runs b in a goroutine of its own, and waits for it.
OUTLINE void goroutine(run_state& r, const block& b) {
  chan<int> over{0};
  go([&r, &b, over]() mutable {
    defer tell{[&] { over.send(1); }};
    func([&] {
      defer last{[&] {
        r.note("last:" + chain_text());
        note_recovered(r, "last", recover());
      }};
      sequence(r, b, 0, {});
    });
    r.note("end");
    check_nothing_left(r);
  });
  over.recv();
}

// ----------------------------------------------------------------------------------------------------------------------

flow sequence(run_state& r, const block& b, std::size_t i, const scope& in) {
  for (; i < b.size(); i++) {
    const stmt& s = b[i];
    switch (s.what) {
      case op::note:
        r.note(id_of(s));
        break;
      case op::yield:
        gosched();
        break;
      case op::blocks:
        blocking([&] { r.note(id_of(s)); });
        break;
      case op::recovers: {
        // Called by no deferred function: through a helper, in a func's body, or right here.
        const panic_value p = s.form % 3 == 0   ? helper_recover()
                              : s.form % 3 == 1 ? func([] { return recover(); })
                                                : [] { return recover(); }();
        r.note(id_of(s) + (p ? ":" + p.what() : ":nil"));
        break;
      }
      case op::assigns:
        if (in.result != nullptr) *in.result = *in.result * 31 + static_cast<unsigned>(s.id);
        break;
      case op::returns:
        return flow::returns;
      case op::panics:
        raise_panic(s);
      case op::throws:
        raise_exception(s);
      case op::goexits:
        goexit();
      case op::rethrows:
        throw;
      case op::repanics:
        if (in.recovered != nullptr && *in.recovered) panic(*in.recovered);
        break;
      case op::frame:
        frame(r, s, in);
        break;
      case op::function:
      case op::named:
      case op::by_value:
        call(r, s, in);
        break;
      case op::tries:
        if (tries(r, s, in) == flow::returns) return flow::returns;
        break;
      case op::spawns:
        goroutine(r, s.blocks[0]);
        r.note("joined" + id_of(s));
        break;
      case op::pushes:
        pushes(r, s, in);
        break;
      case op::defers:
        return defers(r, b, i, in);
      case op::destructor:
        return with_object(r, b, i, in);
      case op::list:
        return with_list(r, b, i, in);
    }
  }
  return flow::on;
}

}  // namespace

std::string execute(const program& p) {
  run_state r;
  goroutine(r, p.body);
  return std::move(r.trail);
}

void execute_unprotected(const program& p) {
  run_state r;
  sequence(r, p.body, 0, {});
}

long live_objects() { return live.load(std::memory_order_relaxed); }

}  // namespace gofer::random
