// The model. Calls return what became of them, as a value: `ends`. There is no unwinding in here, and nothing of gofer.
//
// A `flight` is what an unwinding carries: Go's chain of panics, of which the last is the newest, or nothing when it
// was recovered and is on its way to the boundary. Three kinds:
//   by force   panics and goexit. Passes typed handlers, enters catch (...).
//   a throw    that no handler inside the boundary takes: lands at that boundary, whatever is recovered or raised on
//              its way.
//   an aimed   throw: a handler inside the boundary takes it. No panic: deferred calls that it runs recover nothing.
// A panic that leaves a deferred call which a flight runs joins that flight. What leaves a boundary sets out anew: as a
// throw if the newest of the chain is an exception, by force otherwise; and by force always if a goexit is in it.
#include "model.hpp"

#include <algorithm>
#include <cstddef>
#include <memory>
#include <utility>

namespace gofer::random {

namespace {

struct item {
  enum { panic, exception, goexit } kind = panic;
  std::string text;
  type value = type::integer;
  bool recovered = false;
  bool open = false;  // may be in the chain or not
};

struct flight {
  std::vector<item> chain;
  bool forced = false;
  int aim = 0;          // the try whose handler takes it; 0: no handler does
  bool landed = false;  // over: recovered and at its boundary, or joined to another
};
using flight_ptr = std::shared_ptr<flight>;

struct ends {
  enum { normally, returning, flying } how = normally;
  flight_ptr f;
};

bool has_goexit(const flight& f) {
  return std::any_of(f.chain.begin(), f.chain.end(), [](const item& i) { return i.kind == item::goexit; });
}

// As Go's printpanics writes it, lines told apart by '|'.
std::string chain_text(const flight& f) {
  std::string out;
  for (std::size_t i = 0; i < f.chain.size(); i++) {
    const item& p = f.chain[i];
    if (p.kind == item::goexit) continue;
    const std::string line = "panic: " + p.text + (p.recovered ? " [recovered]" : "") + "|";
    const std::string indent = i + 1 < f.chain.size() ? "\t" : "";
    out += p.open ? "\1" + line + indent + "\2" : line + indent;
  }
  return out;
}

bool takes(type handler, const item& thrown) {
  if (handler == type::everything || handler == thrown.value) return true;
  return handler == type::exception && thrown.value != type::integer;
}

class model {
 public:
  expectation run(const program& p, bool outermost) {
    if (outermost) {
      goroutine(p.body);
    } else {
      const ends e = sequence(p.body, 0, {});
      if (e.how == ends::flying && !e.f->chain.empty() && e.f->chain.back().kind != item::goexit) {
        result_.dies_of = chain_text(*e.f);
      } else if (e.how != ends::flying || e.f->chain.empty()) {
        note("end");
      }
    }
    return std::move(result_);
  }

 private:
  struct recovered_value {
    bool any = false;
    item value;
  };
  struct pushed;
  // What a statement sees of the functions around it.
  struct scope {
    unsigned* result = nullptr;
    std::vector<pushed>* list = nullptr;
    recovered_value* recovered = nullptr;
    flight_ptr caught;
  };
  struct pushed {
    const stmt* s;
    scope in;
  };
  // Around a throw, outermost first: 0 for a boundary, else a try.
  struct place {
    int id = 0;
    const stmt* handlers = nullptr;
  };

  void note(const std::string& word) { result_.trail += word + ' '; }
  void reject(const char* why) {
    if (result_.rejected.empty()) result_.rejected = why;
  }

  static ends fly(flight_ptr f) { return {ends::flying, std::move(f)}; }

  // Sets out as a throw of the chain's newest.
  ends throw_it(std::vector<item> chain) {
    auto f = std::make_shared<flight>();
    f->chain = std::move(chain);
    for (auto p = places_.rbegin(); p != places_.rend() && p->handlers != nullptr; ++p) {
      for (const handler& h : p->handlers->handlers) {
        if (!takes(h.catches, f->chain.back())) continue;
        f->aim = p->id;
        // Should the handler throw it on: nobody says whether those that it had aborted are still known then.
        for (std::size_t i = 0; i + 1 < f->chain.size(); i++) f->chain[i].open = true;
        return fly(f);
      }
    }
    return fly(f);
  }

  // f, not recovered, leaves a boundary.
  ends leave(const flight_ptr& f) {
    if (f->chain.back().kind == item::exception && !has_goexit(*f)) {
      f->landed = true;
      return throw_it(f->chain);
    }
    f->forced = true;
    return fly(f);
  }

  ends force(item i) {
    auto f = std::make_shared<flight>();
    f->chain.push_back(std::move(i));
    f->forced = true;
    return fly(f);
  }

  ends sequence(const block& b, std::size_t i, const scope& in) {
    for (; i < b.size(); i++) {
      const stmt& s = b[i];
      if (s.what == op::defers) return deferred_call(s, 0, in, sequence(b, i + 1, in));
      if (s.what == op::destructor) {
        ends e = sequence(b, i + 1, in);
        note("~" + std::to_string(s.id));
        destruct(s);
        return e;
      }
      if (s.what == op::list) {
        std::vector<pushed> calls;
        scope inside = in;
        inside.list = &calls;
        ends e = sequence(b, i + 1, inside);
        int index = static_cast<int>(calls.size());
        for (auto call = calls.rbegin(); call != calls.rend(); ++call) {
          e = deferred_call(*call->s, --index, call->in, std::move(e));
        }
        return e;
      }
      ends e = statement(s, in);
      if (e.how != ends::normally) return e;
    }
    return {};
  }

  void destruct(const stmt& s) {
    places_.push_back({});
    const ends e = sequence(s.blocks[0], 0, {});
    places_.pop_back();
    if (e.how == ends::flying) reject("something leaves a destructor");
  }

  ends deferred_call(const stmt& s, int index, const scope& in, ends e) {
    const bool aimed = e.how == ends::flying && e.f->aim != 0;
    flight_ptr by = e.how == ends::flying && !aimed ? e.f : nullptr;
    places_.push_back({});
    const ends call = deferred_body(s, index, in, by.get());
    places_.pop_back();
    if (s.argument) note("~a" + std::to_string(s.id));
    if (call.how == ends::flying) {
      if (call.f->chain.empty()) {
        call.f->landed = true;
      } else if (aimed) {
        reject("a deferred call panics while an exception is on its way to a handler");
        return e;
      } else if (by == nullptr) {
        return leave(call.f);
      } else {
        by->chain.insert(by->chain.end(), call.f->chain.begin(), call.f->chain.end());
        call.f->landed = true;
      }
    }
    if (by != nullptr) retire(*by);
    return e;
  }

  // A deferred call has ended: the panic that it recovered, and what that had aborted, is gone. A goexit is not.
  static void retire(flight& f) {
    if (f.chain.empty() || !f.chain.back().recovered) return;
    while (!f.chain.empty() && f.chain.back().kind != item::goexit) f.chain.pop_back();
  }

  static recovered_value recover(flight* by) {
    if (by == nullptr || by->chain.empty()) return {};
    item& newest = by->chain.back();
    if (newest.kind == item::goexit || newest.recovered) return {};
    newest.recovered = true;
    recovered_value r{true, newest};
    r.value.recovered = false;
    return r;
  }

  void note_recovered(const std::string& who, const recovered_value& r) {
    if (!r.any) return note(who + ":nil");
    note(who + ":" + r.value.text + (r.value.kind == item::exception ? "!" : ""));
  }

  ends deferred_body(const stmt& s, int index, const scope& in, flight* by) {
    const std::string name = "d" + std::to_string(s.id) + (index != 0 ? "." + std::to_string(index) : "");
    note(name);
    recovered_value p;
    scope inside = in;
    inside.list = nullptr;
    inside.caught = nullptr;
    inside.recovered = nullptr;
    ends e = sequence(s.blocks[0], 0, inside);
    if (e.how == ends::flying) return e;
    if (e.how == ends::returning) return {};
    if (s.recover) {
      p = recover(by);
      note_recovered(name, p);
      inside.recovered = &p;
    }
    e = sequence(s.blocks[1], 0, inside);
    if (e.how == ends::flying) return e;
    if (s.again && e.how == ends::normally) note_recovered(name, recover(by));
    return {};
  }

  ends statement(const stmt& s, const scope& in) {
    const std::string id = std::to_string(s.id);
    switch (s.what) {
      case op::note:
      case op::blocks:
        note(id);
        return {};
      case op::yield:
        return {};
      case op::recovers:
        note(id + ":nil");
        return {};
      case op::assigns:
        if (in.result != nullptr) *in.result = *in.result * 31 + static_cast<unsigned>(s.id);
        return {};
      case op::returns:
        return {ends::returning, nullptr};
      case op::panics:
        return force({item::panic, value_text(s), s.value});
      case op::throws:
        return throw_it({{item::exception, value_text(s), s.value}});
      case op::goexits:
        return force({item::goexit, "", {}});
      case op::rethrows:
        return rethrow(in);
      case op::repanics:
        if (in.recovered == nullptr || !in.recovered->any) return {};
        return force(in.recovered->value);
      case op::frame: {
        note("f" + id);
        ends e = sequence(s.blocks[0], 0, in);
        if (e.how == ends::returning) e.how = ends::normally;
        return e;
      }
      case op::function:
      case op::named:
      case op::by_value:
        return function(s, in);
      case op::tries:
        return try_block(s, in);
      case op::spawns: {
        auto outside = std::exchange(places_, {});
        goroutine(s.blocks[0]);
        places_ = std::move(outside);
        note("joined" + id);
        return {};
      }
      case op::pushes:
        if (in.list == nullptr) return {};
        for (int i = 0; i < s.count; i++) in.list->push_back({&s, in});
        return {};
      case op::defers:
      case op::destructor:
      case op::list:
        break;
    }
    return {};
  }

  ends function(const stmt& s, const scope& in) {
    const std::string id = std::to_string(s.id);
    unsigned result = 0;
    scope inside = in;
    inside.list = nullptr;
    if (s.what == op::named) inside.result = &result;
    note("func" + id);
    places_.push_back({});
    const ends e = sequence(s.blocks[0], 0, inside);
    places_.pop_back();
    if (e.how == ends::flying) {
      if (!e.f->chain.empty()) return leave(e.f);
      e.f->landed = true;
    } else if (s.what == op::by_value) {
      result = static_cast<unsigned>(s.id);
    }
    note(s.what == op::function ? "on" + id : "on" + id + "=" + std::to_string(result));
    return {};
  }

  ends try_block(const stmt& s, const scope& in) {
    const int id = ++tries_;
    places_.push_back({id, &s});
    ends e = sequence(s.blocks[0], 0, in);
    places_.pop_back();
    if (e.how != ends::flying) return e;
    const flight_ptr f = e.f;
    for (std::size_t i = 0; i < s.handlers.size(); i++) {
      const bool enters = f->aim == id ? takes(s.handlers[i].catches, f->chain.back())
                                       : f->forced && s.handlers[i].catches == type::everything;
      if (!enters) continue;
      const bool typed = s.handlers[i].catches != type::everything;
      note("c" + std::to_string(s.id) + (typed ? ":" + f->chain.back().text : ""));
      scope inside = in;
      inside.caught = f;
      ends h = sequence(s.blocks[i + 1], 0, inside);
      if (h.how == ends::normally && s.handlers[i].rethrows) h = rethrow(inside);
      if (h.how == ends::flying && h.f == f) return h;
      if (has_goexit(*f)) reject("a handler swallows goexit");
      return h;
    }
    return e;
  }

  ends rethrow(const scope& in) {
    if (in.caught == nullptr) {
      reject("`throw;` outside a handler");
      return {};
    }
    if (in.caught->landed) reject("a handler throws on what was recovered inside it");
    if (in.caught->forced) return fly(in.caught);
    return throw_it(in.caught->chain);
  }

  // In a func whose deferred function notes the chain and recovers.
  void goroutine(const block& b) {
    places_.push_back({});
    const ends e = sequence(b, 0, {});
    places_.pop_back();
    flight* by = e.how == ends::flying ? e.f.get() : nullptr;
    note("last:" + (by != nullptr ? chain_text(*by) : std::string()));
    note_recovered("last", recover(by));
    if (by != nullptr) retire(*by);
    if (by == nullptr || by->chain.empty()) note("end");
  }

  expectation result_;
  std::vector<place> places_;
  int tries_ = 0;
};

}  // namespace

namespace {

bool matches_from(const std::string& expected, std::size_t e, const std::string& happened, std::size_t h) {
  for (; e < expected.size(); e++) {
    if (expected[e] == '\2') continue;
    if (expected[e] == '\1') {
      const std::size_t end = expected.find('\2', e);
      const bool there = happened.compare(h, end - e - 1, expected, e + 1, end - e - 1) == 0;
      // What follows may read the same: either may be the one that is missing.
      if (there && matches_from(expected, end, happened, h + end - e - 1)) return true;
      e = end;
      continue;
    }
    if (h >= happened.size() || happened[h++] != expected[e]) return false;
  }
  return h == happened.size();
}

}  // namespace

bool matches(const std::string& expected, const std::string& happened) {
  return matches_from(expected, 0, happened, 0);
}

std::string readable(const std::string& expected) {
  std::string out;
  for (const char c : expected) out += c == '\1' ? '(' : c == '\2' ? ')' : c;
  return out;
}

expectation expect(const program& p, bool outermost) { return model().run(p, outermost); }

}  // namespace gofer::random
