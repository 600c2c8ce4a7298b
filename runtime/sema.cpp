#include "runtime/sema.hpp"

#include <array>
#include <cstddef>
#include <functional>

#include "sched/fatal.hpp"
#include "sched/park.hpp"
#include "sched/schedt.hpp"

namespace gofer::runtime {

namespace {

// Prime, so that addresses at any stride spread (Go's semTabSize).
constexpr std::size_t table_size = 251;
constinit std::array<semroot, table_size> table;

// Pointers into different objects have no order of their own but this.
constexpr std::less<const void*> before;

bool of_finished_run(const semwaiter* w) {
  return !w->gp->plain && w->gp->sched->stopping.load(std::memory_order_relaxed);
}

}  // namespace

semroot& semroot_of(const void* key) { return table[(reinterpret_cast<std::uintptr_t>(key) >> 3) % table_size]; }

void lock_all_roots() {
  for (semroot& root : table) root.lock.lock();
}

void unlock_all_roots() {
  for (semroot& root : table) root.lock.unlock();
}

semwaiter* semroot::find(const void* key) const {
  semwaiter* node = root_;
  while (node != nullptr && node->key != key) node = before(key, node->key) ? node->left : node->right;
  return node;
}

// Puts `in` where the node `out` is.
void semroot::substitute(semwaiter* out, semwaiter* in) {
  *link_of(out) = in;
  in->parent = out->parent;
  in->left = out->left;
  in->right = out->right;
  in->priority = out->priority;
  if (in->left != nullptr) in->left->parent = in;
  if (in->right != nullptr) in->right->parent = in;
  out->parent = out->left = out->right = nullptr;
}

// Makes node its parent's parent; the order stays.
void semroot::rotate_up(semwaiter* node) {
  semwaiter* parent = node->parent;
  *link_of(parent) = node;
  node->parent = parent->parent;
  parent->parent = node;
  semwaiter*& moved = parent->left == node ? node->right : node->left;
  semwaiter*& gap = parent->left == node ? parent->left : parent->right;
  gap = moved;
  if (gap != nullptr) gap->parent = parent;
  moved = parent;
}

void semroot::queue(const void* key, semwaiter* w, bool lifo) {
  w->key = key;
  w->queued = true;
  w->next = w->prev = w->parent = w->left = w->right = nullptr;
  w->last = w;
  semwaiter* parent = nullptr;
  semwaiter** link = &root_;
  while (semwaiter* node = *link) {
    if (node->key == key) {
      if (lifo) {
        substitute(node, w);
        w->next = node;
        w->last = node->last;
        node->prev = w;
      } else {
        w->prev = node->last;
        node->last->next = w;
        node->last = w;
      }
      return;
    }
    parent = node;
    link = before(key, node->key) ? &node->left : &node->right;
  }
  random_ ^= random_ << 13;
  random_ ^= random_ >> 17;
  random_ ^= random_ << 5;
  w->priority = random_;
  w->parent = parent;
  *link = w;
  while (w->parent != nullptr && w->parent->priority > w->priority) rotate_up(w);
}

semwaiter* semroot::first(const void* key) {
  for (;;) {
    semwaiter* w = find(key);
    if (w == nullptr || !of_finished_run(w)) return w;
    remove(w);
  }
}

void semroot::remove(semwaiter* w) {
  if (!w->queued) return;
  w->queued = false;
  if (w->prev != nullptr) {
    w->prev->next = w->next;
    if (w->next != nullptr) {
      w->next->prev = w->prev;
    } else {
      find(w->key)->last = w->prev;
    }
  } else if (w->next != nullptr) {
    w->next->last = w->last;
    w->next->prev = nullptr;
    substitute(w, w->next);
  } else {
    while (w->left != nullptr || w->right != nullptr) {
      const bool left = w->right == nullptr || (w->left != nullptr && w->left->priority < w->right->priority);
      rotate_up(left ? w->left : w->right);
    }
    *link_of(w) = nullptr;
  }
  w->next = w->prev = w->parent = nullptr;
}

bool semroot::well_formed() const {
  std::size_t nodes = 0;
  const auto check = [&](auto& self, const semwaiter* node, const void* lo, const void* hi) -> bool {
    if (node == nullptr) return true;
    nodes++;
    if ((lo != nullptr && !before(lo, node->key)) || (hi != nullptr && !before(node->key, hi))) return false;
    const semwaiter* last = node;
    for (const semwaiter* w = node; w != nullptr; w = w->next) {
      if (!w->queued || w->key != node->key) return false;
      if (w->next != nullptr && w->next->prev != w) return false;
      last = w;
    }
    if (node->prev != nullptr || node->last != last) return false;
    for (const semwaiter* child : {node->left, node->right}) {
      if (child != nullptr && (child->parent != node || child->priority < node->priority)) return false;
    }
    return self(self, node->left, lo, node->key) && self(self, node->right, node->key, hi);
  };
  return (root_ == nullptr || root_->parent == nullptr) && check(check, root_, nullptr, nullptr);
}

void ready_waiters(semwaiter* first) {
  if (first == nullptr) return;
  if (first->next == nullptr) {
    sched::goready(first->gp);
    return;
  }
  while (first != nullptr) {
    sched::g* gp = first->gp;
    first = first->next;  // before goready: the waiter's stack is his again
    sched::goready_tail(gp);
  }
}

}  // namespace gofer::runtime
