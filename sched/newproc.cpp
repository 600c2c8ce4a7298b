// A goroutine's beginning: one stack from the P's list, the closure at its top, a place in runnext. No allocation, no
// lock, no system call while the P has stacks.
#include <cstring>

#include "sched/bound.hpp"
#include "sched/keep_p.hpp"
#include "sched/proc.hpp"
#include "sched/schedule.hpp"
#include "sched/stack.hpp"

namespace gofer::sched {

namespace {

constexpr std::size_t max_name = 64;

// First code on every goroutine's stack.
void goroutine_entry() {
  switch_entered();
  m* mp = getm();
  finish_switch(mp);
  mp->curg->bound = bound_of(mp);
  leave_sched(mp);
  hooks.entry(mp->curg);
  goexit0();
}

// Between enter_sched and leave_sched.
p* p_of(const m* mp, const schedt* s) {
  return mp->pp != nullptr && mp->pp->sched == s && !mp->pp->stop.load(std::memory_order_relaxed) ? mp->pp : nullptr;
}

std::uint64_t new_goid(schedt* s, p* pp) {
  constexpr std::uint64_t batch = 16;  // Go's
  if (pp == nullptr) return s->goidgen.fetch_add(1, std::memory_order_relaxed) + 1;
  if (pp->goidcache == pp->goidcache_end) {
    pp->goidcache = s->goidgen.fetch_add(batch, std::memory_order_relaxed) + 1;
    pp->goidcache_end = pp->goidcache + batch;
  }
  return pp->goidcache++;
}

}  // namespace

g* newproc_prepare(const spawn_params& params, std::size_t size, std::size_t align) {
  GOFER_CHECK(size <= max_closure, "closure too large for a new stack");
  rejoin_here();
  m* mp = getm();
  schedt* s = run_of(mp);
  g* gp;
  {
    const keep_p keep(mp);
    gp = gfget(p_of(mp, s), params.stack_size);
  }
  if (gp == nullptr) {
    fatal("out of memory: cannot map a goroutine's stack (see ulimit -v, the cgroup's memory.max, vm.max_map_count)");
  }
  auto top = reinterpret_cast<std::uintptr_t>(gp->stk.hi);
  gp->name = nullptr;
  if (params.name != nullptr) {
    const std::size_t n = strnlen(params.name, max_name - 1);
    top -= n + 1;
    auto* copy = reinterpret_cast<char*>(top);
    std::memcpy(copy, params.name, n);
    copy[n] = 0;
    gp->name = copy;
  }
  top = (top - size) & ~(std::uintptr_t{align} - 1);
  gp->entry_arg = reinterpret_cast<void*>(top);
  gp->gopc = params.gopc;
  gp->goid = 0;
  gp->parent_goid = mp->curg->goid;
  gp->sched = s;
  gp->saved_errno = 0;
  gp->eh = {};
  gp->raises = 0;
  gp->waitreason = wait_reason::none;
  gp->waitsince = 0;
  gp->system = false;
  gp->param = nullptr;
  switch_prepare(gp, reinterpret_cast<char*>(top), goroutine_entry);
  return gp;
}

void newproc_start(g* gp, void (*entry)(void*)) {
  schedt* s = gp->sched;
  gp->entry = entry;
  m* mp = getm();
  const keep_p keep(mp);
  p* pp = p_of(mp, s);
  if (gp->goid == 0) gp->goid = new_goid(s, pp);
  casgstatus(gp, gstatus::idle, gstatus::runnable);
  if (pp != nullptr) {
    pp->gcount.store(pp->gcount.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    runqput(pp, gp, true);
  } else {
    s->gcount.fetch_add(1, std::memory_order_relaxed);
    s->global.push(gp);
  }
  if (s->npidle.load(std::memory_order_seq_cst) != 0) wakep(s);
}

void newproc_cancel(g* gp) {
  m* mp = getm();
  const keep_p keep(mp);
  gfput(p_of(mp, gp->sched), gp);
}

std::int64_t gcount() {
  const schedt* s = the_sched.load(std::memory_order_acquire);
  return s == nullptr ? 0 : gcount_of(s);
}

std::int64_t gcount_of(const schedt* s) {
  std::int64_t n = s->gcount.load(std::memory_order_relaxed);
  const std::int32_t nallp = s->nallp.load(std::memory_order_acquire);
  for (std::int32_t i = 0; i < nallp; i++) n += s->allp[i]->gcount.load(std::memory_order_relaxed);
  return n;
}

}  // namespace gofer::sched
