#include "sched/globq.hpp"

#include "sched/config.hpp"
#include "sched/fatal.hpp"

#if GOFER_TSAN
// Boost.Lockfree links freed nodes by plain writes, which a pop that is about to lose its compare-and-swap may read: it
// forgets what it read. ThreadSanitizer cannot know that.
extern "C" __attribute__((weak)) const char* __tsan_default_suppressions() { return "race:boost::lockfree::\n"; }
#endif

namespace gofer::sched {

void globq::push(g* gp) {
  GOFER_CHECK(queue_.push(gp), "global run queue: out of memory");
  // Counted after the push: whoever sees the count finds the goroutine. seq_cst: a waker stores here and then reads
  // nmspinning; a worker that gives up lowers nmspinning and then reads here (wake.cpp).
  size_.fetch_add(1, std::memory_order_seq_cst);
}

g* globq::pop() {
  if (size_.load(std::memory_order_relaxed) <= 0) return nullptr;
  g* gp = nullptr;
  if (!queue_.pop(gp)) return nullptr;
  size_.fetch_sub(1, std::memory_order_relaxed);
  return gp;
}

}  // namespace gofer::sched
