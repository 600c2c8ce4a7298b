// How deep goroutines' stacks get, by the place that made them: GOFER_DEBUG=stackhigh=1.
//
// Memory that was never written reads as zero. So a stack that is handed out clean shows how deep it was used by its
// lowest byte that is not; and is made clean again. Costs a look at every page of every stack, at every goroutine's
// end.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "sched/g.hpp"

namespace gofer::sched {

struct stack_use {
  void* gopc;  // as g::gopc
  std::size_t most = 0;
  std::size_t size = 0;  // the largest stack among them
  std::int64_t goroutines = 0;
};

/// Bytes of gp's stack that have been in use, its g included. gp does not run.
std::size_t stack_high_water(const g* gp);

/// A goroutine has ended: counts its stack, and wipes it.
void note_stack_use(g* gp);

/// What has been counted, and those that are parked now, deepest first.
std::vector<stack_use> read_stack_use();

}  // namespace gofer::sched
