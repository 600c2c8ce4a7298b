// How schedules are chosen.
//
// exhaustive  all with at most K deviations from the standard order, those with fewer first (CHESS, Musuvathi and
// Qadeer
//             2007; counted as in delay bounding, Emmi, Qadeer and Rakamaric 2011, so that their number does not grow
//             with the threads). Most bugs of this kind need one or two.
// pct         random priorities, and a few steps at which the running thread gets the lowest of all (Burckhardt and
//             others, "A randomized scheduler with probabilistic guarantees of finding bugs", 2010).
// walk        at every step, with some probability, anybody.
// replay      a list of deviations.
#pragma once

#include <cstdint>
#include <vector>

#include "engine.hpp"

namespace gofer::explore {

/// No deviation.
class standard_order : public strategy {
 public:
  answer pick(const question& q) override { return {q.standard}; }
};

/// Schedule after schedule: first with a `bound`, then with the next.
class exhaustive : public strategy {
 public:
  explicit exhaustive(unsigned bound) : bound_(bound) {}
  answer pick(const question& q) override;
  /// Before every schedule but the first: the next one. False: that was the last.
  bool next();

 private:
  struct option {
    std::int8_t thread;
    bool keep;
  };
  struct node {
    std::uint32_t step;
    std::vector<option> options;  // beside the standard order
    std::size_t taken = 0;        // 0: the standard order, else options[taken - 1]
  };
  answer take(const node& n, const question& q);

  unsigned bound_;
  unsigned spent_ = 0;
  std::vector<node> path_;
  std::size_t at_ = 0;
};

/// pct or walk, and everything about it, as the seed says. `length`: how many decisions of importance a schedule has,
/// about.
class randomized : public strategy {
 public:
  randomized(std::uint64_t seed, unsigned deviations, std::uint32_t length);
  answer pick(const question& q) override;

 private:
  std::uint64_t random();
  std::uint32_t below(std::uint32_t n) { return static_cast<std::uint32_t>((random() >> 32) * n >> 32); }
  bool one_in(std::uint32_t n) { return below(n) == 0; }
  int anybody(const question& q);
  answer pct(const question& q);
  answer walk(const question& q);

  std::uint64_t state_;
  bool pct_;
  std::uint32_t rarity_;  // of a switch in a walk
  std::uint32_t passed_ = 0;
  std::vector<std::uint32_t> changes_;  // pct: after so many decisions of importance
  std::array<std::int64_t, max_threads> priority_{};
  std::int64_t lowest_ = 0;
};

class replay : public strategy {
 public:
  explicit replay(std::vector<deviation> list) : list_(std::move(list)) {}
  answer pick(const question& q) override;
  bool followed() const { return at_ == list_.size(); }

 private:
  std::vector<deviation> list_;
  std::size_t at_ = 0;
};

}  // namespace gofer::explore
