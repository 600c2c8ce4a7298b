// A context that can become done: what with_cancel, with_deadline, after_func and the bridges are made of.
//
// The tree: a node that can become done is on the children list of the nearest one above it, so that cancelling is one
// walk down. The list counts its nodes, and a node counts its parent: as in Go, a child stays until it, or its parent,
// is cancelled.
//
// Cancelling a node locks it and goes down depth first, keeping the locks of the nodes above where it is. So when
// cancel returns (also the second caller's, who waited for the lock), the whole subtree is done. Go recurses; here
// stacks are small and trees are deep, so the walk goes back up by `up`, and needs no memory. Locks are only ever taken
// downwards. What may run user code (starting after_func's goroutine, stop callbacks, destructors) waits until all
// locks are released.
//
// Rejected: one lock for the whole tree (every request of a server would meet at the root's), and marking first and
// locking children later (a second canceller would return while grandchildren are still live).
#pragma once

#include <atomic>
#include <gofer/context.hpp>
#include <memory>
#include <optional>
#include <stop_token>

#include "sched/futex.hpp"
#include "sched/timer.hpp"

namespace gofer::detail {

struct cancel_node : ctx_node {
  explicit cancel_node(const ctx_ref& p);
  /// The node's cancel_func was called, and has made it done. Without locks.
  virtual void stopped() {}

  std::atomic<bool> done{false};      // release when err and cause are set; who sees it reads those without the lock
  std::atomic<bool> has_chan{false};  // likewise for chan
  cancel_node* const up;              // the nearest above that can become done; held by `parent`
  std::optional<time_point> deadline;

  sched::futex_mutex lock;  // guards what follows
  error err;
  error cause;
  chan<> c;                               // made when it is first asked for
  std::optional<std::stop_source> stops;  // likewise
  cancel_node* first_child = nullptr;     // each counted
  cancel_node* last_child = nullptr;

  // Guarded by up->lock; once off the list, next belongs to who cancels.
  bool linked = false;
  cancel_node* next = nullptr;
  cancel_node* prev = nullptr;

  sched::timer timer;   // of the deadline; an arming in a heap is a counted reference
  error timeout_cause;  // what cause is to be then

  // after_func: who sets `claimed` first owns f, and starts it (the one who cancels) or drops it (stop).
  bool runs_func = false;
  std::atomic<bool> claimed{false};
  std::unique_ptr<timer_func> f;
};

/// Makes node and all below it done with this error, if it is not done already. Must hold no lock.
void cancel_tree(cancel_node* node, const error& err, const error& cause);

/// Puts a new node on its parent's list, or makes it done when the parent is.
void propagate(cancel_node* node);

}  // namespace gofer::detail
