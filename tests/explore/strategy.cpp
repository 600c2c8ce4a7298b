#include "strategy.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace gofer::explore {

// --- exhaustive

answer exhaustive::take(const node& n, const question& q) {
  if (n.taken == 0) return {q.standard};
  const option& o = n.options[n.taken - 1];
  spent_++;
  return {o.thread, o.keep};
}

answer exhaustive::pick(const question& q) {
  if (spent_ == bound_ || q.spinning || !q.contended) return {q.standard};
  if (at_ < path_.size()) {
    const node& n = path_[at_++];
    if (n.step != q.step) {
      std::fprintf(stderr, "gofer_explore: a schedule is not repeatable (step %u, %u)\n", n.step, q.step);
      std::_Exit(3);
    }
    return take(n, q);
  }
  node n{q.step, {}};
  const auto add = [&](const auto& list, int count) {
    for (int i = 0; i < count; i++) {
      n.options.push_back({list[static_cast<std::size_t>(i)], false});
      if (q.may_keep) n.options.push_back({list[static_cast<std::size_t>(i)], true});
    }
  };
  add(q.able, q.nable);
  add(q.sleepy, q.nsleepy);
  path_.push_back(std::move(n));
  at_++;
  return {q.standard};
}

bool exhaustive::next() {
  while (!path_.empty() && path_.back().taken == path_.back().options.size()) path_.pop_back();
  at_ = 0;
  spent_ = 0;
  if (path_.empty()) return false;
  path_.back().taken++;
  return true;
}

// --- randomized

randomized::randomized(std::uint64_t seed, unsigned deviations, std::uint32_t length) : state_(seed) {
  random();
  pct_ = !one_in(3);
  rarity_ = 2u << below(7);
  const std::uint32_t n = 1 + below(deviations + 2);
  for (std::uint32_t i = 0; i < n; i++) changes_.push_back(below(length + length / 4 + 1));
  std::sort(changes_.begin(), changes_.end(), std::greater<>());
  for (auto& p : priority_) p = static_cast<std::int64_t>(random() >> 2);
}

// splitmix64.
std::uint64_t randomized::random() {
  std::uint64_t z = state_ += 0x9E37'79B9'7F4A'7C15u;
  z = (z ^ (z >> 30)) * 0xBF58'476D'1CE4'E5B9u;
  z = (z ^ (z >> 27)) * 0x94D0'49BB'1331'11EBu;
  return z ^ (z >> 31);
}

int randomized::anybody(const question& q) {
  if (q.nsleepy > 0 && (q.nable == 0 || one_in(4))) {
    return q.sleepy[below(static_cast<std::uint32_t>(q.nsleepy))];
  }
  return q.able[below(static_cast<std::uint32_t>(q.nable))];
}

answer randomized::pick(const question& q) {
  if (q.contended) passed_++;
  return pct_ ? pct(q) : walk(q);
}

answer randomized::pct(const question& q) {
  const auto priority = [&](int i) -> std::int64_t& { return priority_[static_cast<std::size_t>(i)]; };
  const bool change = q.contended && !changes_.empty() && passed_ > changes_.back();
  if (change) {
    changes_.pop_back();
    if (q.current >= 0) priority(q.current) = --lowest_;
    if (q.nsleepy > 0 && one_in(2)) {
      const int woken = q.sleepy[below(static_cast<std::uint32_t>(q.nsleepy))];
      priority(woken) = static_cast<std::int64_t>(random() >> 2);
      return {woken, q.may_keep && one_in(2)};
    }
  }
  // Who spins lets go, or who is waited for might never run.
  if (q.spinning) priority(q.current) = --lowest_;
  int best = q.standard;
  for (int i = 0; i < q.nable; i++) {
    const int t = q.able[static_cast<std::size_t>(i)];
    if (priority(t) > priority(best)) best = t;
  }
  return {best, best != q.standard && q.may_keep && one_in(2)};
}

answer randomized::walk(const question& q) {
  const bool must = q.current < 0 || q.spinning;
  if (must ? one_in(2) && q.nable > 0 : q.contended && one_in(rarity_)) {
    const int t = must ? q.able[below(static_cast<std::uint32_t>(q.nable))] : anybody(q);
    return {t, q.may_keep && one_in(2)};
  }
  return {q.standard};
}

// --- replay

answer replay::pick(const question& q) {
  if (at_ == list_.size() || list_[at_].step != q.step) return {q.standard};
  const deviation d = list_[at_++];
  const auto among = [&](const auto& list, int n) {
    return std::find(list.begin(), list.begin() + n, d.thread) != list.begin() + n;
  };
  if (!among(q.able, q.nable) && !among(q.sleepy, q.nsleepy)) return {q.standard};
  return {d.thread, d.keep};
}

}  // namespace gofer::explore
