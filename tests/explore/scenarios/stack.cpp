// The pool of stacks: every stack has one user at a time, and keeps what it holds while it has one.
#include "sched/stack.hpp"

#include <algorithm>
#include <memory>
#include <vector>

#include "explore.hpp"

namespace gofer::explore {
namespace {

using sched::g;
using sched::p;

class users {
 public:
  g* get(p* pp, std::size_t size = 0) {
    g* gp = sched::gfget(pp, size);
    EXPLORE_CHECK(gp != nullptr && std::find(used_.begin(), used_.end(), gp) == used_.end());
    EXPLORE_CHECK(gp->stk.lo < gp->stk.hi && gp->status.load() == sched::gstatus::idle);
    used_.push_back(gp);
    gp->goid = ++tag_;
    *bottom(gp) = tag_;
    return gp;
  }
  void put(p* pp, g* gp) {
    EXPLORE_CHECK(gp->goid != 0 && *bottom(gp) == gp->goid);
    used_.erase(std::find(used_.begin(), used_.end(), gp));
    sched::gfput(pp, gp);
  }

 private:
  static std::uint64_t* bottom(g* gp) { return reinterpret_cast<std::uint64_t*>(gp->stk.lo); }
  std::vector<g*> used_;
  std::uint64_t tag_ = 0;
};

// So many that scavenge finds more than it leaves.
void fill(users& u, p* pp, int n) {
  std::vector<g*> all;
  for (int i = 0; i < n; i++) all.push_back(u.get(pp));
  for (g* gp : all) u.put(nullptr, gp);
}

SCENARIO(stacks, "two threads take and give stacks while a third gives memory back") {
  sched::set_default_stack_size(sched::min_stack_size);
  users u;
  const auto a = std::make_unique<p>();
  const auto b = std::make_unique<p>();
  fill(u, nullptr, 68);
  sched::scavenge();
  spawn("sysmon", [] { sched::scavenge(); });
  spawn("other", [&] {
    g* first = u.get(b.get());
    g* large = u.get(b.get(), 4 * sched::min_stack_size);
    u.put(b.get(), large);
    u.put(b.get(), first);
    sched::gfpurge(b.get());
  });
  begin();
  g* one = u.get(nullptr);
  g* two = u.get(a.get());
  u.put(a.get(), one);
  u.put(nullptr, two);
  u.put(nullptr, u.get(nullptr));
  join_all();
  sched::scavenge();
  u.put(nullptr, u.get(a.get()));
  sched::gfpurge(a.get());
}

SCENARIO(stacks_spill, "a full free list spills while another thread fills its own") {
  sched::set_default_stack_size(sched::min_stack_size);
  users u;
  const auto a = std::make_unique<p>();
  const auto b = std::make_unique<p>();
  std::vector<g*> mine;
  for (int i = 0; i < sched::gfree_local_max + 2; i++) mine.push_back(u.get(nullptr));
  while (mine.size() > 3) {
    u.put(a.get(), mine.back());
    mine.pop_back();
  }
  spawn("other", [&] {
    g* x = u.get(b.get());
    g* y = u.get(b.get());
    u.put(b.get(), x);
    u.put(nullptr, y);
  });
  begin();
  for (g* gp : mine) u.put(a.get(), gp);
  u.put(a.get(), u.get(a.get()));
  join_all();
}

}  // namespace
}  // namespace gofer::explore
