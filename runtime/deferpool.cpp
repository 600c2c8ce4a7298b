// Records of one size for defers and panics: newdefer and freedefer, newpanic and freepanic.
//
// Each P keeps up to 128 of them on a list of its own, touched without atomics: none of these functions can park, and a
// goroutine runs on the P under which it looks. Half a list at a time goes to and comes from a central Boost.Lockfree
// stack, linked into one chain, so that the central stack sees one operation per 64 records. Go's scheme
// (runtime/panic.go: newdefer, freedefer) with other numbers: Go's 32 let a list of a hundred calls go to the central
// pool six times. Go's panics lie on the stack, which here is being unwound.
#define BOOST_LOCKFREE_FORCE_STD_ATOMIC
#include "runtime/deferpool.hpp"

#include <atomic>
#include <boost/lockfree/stack.hpp>
#include <gofer/defer.hpp>
#include <memory>
#include <new>

#include "runtime/crashimage.hpp"
#include "runtime/hooks.hpp"
#include "runtime/panic.hpp"
#include "sched/fatal.hpp"
#include "sched/keep_p.hpp"
#include "sched/lockfree_allocator.hpp"
#include "sched/m.hpp"
#include "sched/p.hpp"
#include "sched/tls.hpp"

namespace gofer::runtime {

namespace {

constexpr std::size_t record_size = detail::pooled_record_size;
constexpr std::size_t record_align = alignof(detail::_defer);
constexpr int local_max = 128;
constexpr int batch = local_max / 2;
constexpr int central_max = 256;  // batches, 2 MiB: what is beyond goes back to the heap
constexpr int list_batch = 16;    // for one defer_list at a time

using record = detail::_defer;

using central_stack = boost::lockfree::stack<record*, boost::lockfree::allocator<sched::lockfree_allocator<record*>>>;

// Chains of `batch` records. Never destroyed: goroutines may end while static destructors run.
central_stack& central() {
  static auto* s = new central_stack(64);
  return *s;
}
std::atomic<int> central_n{0};  // about: who is late lets in one more, or one less

record* allocate() {
  void* r = ::operator new (record_size, std::align_val_t{record_align});
  sched::not_leaked(r);  // it may end in the central stack
  return static_cast<record*>(r);
}

void release(record* r) { ::operator delete (r, std::align_val_t{record_align}); }

void release_chain(record* r) {
  while (r != nullptr) {
    record* next = r->link;
    release(r);
    r = next;
  }
}

void to_central(sched::p* pp) {
  auto* first = static_cast<record*>(pp->deferpool);
  record* last = first;
  for (int i = 1; i < batch; i++) last = last->link;
  pp->deferpool = last->link;
  pp->deferpool_n -= batch;
  last->link = nullptr;
  if (central_n.load(std::memory_order_relaxed) < central_max && central().push(first)) {
    central_n.fetch_add(1, std::memory_order_relaxed);
  } else {
    release_chain(first);
  }
}

// Fills the P's empty list; false: there is nothing in the central stack.
bool from_central(sched::p* pp) {
  record* chain = nullptr;
  if (!central().pop(chain)) return false;
  central_n.fetch_sub(1, std::memory_order_relaxed);
  pp->deferpool = chain;
  pp->deferpool_n = batch;
  return true;
}

// A chain of up to n, at least one; not initialized. Throws std::bad_alloc.
record* newrecords(int n) {
  sched::m* mp = sched::getm();
  {
    const sched::keep_p keep(mp);
    sched::p* pp = mp->pp;
    if (pp != nullptr && (pp->deferpool != nullptr || from_central(pp))) {
      auto* first = static_cast<record*>(pp->deferpool);
      record* last = first;
      int got = 1;
      for (; got < n && last->link != nullptr; got++) last = last->link;
      pp->deferpool = last->link;
      pp->deferpool_n -= got;
      last->link = nullptr;
      return first;
    }
  }
  record* r = allocate();
  r->link = nullptr;
  return r;
}

void freerecords(record* first, record* last, int n) noexcept {
  sched::m* mp = sched::getm();
  const sched::keep_p keep(mp);
  sched::p* pp = mp->pp;
  if (pp == nullptr) {
    release_chain(first);
    return;
  }
  last->link = static_cast<record*>(pp->deferpool);
  pp->deferpool = first;
  pp->deferpool_n += n;
  while (pp->deferpool_n >= local_max) to_central(pp);
}

}  // namespace

_panic* newpanic() {
  static_assert(sizeof(_panic) <= record_size);
  return ::new (static_cast<void*>(newrecords(1))) _panic;
}

void freepanic(_panic* p) noexcept {
  if (p->image != nullptr) drop_crash_image(p->image);
  std::destroy_at(p);
  auto* r = ::new (static_cast<void*>(p)) record{nullptr, nullptr};
  freerecords(r, r, 1);
}

void release_defer_pool(sched::p* pp) {
  release_chain(static_cast<record*>(pp->deferpool));
  pp->deferpool = nullptr;
  pp->deferpool_n = 0;
}

}  // namespace gofer::runtime

namespace gofer::detail {

namespace {

_defer* newdefer() { return runtime::newrecords(runtime::list_batch); }

void check_may_defer() {
  const sched::m* mp = sched::getm();
  if (!mp->plain && mp->curg == &mp->g0) sched::throw_("defer on system stack", __FILE__, __LINE__);
}

}  // namespace

_defer* deferproc() {
  check_may_defer();
  return newdefer();
}

_defer* deferproc_large(const defer_ops* ops) {
  check_may_defer();
  auto* d = static_cast<_defer*>(::operator new (ops->size, std::align_val_t{ops->align}));
  d->ops = ops;
  return d;
}

void freedefer_large(_defer* d) noexcept { ::operator delete (d, std::align_val_t{d->ops->align}); }

void freedefers(_defer* chain) noexcept {
  _defer* last = chain;
  int n = 1;
  for (; last->link != nullptr; n++) last = last->link;
  runtime::freerecords(chain, last, n);
}

}  // namespace gofer::detail
