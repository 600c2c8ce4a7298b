// The ring, runnext, and whether a queue is empty.
#include "sched/runq.hpp"

#include <array>
#include <vector>

#include "explore.hpp"

namespace gofer::explore {
namespace {

using sched::g;
using sched::runq;

g* number(std::uintptr_t n) { return reinterpret_cast<g*>(n); }

// Who was taken, by whomever: everybody once.
class taken {
 public:
  explicit taken(std::size_t n) : times_(n + 1) {}
  void operator()(g* gp) {
    const auto n = reinterpret_cast<std::uintptr_t>(gp);
    EXPLORE_CHECK(n >= 1 && n < times_.size());
    EXPLORE_CHECK(++times_[n] == 1);
  }
  void check_all() const {
    for (std::size_t n = 1; n < times_.size(); n++) {
      if (times_[n] != 1) fail("%zu was lost", n);
    }
  }

 private:
  std::vector<int> times_;
};

void thief(runq& q, taken& t) {
  std::array<g*, sched::runq_size / 2> loot;
  const std::uint32_t n = q.grab(loot);
  for (std::uint32_t i = 0; i < n; i++) t(loot[i]);
  if (g* gp = q.take_next()) t(gp);
}

void take_rest(runq& q, taken& t) {
  while (g* gp = q.take_next()) t(gp);
  while (g* gp = q.pop()) t(gp);
  EXPLORE_CHECK(q.empty() && q.size() == 0);
  t.check_all();
}

SCENARIO(runq, "a ring's owner puts and takes, two thieves steal") {
  runq q;
  taken t(6);
  for (std::uintptr_t i = 1; i <= 3; i++) q.push(number(i));
  spawn("thief", [&] { thief(q, t); });
  spawn("thief", [&] { thief(q, t); });
  begin();
  if (g* gp = q.pop()) t(gp);
  q.push(number(4));
  EXPLORE_CHECK(q.exchange_next(number(5)) == nullptr);
  if (g* gp = q.exchange_next(number(6))) q.push(gp);
  if (g* gp = q.take_next()) t(gp);
  if (g* gp = q.pop()) t(gp);
  join_all();
  take_rest(q, t);
}

SCENARIO(runq_full, "a full ring spills half of itself while two thieves steal") {
  runq q;
  taken t(sched::runq_size + 2);
  // From an odd place, so that it wraps.
  for (int i = 0; i < 100; i++) q.push(number(1)), q.pop();
  for (std::uintptr_t i = 1; i <= sched::runq_size; i++) q.push(number(i));
  for (int i = 0; i < 2; i++) spawn("thief", [&] { thief(q, t); });
  begin();
  for (std::uintptr_t i = 1; i <= 2; i++) {
    g* gp = number(sched::runq_size + i);
    if (q.push(gp)) continue;
    std::array<g*, sched::runq_size / 2> spilt;
    const std::uint32_t n = q.take_half(spilt.data());
    for (std::uint32_t k = 0; k < n; k++) t(spilt[k]);
    // As runqputslow: room now, or else the global queue.
    if (n != 0 || !q.push(gp)) t(gp);
  }
  join_all();
  take_rest(q, t);
}

SCENARIO(runq_empty, "a queue that is never empty does not say that it is") {
  runq q;
  q.exchange_next(number(1));
  spawn("observer", [&] {
    EXPLORE_CHECK(!q.empty());
    EXPLORE_CHECK(!q.empty());
  });
  begin();
  // The one that was next moves to the ring, its successor goes, another comes, and the one in the ring goes.
  for (std::uintptr_t i = 2; i < 6; i += 2) {
    g* kicked = q.exchange_next(number(i));
    q.push(kicked);
    EXPLORE_CHECK(q.take_next() == number(i));
    EXPLORE_CHECK(q.exchange_next(number(i + 1)) == nullptr);
    EXPLORE_CHECK(q.pop() == kicked);
  }
  join_all();
}

}  // namespace
}  // namespace gofer::explore
