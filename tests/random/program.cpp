#include "program.hpp"

#include <algorithm>
#include <random>

namespace gofer::random {

namespace {

// Drawn by hand: the standard distributions differ between libraries, and a seed has to mean the same everywhere.
class maker {
 public:
  explicit maker(std::uint64_t seed) : random_(seed) {}

  program make(std::uint64_t seed) {
    program p;
    p.seed = seed;
    fuel_ = 4 + below(below(4) == 0 ? 90 : 35);
    p.body = make_block({}, 0, 2);
    while (fuel_ > 0 && p.body.size() < 12) {
      block more = make_block({}, 0, 1);
      const bool dead = !p.body.empty() && raises(p.body.back());
      for (stmt& s : more) p.body.insert(dead ? p.body.end() - 1 : p.body.end(), std::move(s));
    }
    p.statements = next_;
    return p;
  }

 private:
  // What the statements around allow.
  struct around {
    bool result = false;
    bool list = false;
    bool recovered = false;  // in a deferred function that recovers
    bool handler = false;
    bool quiet = false;  // in a destructor: nothing should leave it, so most of what could is not made
  };

  static bool raises(const stmt& s) {
    return s.what == op::panics || s.what == op::throws || s.what == op::goexits || s.what == op::rethrows ||
           s.what == op::returns;
  }

  unsigned below(unsigned n) { return static_cast<unsigned>(random_() % n); }
  bool chance(unsigned percent) { return below(100) < percent; }

  stmt begin(op what) {
    stmt s;
    s.what = what;
    s.id = next_++;
    s.form = below(64);
    fuel_--;
    return s;
  }

  type random_type() {
    constexpr type all[] = {type::runtime_error, type::integer, type::own};
    return all[below(3)];
  }

  stmt make_raise(const around& a) {
    const unsigned n = below(100);
    if (a.handler && n < 35) return begin(op::rethrows);
    if (a.recovered && n < 35) return begin(op::repanics);
    if (n < 42) return begin(op::returns);
    if (n < 48) return begin(op::goexits);
    stmt s = begin(n < 75 ? op::panics : op::throws);
    s.value = random_type();
    return s;
  }

  block make_block(const around& a, int depth, unsigned least) {
    block b;
    around here = a;
    const unsigned n = least + below(depth == 0 ? 6 : 4);
    for (unsigned i = 0; i < n && fuel_ > 0; i++) {
      b.push_back(make_stmt(here, depth));
      if (b.back().what == op::list) here.list = true;
    }
    if (fuel_ > 0 && !a.quiet && chance(depth == 0 ? 60 : 38)) b.push_back(make_raise(here));
    return b;
  }

  void make_deferred(stmt& s, around a, int depth) {
    a.list = false;
    a.handler = false;
    a.recovered = false;
    s.recover = chance(50);
    s.argument = chance(25);
    s.blocks.push_back(chance(30) ? make_block(a, depth + 2, 0) : block{});
    a.recovered = s.recover;
    s.blocks.push_back(chance(70) ? make_block(a, depth + 2, 0) : block{});
    s.again = s.recover && chance(15);
  }

  stmt make_stmt(const around& a, int depth) {
    const bool shallow = depth < 7;
    const unsigned n = below(100);
    if (n < 5) return begin(op::note);
    if (n < 10) return begin(op::yield);
    if (n < 12) return begin(op::recovers);
    if (n == 12) return begin(chance(20) ? op::blocks : op::yield);
    if (n < 18 && a.result) return begin(op::assigns);
    if (n < 28) {
      stmt s = begin(op::destructor);
      around inside;
      inside.quiet = true;
      s.blocks.push_back(shallow && chance(12) ? make_block(inside, depth + 3, 1) : block{});
      return s;
    }
    if (n < 52) {
      stmt s = begin(op::defers);
      make_deferred(s, a, depth);
      return s;
    }
    if (n < 56) return begin(op::list);
    if (n < 63) {
      if (!a.list) return begin(op::list);
      stmt s = begin(op::pushes);
      s.count = chance(30) ? 5 + static_cast<int>(below(4)) : 1 + static_cast<int>(below(3));
      make_deferred(s, a, depth + 1);
      return s;
    }
    if (!shallow) return begin(op::note);
    if (n < 69) return with_body(op::frame, a, depth);
    if (n < 84) {
      constexpr op kinds[] = {op::function, op::named, op::by_value};
      const op kind = kinds[below(3)];
      around inside = a;
      inside.list = false;
      inside.result = a.result || kind == op::named;
      inside.quiet = a.quiet && chance(50);
      return with_body(kind, inside, depth);
    }
    if (n < 97) return make_try(a, depth);
    around inside;
    return with_body(op::spawns, inside, depth + 1);
  }

  stmt with_body(op what, const around& a, int depth) {
    stmt s = begin(what);
    s.blocks.push_back(make_block(a, depth + 1, 1));
    return s;
  }

  stmt make_try(const around& a, int depth) {
    stmt s = begin(op::tries);
    s.blocks.push_back(make_block(a, depth + 1, 1));
    around inside = a;
    inside.handler = true;
    const unsigned typed = below(3);
    constexpr type all[] = {type::runtime_error, type::integer, type::own, type::exception};
    for (unsigned i = 0; i < typed; i++) s.handlers.push_back({all[below(4)], chance(30)});
    // A base before what is derived from it: the compiler would say so.
    if (typed == 2 && (s.handlers[0].catches == s.handlers[1].catches || s.handlers[0].catches == type::exception)) {
      s.handlers.pop_back();
    }
    if (s.handlers.empty() || chance(45)) s.handlers.push_back({type::everything, chance(50)});
    for (std::size_t i = 0; i < s.handlers.size(); i++) {
      s.blocks.push_back(chance(60) ? make_block(inside, depth + 2, 0) : block{});
    }
    return s;
  }

  std::mt19937_64 random_;
  unsigned fuel_ = 0;
  int next_ = 1;
};

void cut(block& b, const cuts& c) {
  block kept;
  for (stmt& s : b) {
    if (c.dropped.contains(s.id)) continue;
    for (block& inner : s.blocks) cut(inner, c);
    if (c.hoisted.contains(s.id) && !s.blocks.empty()) {
      for (stmt& inner : s.blocks.front()) kept.push_back(std::move(inner));
    } else {
      kept.push_back(std::move(s));
    }
  }
  b = std::move(kept);
}

const char* type_name(type t) {
  switch (t) {
    case type::runtime_error:
      return "std::runtime_error&";
    case type::integer:
      return "int";
    case type::own:
      return "own&";
    case type::exception:
      return "std::exception&";
    case type::everything:
      return "...";
  }
  return "";
}

void print(std::string& out, const block& b, std::size_t depth);

void print_deferred(std::string& out, const stmt& s, std::size_t depth) {
  const std::string pad(2 * depth + 2, ' ');
  print(out, s.blocks[0], depth + 1);
  if (s.recover) out += pad + "p = recover();\n";
  print(out, s.blocks[1], depth + 1);
  if (s.again) out += pad + "recover();\n";
}

void print(std::string& out, const stmt& s, std::size_t depth) {
  const std::string pad(2 * depth, ' ');
  const std::string id = std::to_string(s.id);
  const auto braces = [&](const std::string& head) {
    out += pad + head + " {  // " + id + "\n";
    print(out, s.blocks[0], depth + 1);
    out += pad + "}\n";
  };
  const auto deferred = [&](const std::string& head) {
    out += pad + head + " {  // " + id + (s.argument ? ", with an argument" : "") + ", form " + std::to_string(s.form) +
           "\n";
    print_deferred(out, s, depth);
    out += pad + "}\n";
  };
  switch (s.what) {
    case op::note:
      out += pad + "note(" + id + ");\n";
      return;
    case op::yield:
      out += pad + "gosched();  // " + id + "\n";
      return;
    case op::blocks:
      out += pad + "blocking(note);  // " + id + "\n";
      return;
    case op::recovers:
      out += pad + "helper_recover();  // " + id + "\n";
      return;
    case op::assigns:
      out += pad + "result = …;  // " + id + "\n";
      return;
    case op::returns:
      out += pad + "return;  // " + id + "\n";
      return;
    case op::panics:
      out += pad + "panic(" + value_text(s) + ");\n";
      return;
    case op::throws:
      out += pad + "throw " + value_text(s) + ";  // " + type_name(s.value) + "\n";
      return;
    case op::goexits:
      out += pad + "goexit();  // " + id + "\n";
      return;
    case op::rethrows:
      out += pad + "throw;  // " + id + "\n";
      return;
    case op::repanics:
      out += pad + "if (p) panic(p);  // " + id + "\n";
      return;
    case op::frame:
      return braces("plain function");
    case op::function:
      return braces("func");
    case op::named:
      return braces("func -> named result");
    case op::by_value:
      return braces("func -> value");
    case op::spawns:
      return braces("go and wait");
    case op::destructor:
      return braces("object, destructor");
    case op::list:
      out += pad + "defer_list;  // " + id + "\n";
      return;
    case op::defers:
      return deferred("defer");
    case op::pushes:
      return deferred("push " + std::to_string(s.count) + " times");
    case op::tries:
      out += pad + "try {  // " + id + ", form " + std::to_string(s.form) + "\n";
      print(out, s.blocks[0], depth + 1);
      for (std::size_t i = 0; i < s.handlers.size(); i++) {
        out += pad + "} catch (" + type_name(s.handlers[i].catches) + ") {\n";
        print(out, s.blocks[i + 1], depth + 1);
        if (s.handlers[i].rethrows) out += pad + "  throw;\n";
      }
      out += pad + "}\n";
      return;
  }
}

void print(std::string& out, const block& b, std::size_t depth) {
  for (const stmt& s : b) print(out, s, depth);
}

}  // namespace

program make_program(std::uint64_t seed, const cuts& c) {
  program p = maker(seed).make(seed);
  cut(p.body, c);
  return p;
}

std::string listing(const program& p) {
  std::string out;
  print(out, p.body, 0);
  return out;
}

std::string value_text(const stmt& s) {
  const std::string id = std::to_string(s.id);
  const bool thrown = s.what == op::throws;
  switch (s.value) {
    case type::runtime_error:
      return (thrown ? "e" : "s") + id;
    case type::own:
      return (thrown ? "o" : "v") + id;
    default:
      return id;
  }
}

}  // namespace gofer::random
