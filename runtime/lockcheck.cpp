#include "runtime/lockcheck.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdio>
#include <mutex>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "runtime/traceback.hpp"
#include "sched/fatal.hpp"
#include "sched/futex.hpp"
#include "sched/park.hpp"
#include "sched/traceback.hpp"

namespace gofer::runtime {

namespace {

/// Return addresses; what they mean is looked up when they are printed.
struct trace {
  std::array<void*, 32> pcs;
  int n;

  std::string text() const { return format_frames(pcs.data(), n, true); }
  std::size_t hash() const {
    std::size_t h = 0;
    for (int i = 0; i < n; i++) {
      h = h * 31 + reinterpret_cast<std::uintptr_t>(pcs[static_cast<std::size_t>(i)]);
    }
    return h;
  }
};

trace trace_here() {
  trace t;
  t.n = sched::callers(t.pcs.data(), static_cast<int>(t.pcs.size()), 1);
  return t;
}

struct held_lock {
  checked_lock lock;  // id 0: blocks the thread
  trace taken;
};

/// `to` was asked for while `from` was held.
struct order {
  checked_lock from;
  checked_lock to;
  trace from_taken;
  trace to_wanted;
  std::uint64_t goid;
};

struct holder {
  std::uint64_t goid = 0;
  std::vector<held_lock> locks;
};

// Never destroyed: locks are used until the very end of the process.
struct registry {
  sched::futex_mutex lock;
  std::atomic<const sched::m*> owner{nullptr};                   // whose thread has `lock`
  std::unordered_map<const sched::g*, holder> holders;           // who holds anything
  std::unordered_map<std::uint32_t, std::vector<order>> orders;  // by from
  std::set<std::size_t> reported;                                // by the stacks: once for each place
};

registry& all() {
  static auto* r = new registry;
  return *r;
}

/// The registry's lock; `mine` is false when this thread has it already: what we call ourselves (malloc, the
/// symbolizer) may use locks that are checked.
class section {
 public:
  explicit section(registry& r) : r_(r), mine(r.owner.load(std::memory_order_relaxed) != sched::getm()) {
    if (!mine) return;
    r_.lock.lock();
    r_.owner.store(sched::getm(), std::memory_order_relaxed);
  }
  ~section() {
    if (!mine) return;
    r_.owner.store(nullptr, std::memory_order_relaxed);
    r_.lock.unlock();
  }
  section(const section&) = delete;
  section& operator=(const section&) = delete;

 private:
  registry& r_;

 public:
  const bool mine;
};

std::string named(const checked_lock& l) {
  std::array<char, 64> text;
  std::snprintf(text.data(), text.size(), "%s %p", l.kind, l.address);
  return text.data();
}

std::string who(std::uint64_t goid) {
  return goid == 0 ? std::string("a thread outside the runtime") : "goroutine " + std::to_string(goid);
}

void append(std::string& out, const order& o, bool now) {
  out += "\n" + who(o.goid) + (now ? " locks " : " locked ") + named(o.to) + " here:\n" + o.to_wanted.text();
  out += std::string(now ? "while it holds " : "while it held ") + named(o.from) + ", locked here:\n" +
         o.from_taken.text();
}

/// The orders that lead from `from` to `to`, first to last; empty when there are none.
std::vector<const order*> way(const registry& r, std::uint32_t from, std::uint32_t to) {
  std::unordered_map<std::uint32_t, const order*> came_by;
  std::vector<std::uint32_t> open{from};
  while (!open.empty()) {
    const std::uint32_t at = open.back();
    open.pop_back();
    const auto next = r.orders.find(at);
    if (next == r.orders.end()) continue;
    for (const order& o : next->second) {
      if (!came_by.emplace(o.to.id, &o).second) continue;
      if (o.to.id != to) {
        open.push_back(o.to.id);
        continue;
      }
      std::vector<const order*> found;
      for (const order* step = &o;; step = came_by.at(step->from.id)) {
        found.push_back(step);
        if (step->from.id == from) break;
      }
      std::reverse(found.begin(), found.end());
      return found;
    }
  }
  return {};
}

// Reports are printed without the registry's lock: the symbolizer has locks of its own, which are checked.

void report_cycle(const std::vector<order>& cycle) {
  std::string out = "WARNING: gofer: lock order cycle: what is locked in different orders can deadlock\n";
  for (const order& o : cycle) append(out, o, &o == &cycle.front());
  sched::write_err(out += '\n');
}

void report_again(const held_lock& held, const trace& now, std::uint64_t goid) {
  sched::write_err("WARNING: gofer: a lock is locked again by who holds it\n\n" + who(goid) + " locks " +
                   named(held.lock) + " here:\n" + now.text() + "and holds it already, locked here:\n" +
                   held.taken.text() + "\n");
}

void report_park(const held_lock& held, const trace& now, std::uint64_t goid, sched::wait_reason reason) {
  const char* const what = reason == sched::wait_reason::none ? "yields" : sched::wait_reason_text(reason);
  sched::write_err("WARNING: gofer: a " + std::string(held.lock.kind) +
                   " is held across a park: it blocks threads, and is unlocked by another one; use gofer::mutex\n\n" +
                   who(goid) + " parks [" + what + "] here:\n" + now.text() + "while it holds " + named(held.lock) +
                   ", locked here:\n" + held.taken.text() + "\n");
}

void take(const checked_lock& l) {
  registry& r = all();
  const section in(r);
  if (!in.mine) return;
  const sched::g* gp = sched::getg();
  holder& h = r.holders[gp];
  if (h.goid != gp->goid) h = {gp->goid, {}};  // another goroutine, in the place of one that ended with locks held
  h.locks.push_back({l, trace_here()});
}

bool same(const checked_lock& a, const checked_lock& b) { return a.id == b.id && a.address == b.address; }

bool drop(holder& h, const checked_lock& l) {
  const auto at = std::find_if(h.locks.rbegin(), h.locks.rend(), [&](const held_lock& x) { return same(x.lock, l); });
  if (at == h.locks.rend()) return false;
  h.locks.erase(std::next(at).base());
  return true;
}

void give_up(const checked_lock& l) {
  registry& r = all();
  const section in(r);
  if (!in.mine) return;
  auto mine = r.holders.find(sched::getg());
  if (mine == r.holders.end() || !drop(mine->second, l)) {
    mine = std::find_if(r.holders.begin(), r.holders.end(), [&](auto& h) { return drop(h.second, l); });
  }
  if (mine != r.holders.end() && mine->second.locks.empty()) r.holders.erase(mine);
}

/// What g holds, or null.
const holder* held_by(const registry& r, const sched::g* gp) {
  const auto at = r.holders.find(gp);
  return at != r.holders.end() && at->second.goid == gp->goid ? &at->second : nullptr;
}

bool is_new_place(registry& r, std::size_t hash) { return r.reported.insert(hash).second; }

// hooks.parks.
void on_park(sched::g* gp, sched::wait_reason reason) {
  std::vector<held_lock> wrong;
  trace here{};
  {
    registry& r = all();
    const section in(r);
    const holder* mine = in.mine ? held_by(r, gp) : nullptr;
    if (mine == nullptr) return;
    here = trace_here();
    for (const held_lock& held : mine->locks) {
      if (held.lock.id == 0 && is_new_place(r, here.hash() * 31 + held.taken.hash())) wrong.push_back(held);
    }
  }
  for (const held_lock& held : wrong) report_park(held, here, gp->goid, reason);
}

}  // namespace

void check_locks() {
  all();
  sched::hooks.parks.store(on_park, std::memory_order_relaxed);
  detail::lock_word_free.store(~std::uint32_t{0}, std::memory_order_relaxed);
}

std::uint32_t lock_id_in(std::atomic<std::uint32_t>* word, int shift) {
  static std::atomic<std::uint32_t> last{0};
  std::uint32_t fresh = 0;
  std::uint32_t old = word->load(std::memory_order_relaxed);
  while (old >> shift == 0) {
    // Two short of the largest: no word may look like lock_word_free.
    if (fresh == 0) fresh = last.fetch_add(1, std::memory_order_relaxed) % ((~std::uint32_t{0} >> shift) - 1) + 1;
    if (word->compare_exchange_weak(old, old | fresh << shift, std::memory_order_relaxed)) return fresh;
  }
  return old >> shift;
}

void lock_wanted(const checked_lock& l) {
  const sched::g* gp = sched::getg();
  std::vector<held_lock> again;
  std::vector<std::vector<order>> cycles;
  trace here{};
  {
    registry& r = all();
    const section in(r);
    const holder* mine = in.mine ? held_by(r, gp) : nullptr;
    if (mine == nullptr) return;
    here = trace_here();
    for (const held_lock& held : mine->locks) {
      if (held.lock.id == 0) continue;
      if (held.lock.id == l.id) {
        if (is_new_place(r, here.hash() * 31 + held.taken.hash())) again.push_back(held);
        continue;
      }
      std::vector<order>& known = r.orders[held.lock.id];
      if (std::any_of(known.begin(), known.end(), [&](const order& o) { return o.to.id == l.id; })) continue;
      const order fresh{held.lock, l, held.taken, here, gp->goid};
      if (const auto back = way(r, l.id, held.lock.id); !back.empty()) {
        std::size_t place = here.hash() * 31 + held.taken.hash();
        for (const order* o : back) place = place * 31 + o->to_wanted.hash();
        if (is_new_place(r, place)) {
          cycles.push_back({fresh});
          for (const order* o : back) cycles.back().push_back(*o);
        }
      }
      known.push_back(fresh);
    }
  }
  for (const held_lock& held : again) report_again(held, here, gp->goid);
  for (const auto& cycle : cycles) report_cycle(cycle);
}

void lock_taken(const checked_lock& l) { take(l); }
void lock_given_up(const checked_lock& l) { give_up(l); }

void thread_lock_taken(const void* address, const char* kind) {
  // On a goroutine only: a thread of its own, or the scheduler on g0, may well sleep with a std::mutex.
  const sched::m* mp = sched::getm_or_null();
  if (mp != nullptr && !mp->plain && mp->curg != &mp->g0) take({0, address, kind});
}

void thread_lock_given_up(const void* address) {
  // A thread that gofer has not met did not get it from a goroutine, or so we hope: getting to know it takes locks.
  if (sched::getm_or_null() != nullptr) give_up({0, address, nullptr});
}

}  // namespace gofer::runtime
