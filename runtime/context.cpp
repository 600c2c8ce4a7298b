#include "runtime/context.hpp"

#include <gofer/runtime.hpp>
#include <mutex>

#include "runtime/hchan.hpp"
#include "sched/park.hpp"

namespace gofer {

namespace {

constinit detail::sentinel_error canceled_node{"context canceled"};
constinit detail::sentinel_error deadline_exceeded_node{"context deadline exceeded"};

}  // namespace

constinit const error context::canceled{canceled_node};
constinit const error context::deadline_exceeded{deadline_exceeded_node};

namespace detail {

namespace {

// Off the list: the reference that the list had is the caller's now.
void unlink_locked(cancel_node* parent, cancel_node* child) {
  (child->prev != nullptr ? child->prev->next : parent->first_child) = child->next;
  (child->next != nullptr ? child->next->prev : parent->last_child) = child->prev;
  child->next = child->prev = nullptr;
  child->linked = false;
}

void link_locked(cancel_node* parent, cancel_node* child) {
  ctx_retain(child);
  child->prev = parent->last_child;
  (child->prev != nullptr ? child->prev->next : parent->first_child) = child;
  parent->last_child = child;
  child->linked = true;
}

void mark_locked(cancel_node* node, const error& err, const error& cause) {
  node->err = err;
  node->cause = cause;
  node->done.store(true, std::memory_order_release);  // release; pairs with the acquires in ctx_err and ctx_cause
  if (node->has_chan.load(std::memory_order_relaxed))
    runtime::chan_close(runtime::full(chan_access::ref(node->c).get()));
}

// A list of nodes through `next`, each with a reference of the list's.
struct node_list {
  cancel_node* first = nullptr;
  cancel_node** end = &first;
  void push(cancel_node* node) {
    *end = node;
    end = &node->next;
  }
};

// With root locked and marked: marks everything below, in lists of what was live and of what only has to be released.
// Unlocks root.
void mark_below(cancel_node* root, node_list& cancelled, node_list& released) {
  cancel_node* node = root;
  for (;;) {
    if (cancel_node* child = node->first_child) {
      unlink_locked(node, child);
      child->lock.lock();
      if (child->done.load(std::memory_order_relaxed)) {
        child->lock.unlock();
        released.push(child);
      } else {
        mark_locked(child, node->err, node->cause);
        node = child;
      }
      continue;
    }
    cancel_node* above = node->up;
    node->lock.unlock();
    if (node == root) return;
    cancelled.push(node);
    node = above;
  }
}

void run_after(cancel_node* node) {
  if (!node->runs_func || node->claimed.exchange(true, std::memory_order_acq_rel)) return;
  go([f = std::move(node->f)] { f->run(); });
}

// What is left to do for a node that has just become done, without locks.
void finish(cancel_node* node) {
  if (node->deadline && sched::timer_stop(&node->timer)) ctx_release(node);  // never the last one: the caller has one
  // No lock: stops is made only while a node is live.
  if (node->stops) node->stops->request_stop();
  run_after(node);
}

}  // namespace

void cancel_tree(cancel_node* node, const error& err, const error& cause) {
  node_list cancelled;
  node_list released;
  sched::rejoin_here();
  node->lock.lock();
  if (node->done.load(std::memory_order_relaxed)) {
    node->lock.unlock();
    return;
  }
  mark_locked(node, err, cause);
  mark_below(node, cancelled, released);
  bool was_linked = false;
  if (node->up != nullptr) {
    const std::lock_guard hold(node->up->lock);
    was_linked = node->linked;
    if (was_linked) unlink_locked(node->up, node);
  }
  finish(node);
  while (cancel_node* n = cancelled.first) {
    cancelled.first = n->next;
    finish(n);
    ctx_release(n);
  }
  while (cancel_node* n = released.first) {
    released.first = n->next;
    ctx_release(n);
  }
  if (was_linked) ctx_release(node);
}

void propagate(cancel_node* node) {
  cancel_node* up = node->up;
  if (up == nullptr) return;
  {
    const std::lock_guard hold(up->lock);
    if (!up->done.load(std::memory_order_relaxed)) {
      link_locked(up, node);
      return;
    }
  }
  cancel_tree(node, up->err, up->cause);
}

namespace {

// With the deadline come, on a system stack, holding the arming's reference. Cancelling runs user code: not here.
void on_deadline(sched::timer*, void* arg) {
  go([ref = ctx_ref(static_cast<cancel_node*>(arg))] {
    auto* node = static_cast<cancel_node*>(ref.get());
    const error& cause = node->timeout_cause;
    cancel_tree(node, context::deadline_exceeded, cause ? cause : context::deadline_exceeded);
  });
}

void on_dropped(sched::timer*, void* arg) { ctx_release(static_cast<cancel_node*>(arg)); }

// stop_callback's call: from the thread that requests stop.
struct cancel_on_stop {
  cancel_node* node;
  void operator()() const { cancel_tree(node, context::canceled, context::canceled); }
};

// The callback is declared last, to be destroyed first: its destructor waits for a call that runs.
struct token_node final : cancel_node {
  using cancel_node::cancel_node;
  std::optional<std::stop_callback<cancel_on_stop>> on_stop;
};

struct detached_node final : ctx_node {
  explicit detached_node(const ctx_ref& p) : ctx_node(p, nullptr) {}
};

const chan<>& closed_chan() {
  static const auto* c = [] {
    auto* closed = new chan<>(0);
    closed->close();
    return closed;
  }();
  return *c;
}

}  // namespace

cancel_node::cancel_node(const ctx_ref& p) : ctx_node(p, this), up(ctx_canceler(p)) {
  if (up != nullptr) deadline = up->deadline;
}

bool ctx_node::lookup(const ctx_key&, const std::type_info&, const void**) const { return false; }

cancel_node* ctx_canceler(const ctx_ref& parent) noexcept {
  return parent.get() != nullptr ? parent.get()->canceler : nullptr;
}

void ctx_retain(ctx_node* node) noexcept { node->refs.fetch_add(1, std::memory_order_relaxed); }

void ctx_release(ctx_node* node) noexcept {
  while (node != nullptr) {
    // acq_rel: the last owner destroys what the others have finished with
    if (node->refs.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
    ctx_node* parent = node->parent.leave();  // a long chain must not be a deep recursion
    delete node;
    node = parent;
  }
}

recv_chan<> ctx_done(const ctx_node* node) {
  if (node == nullptr || node->canceler == nullptr) return {};
  cancel_node* n = node->canceler;
  // acquire; pairs with the release below
  if (n->has_chan.load(std::memory_order_acquire)) return n->c;
  const std::lock_guard hold(n->lock);
  if (!n->has_chan.load(std::memory_order_relaxed)) {
    n->c = n->done.load(std::memory_order_relaxed) ? closed_chan() : chan<>(0);
    n->has_chan.store(true, std::memory_order_release);
  }
  return n->c;
}

error ctx_err(const ctx_node* node) {
  if (node == nullptr || node->canceler == nullptr || !node->canceler->done.load(std::memory_order_acquire)) return {};
  return node->canceler->err;
}

error ctx_cause(const ctx_node* node) {
  if (node == nullptr || node->canceler == nullptr || !node->canceler->done.load(std::memory_order_acquire)) return {};
  return node->canceler->cause;
}

std::optional<time_point> ctx_deadline(const ctx_node* node) {
  return node != nullptr && node->canceler != nullptr ? node->canceler->deadline : std::nullopt;
}

const void* ctx_value(const ctx_node* node, const ctx_key& key, const std::type_info& type) {
  const void* value = nullptr;
  while (node != nullptr && !node->lookup(key, type, &value)) node = node->parent.get();
  return value;
}

std::stop_token ctx_stop_token(const ctx_node* node) {
  if (node == nullptr || node->canceler == nullptr) return {};
  cancel_node* n = node->canceler;
  const std::lock_guard hold(n->lock);
  if (n->done.load(std::memory_order_relaxed) && !n->stops) {
    std::stop_source stopped;
    stopped.request_stop();
    return stopped.get_token();
  }
  if (!n->stops) n->stops.emplace();
  return n->stops->get_token();
}

void ctx_cancel(ctx_node* node, error cause) {
  auto* n = static_cast<cancel_node*>(node);
  cancel_tree(n, context::canceled, cause ? cause : context::canceled);
  n->stopped();
}

bool ctx_stop_after(ctx_node* ctx) {
  auto* node = static_cast<cancel_node*>(ctx);
  if (node->claimed.exchange(true, std::memory_order_acq_rel)) return false;
  const std::unique_ptr<timer_func> f = std::move(node->f);
  cancel_tree(node, context::canceled, context::canceled);
  return true;
}

error ctx_sleep(const ctx_node* node, std::int64_t ns) {
  if (error err = ctx_err(node)) return err;
  const recv_chan<> done = ctx_done(node);
  if (done == nullptr) {
    sleep_ns(ns);
    return {};
  }
  if (ns <= 0) return {};
  unit nothing;
  const scase cancelled{chan_access::ref(done).get(), &nothing, false};
  return selectgo(&cancelled, 1, false, ns).index == 0 ? ctx_err(node) : error();
}

ctx_ref new_cancel_ctx(const ctx_ref& parent) {
  auto* node = new cancel_node(parent);
  ctx_ref ref(node);
  propagate(node);
  return ref;
}

ctx_ref new_deadline_ctx(const ctx_ref& parent, time_point deadline, error cause) {
  auto* node = new cancel_node(parent);
  ctx_ref ref(node);
  if (node->deadline && *node->deadline <= deadline) {
    propagate(node);  // the parent's comes first anyway
    return ref;
  }
  node->deadline = deadline;
  node->timeout_cause = std::move(cause);
  node->timer.f = on_deadline;
  node->timer.dropped = on_dropped;
  node->timer.arg = node;
  propagate(node);
  if (deadline <= time_point::clock::now()) {
    const error& why = node->timeout_cause;
    cancel_tree(node, context::deadline_exceeded, why ? why : context::deadline_exceeded);
    return ref;
  }
  const std::lock_guard hold(node->lock);
  if (!node->done.load(std::memory_order_relaxed)) {
    ctx_retain(node);
    // steady_clock counts as nanotime does: both are CLOCK_MONOTONIC
    sched::timer_start(&node->timer, deadline.time_since_epoch().count());
  }
  return ref;
}

ctx_ref new_detached_ctx(const ctx_ref& parent) { return ctx_ref(new detached_node(parent)); }

ctx_ref new_after_ctx(const ctx_ref& parent, std::unique_ptr<timer_func> f) {
  auto* node = new cancel_node(parent);
  ctx_ref ref(node);
  node->runs_func = true;
  node->f = std::move(f);
  propagate(node);
  return ref;
}

ctx_ref new_token_ctx(const ctx_ref& parent, std::stop_token token) {
  auto* node = new token_node(parent);
  ctx_ref ref(node);
  propagate(node);
  node->on_stop.emplace(std::move(token), cancel_on_stop{node});
  return ref;
}

}  // namespace detail

}  // namespace gofer
