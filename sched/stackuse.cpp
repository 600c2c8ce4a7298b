#include "sched/stackuse.hpp"

#include <algorithm>
#include <cstring>
#include <mutex>
#include <unordered_map>

#include "sched/futex.hpp"
#include "sched/stack.hpp"

// Stacks of others, and what earlier frames have left poisoned.
#define READS_FOREIGN_STACK __attribute__((no_sanitize("address", "thread")))

namespace gofer::sched {

namespace {

struct by_site {
  futex_mutex lock;
  std::unordered_map<void*, stack_use> uses;
};

by_site& the_uses() {
  static auto* u = new by_site;  // goroutines may end while static destructors run
  return *u;
}

void add(std::unordered_map<void*, stack_use>& uses, const g* gp, std::size_t bytes) {
  stack_use& use = uses[gp->gopc];
  use.gopc = gp->gopc;
  use.most = std::max(use.most, bytes);
  use.size = std::max(use.size, gp->stack_size);
  use.goroutines++;
}

READS_FOREIGN_STACK const char* lowest_used(const g* gp) {
  const auto* word = reinterpret_cast<const std::uintptr_t*>(gp->stk.lo);
  const auto* end = reinterpret_cast<const std::uintptr_t*>(gp->stk.hi);
  while (word < end && *word == 0) word++;
  return reinterpret_cast<const char*>(word);
}

void add_parked(g* gp, void* arg) {
  if (gp->status.load(std::memory_order_acquire) != gstatus::waiting || gp->system) return;
  add(*static_cast<std::unordered_map<void*, stack_use>*>(arg), gp, stack_high_water(gp));
}

}  // namespace

std::size_t stack_high_water(const g* gp) { return static_cast<std::size_t>(gp->stk.hi - lowest_used(gp)) + sizeof(g); }

void note_stack_use(g* gp) {
  {
    by_site& u = the_uses();
    const std::lock_guard hold(u.lock);
    add(u.uses, gp, stack_high_water(gp));
  }
  const char* from = lowest_used(gp);
  std::memset(gp->stk.lo + (from - gp->stk.lo), 0, static_cast<std::size_t>(gp->stk.hi - from));
}

std::vector<stack_use> read_stack_use() {
  std::unordered_map<void*, stack_use> all;
  {
    by_site& u = the_uses();
    const std::lock_guard hold(u.lock);
    all = u.uses;
  }
  for_each_g(add_parked, &all);
  std::vector<stack_use> sorted;
  for (const auto& entry : all) sorted.push_back(entry.second);
  std::sort(sorted.begin(), sorted.end(), [](const stack_use& a, const stack_use& b) { return a.most > b.most; });
  return sorted;
}

}  // namespace gofer::sched
