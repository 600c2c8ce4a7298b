// The global run queue: where a full ring spills to, where threads without a P put what they ready, and what everybody
// looks at every 61st schedule. Boost.Lockfree's queue (Michael and Scott) holds the goroutines; the count beside it
// answers "is there anything" without touching the queue's cache lines.
#pragma once

// Boost.Atomic's x86 operations are inline assembly, which ThreadSanitizer cannot see; std::atomic's it can.
#define BOOST_LOCKFREE_FORCE_STD_ATOMIC
#include <boost/lockfree/queue.hpp>
#include <cstdint>

#include "sched/atomic.hpp"
#include "sched/lockfree_allocator.hpp"

namespace gofer::sched {

struct g;

class globq {
 public:
  /// Any thread. Allocates only when the queue outgrows every size that it has had.
  void push(g* gp);
  /// Any thread; nullptr when empty.
  g* pop();
  /// May run behind a push that is in progress, never ahead of one that has returned.
  std::int64_t size() const { return size_.load(std::memory_order_seq_cst); }

 private:
  // 128 nodes of a cache line to start with; grows by allocation.
  boost::lockfree::queue<g*, boost::lockfree::allocator<lockfree_allocator<g*>>> queue_{128};
  atomic<std::int64_t> size_{0};
};

}  // namespace gofer::sched
