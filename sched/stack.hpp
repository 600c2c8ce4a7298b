// Stacks, and the g's that live at their tops.
//
// mmap'ed slabs of 64 stacks, committed by first touch, each with a guard page below. A guard is made by
// madvise(MADV_GUARD_INSTALL) (Linux 6.13), which does not split the mapping; mprotect guards, the fallback, run out at
// 32,000 stacks because of vm.max_map_count. A stack is a whole number of pages plus its guard, 65 pages by default: an
// odd stride, so that the tops of neighbouring stacks fall into different cache sets, and the g's are staggered within
// the page for the same reason.
//
// A dead goroutine keeps its stack and waits on a free list: the P's, then the central one. What the central list did
// not need for a while is given back to the system (scavenge), a part at a time.
#pragma once

#include <cstddef>
#include <cstdint>

#include "sched/g.hpp"
#include "sched/p.hpp"

namespace gofer::sched {

/// A g with a stack of at least `size` bytes, in status idle; from pp's free list when pp is given and the size is the
/// default. nullptr when the system has no memory.
g* gfget(p* pp, std::size_t size);

/// Takes a dead g back. pp may be null.
void gfput(p* pp, g* gp);

/// Moves a retired P's free list to the central one.
void gfpurge(p* pp);

/// Gives back half of the memory of stacks that were not needed since the last call.
void scavenge();

/// The central free lists' lock, for fork.
futex_mutex& stack_pool_lock();

/// Default stack size from now on (options.stack_size, GOFER_STACK); rounded up to pages.
void set_default_stack_size(std::size_t bytes);
std::size_t get_default_stack_size();

/// Calls f for every g that is not idle. Goroutines come and go meanwhile: a snapshot only if the caller holds them
/// still.
void for_each_g(void (*f)(g* gp, void* arg), void* arg);

/// Whether addr is in a stack's guard page; if so, *owner is its g. Callable from a signal handler.
bool guard_hit(const void* addr, g** owner);

/// For tests: stacks ever mapped, stacks on the central list with and without memory.
struct stack_stats {
  std::int64_t mapped;
  std::int64_t warm;
  std::int64_t cold;
};
stack_stats read_stack_stats();

}  // namespace gofer::sched
