// Where goroutines sleep on an address: what mutexes, wait groups, condition variables and semaphores wait with.
//
// As in Go, a sync object is only a word or two, and its waiters are kept in a table hashed by address. Unlike Go,
// whose collector keeps an object alive for whoever still looks at it, the word is never touched after the store that
// lets others go on: a C++ program may destroy a mutex as soon as it has it, or a wait group on the stack as soon as
// wait() returns, while the goroutine that made that possible is still inside unlock() or done(). Go's semaphores,
// which count releases in the object itself, do not have this property. So there is no counting here: who wakes takes
// the root's lock, picks the waiter, changes the object's word, and leaves (WebKit's ParkingLot is the model).
//
// A root holds a treap of the addresses waited on (Go's semaRoot): a million goroutines asleep on as many objects cost
// a logarithm. Each node is the first waiter of its address and heads the list of the others, oldest first.
#pragma once

#include <atomic>
#include <cstdint>

#include "sched/config.hpp"
#include "sched/futex.hpp"
#include "sched/g.hpp"

namespace gofer::runtime {

/// One goroutine asleep on an address. Lies on the waiter's stack; everything under the root's lock.
struct semwaiter {
  sched::g* gp = nullptr;
  const void* key = nullptr;
  std::int64_t since = 0;  // mutexes: when it began to wait
  std::uint64_t want = 0;  // semaphores: how many permits
  bool queued = false;
  bool parked = true;    // false: not asleep yet, only announced (condition variables)
  bool handoff = false;  // woken as the owner of what it waited for
  bool timed_out = false;

  // The list of those with the same key. The first one is the treap's node and holds `last`.
  semwaiter* next = nullptr;
  semwaiter* prev = nullptr;
  semwaiter* last = nullptr;

  // The treap, ordered by key, heap-ordered by priority. Of nodes only.
  semwaiter* parent = nullptr;
  semwaiter* left = nullptr;
  semwaiter* right = nullptr;
  std::uint32_t priority = 0;
};

class alignas(sched::cache_line) semroot {
 public:
  sched::futex_mutex lock;

  // All with `lock` held.

  /// Adds w for key: behind the others, or before them when it has waited already (`lifo`).
  void queue(const void* key, semwaiter* w, bool lifo = false);
  /// Whoever has waited longest, still queued; nullptr when nobody waits. Goroutines of a run() that is over are
  /// dropped.
  semwaiter* first(const void* key);
  /// Takes w out if it is still in.
  void remove(semwaiter* w);
  /// first(), taken out.
  semwaiter* dequeue(const void* key) {
    semwaiter* w = first(key);
    if (w != nullptr) remove(w);
    return w;
  }
  /// Whether the treap and its lists are as they should be. For tests.
  bool well_formed() const;

 private:
  semwaiter** link_of(semwaiter* node) {
    if (node->parent == nullptr) return &root_;
    return node->parent->left == node ? &node->parent->left : &node->parent->right;
  }
  semwaiter* find(const void* key) const;
  void substitute(semwaiter* out, semwaiter* in);
  void rotate_up(semwaiter* node);

  semwaiter* root_ = nullptr;
  std::uint32_t random_ = 0x9e3779b9;
};

/// The root of an address. Addresses within the same eight bytes share one.
semroot& semroot_of(const void* key);

/// fork: nobody is at work in any root while it happens.
void lock_all_roots();
void unlock_all_roots();

/// Makes a list of dequeued waiters, linked by `next`, runnable. One is run next; of many none has a claim to be.
void ready_waiters(semwaiter* first);

}  // namespace gofer::runtime
