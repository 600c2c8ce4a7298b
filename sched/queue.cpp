// Putting goroutines on queues: the local ring, its spill to the global queue, and lists that come from the poller.
#include "sched/bound.hpp"
#include "sched/schedule.hpp"

namespace gofer::sched {

namespace {

// Full ring: half of it and gp go to the global queue, so that the next 128 puts are cheap again (Go's runqputslow).
void runqputslow(p* pp, g* gp) {
  g* batch[runq_size / 2];
  const std::uint32_t n = pp->rq.take_half(batch);
  if (n == 0) {
    // Thieves have been: there is room now, or will be.
    if (pp->rq.push(gp)) return;
    pp->sched->global.push(gp);
    return;
  }
  for (std::uint32_t i = 0; i < n; i++) pp->sched->global.push(batch[i]);
  pp->sched->global.push(gp);
}

}  // namespace

void runqput(p* pp, g* gp, bool next) {
  if (next) {
    gp = pp->rq.exchange_next(gp);
    if (gp == nullptr) return;
  }
  if (!pp->rq.push(gp)) runqputslow(pp, gp);
}

g* globrunqget(schedt* s, p* pp) {
  const std::int64_t size = s->global.size();
  if (size <= 0) return nullptr;
  // A fair share, at most half a ring (Go's globrunqget).
  std::int64_t n = size / s->nprocs.load(std::memory_order_relaxed) + 1;
  if (n > size) n = size;
  if (n > runq_size / 2) n = runq_size / 2;
  g* first = s->global.pop();
  if (first == nullptr) return nullptr;
  while (--n > 0) {
    g* gp = s->global.pop();
    if (gp == nullptr) break;
    if (!pp->rq.push(gp)) {
      s->global.push(gp);
      break;
    }
  }
  return first;
}

g* pass_on_others(const schedt* s, g* list) {
  g* ours = nullptr;
  g** last = &ours;
  while (list != nullptr) {
    g* gp = list;
    list = gp->schedlink;
    if (gp->sched == s) {
      *last = gp;
      last = &gp->schedlink;
    } else {
      goready_tail(gp);
    }
  }
  *last = nullptr;
  return ours;
}

void injectglist(schedt* s, p* pp, g* list) {
  int n = 0;
  list = pass_on_others(s, list);
  while (list != nullptr) {
    g* gp = list;
    list = gp->schedlink;
    casgstatus(gp, gstatus::waiting, gstatus::runnable);
    if (gp->bound != nullptr) {
      bound_ready(gp);
      continue;
    }
    if (pp != nullptr) {
      runqput(pp, gp, false);
    } else {
      s->global.push(gp);
    }
    n++;
  }
  // One idle worker per goroutine, at most; wakep itself stops at the first that is already looking. Who has no P
  // pushed to the global queue: even the only P may be idle, and the count of that queue orders push and question.
  const auto wanted = [&] {
    return pp != nullptr ? wanted_after_push(s) : s->npidle.load(std::memory_order_seq_cst) != 0;
  };
  for (; n > 0 && wanted(); n--) wakep(s);
}

}  // namespace gofer::sched
