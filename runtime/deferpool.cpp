// Records of one size for defers and panics: newdefer and freedefer, newpanic and freepanic.
//
// Each P keeps up to 32 of them on a list of its own, touched without atomics: none of these functions can park, and a
// goroutine runs on the P under which it looks. Half a list at a time goes to and comes from a central Boost.Lockfree
// stack, linked into one chain, so that the central stack sees one operation per 16 records. Go's numbers and scheme
// (runtime/panic.go: newdefer, freedefer; Go's panics lie on the stack, which here is being unwound).
#define BOOST_LOCKFREE_FORCE_STD_ATOMIC
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

constexpr std::size_t record_size = 128;
constexpr std::size_t record_align = 16;
constexpr int local_max = 32;
constexpr int batch = local_max / 2;

struct record {
  record* link;
};

using central_stack = boost::lockfree::stack<record*, boost::lockfree::allocator<sched::lockfree_allocator<record*>>>;

// Chains of `batch` records. Never destroyed: goroutines may end while static destructors run.
central_stack& central() {
  static auto* s = new central_stack(64);
  return *s;
}

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
  if (!central().push(first)) release_chain(first);
}

// Not initialized. Throws std::bad_alloc.
void* newrecord() {
  sched::m* mp = sched::getm();
  const sched::keep_p keep(mp);
  sched::p* pp = mp->pp;
  if (pp == nullptr) return allocate();
  if (pp->deferpool == nullptr) {
    record* chain = nullptr;
    if (!central().pop(chain)) return allocate();
    pp->deferpool = chain;
    pp->deferpool_n = batch;
  }
  auto* r = static_cast<record*>(pp->deferpool);
  pp->deferpool = r->link;
  pp->deferpool_n--;
  return r;
}

void freerecord(void* at) noexcept {
  auto* r = static_cast<record*>(at);
  sched::m* mp = sched::getm();
  const sched::keep_p keep(mp);
  sched::p* pp = mp->pp;
  if (pp == nullptr) {
    release(r);
    return;
  }
  r->link = static_cast<record*>(pp->deferpool);
  pp->deferpool = r;
  if (++pp->deferpool_n >= local_max) to_central(pp);
}

bool pooled(const detail::defer_ops* ops) { return ops->size <= record_size && ops->align <= record_align; }

}  // namespace

_panic* newpanic() {
  static_assert(sizeof(_panic) <= record_size);
  return ::new (newrecord()) _panic;
}

void freepanic(_panic* p) noexcept {
  if (p->image != nullptr) drop_crash_image(p->image);
  std::destroy_at(p);
  freerecord(p);
}

void release_defer_pool(sched::p* pp) {
  release_chain(static_cast<record*>(pp->deferpool));
  pp->deferpool = nullptr;
  pp->deferpool_n = 0;
}

}  // namespace gofer::runtime

namespace gofer::detail {

namespace {

_defer* newdefer(const defer_ops* ops) {
  if (runtime::pooled(ops)) return static_cast<_defer*>(runtime::newrecord());
  return static_cast<_defer*>(::operator new (ops->size, std::align_val_t{ops->align}));
}

}  // namespace

_defer* deferproc(const defer_ops* ops) {
  const sched::m* mp = sched::getm();
  if (!mp->plain && mp->curg == &mp->g0) sched::throw_("defer on system stack", __FILE__, __LINE__);
  _defer* d = newdefer(ops);
  d->ops = ops;
  return d;
}

void freedefer(_defer* d) noexcept {
  if (runtime::pooled(d->ops)) {
    runtime::freerecord(d);
  } else {
    ::operator delete (d, std::align_val_t{d->ops->align});
  }
}

}  // namespace gofer::detail
