// newdefer and freedefer: records for defer_list beyond those in the object.
//
// Each P keeps up to 32 of them on a list of its own, touched without atomics: neither function can park, and a
// goroutine runs on the P under which it looks. Half a list at a time goes to and comes from a central Boost.Lockfree
// stack, linked into one chain, so that the central stack sees one operation per 16 records. Go's numbers and scheme
// (runtime/panic.go: newdefer, freedefer).
#define BOOST_LOCKFREE_FORCE_STD_ATOMIC
#include <boost/lockfree/stack.hpp>
#include <gofer/defer.hpp>
#include <new>

#include "runtime/hooks.hpp"
#include "runtime/panic.hpp"
#include "sched/keep_p.hpp"
#include "sched/lockfree_allocator.hpp"
#include "sched/m.hpp"
#include "sched/p.hpp"
#include "sched/tls.hpp"

namespace gofer::detail {

namespace {

constexpr std::size_t record_size = 128;
constexpr int local_max = 32;
constexpr int batch = local_max / 2;

using central_stack = boost::lockfree::stack<_defer*, boost::lockfree::allocator<sched::lockfree_allocator<_defer*>>>;

// Chains of `batch` records. Never destroyed: goroutines may end while static destructors run.
central_stack& central() {
  static auto* s = new central_stack(64);
  return *s;
}

bool pooled(const defer_ops* ops) { return ops->size <= record_size && ops->align <= alignof(_defer); }

_defer* allocate() {
  void* p = ::operator new (record_size, std::align_val_t{alignof(_defer)});
  sched::not_leaked(p);  // it may end in the central stack
  return static_cast<_defer*>(p);
}

void release(_defer* d) { ::operator delete (d, std::align_val_t{alignof(_defer)}); }

void to_central(sched::p* pp) {
  auto* first = static_cast<_defer*>(pp->deferpool);
  _defer* last = first;
  for (int i = 1; i < batch; i++) last = last->link;
  pp->deferpool = last->link;
  pp->deferpool_n -= batch;
  last->link = nullptr;
  if (central().push(first)) return;
  while (first != nullptr) {
    _defer* next = first->link;
    release(first);
    first = next;
  }
}

}  // namespace

_defer* newdefer(const defer_ops* ops) {
  if (!pooled(ops)) return static_cast<_defer*>(::operator new (ops->size, std::align_val_t{ops->align}));
  sched::m* mp = sched::getm();
  const sched::keep_p keep(mp);
  sched::p* pp = mp->pp;
  if (pp == nullptr) return allocate();
  if (pp->deferpool == nullptr) {
    _defer* chain = nullptr;
    if (!central().pop(chain)) return allocate();
    pp->deferpool = chain;
    pp->deferpool_n = batch;
  }
  auto* d = static_cast<_defer*>(pp->deferpool);
  pp->deferpool = d->link;
  pp->deferpool_n--;
  return d;
}

void freedefer(_defer* d) noexcept {
  if (!pooled(d->ops)) {
    ::operator delete (d, std::align_val_t{d->ops->align});
    return;
  }
  sched::m* mp = sched::getm();
  const sched::keep_p keep(mp);
  sched::p* pp = mp->pp;
  if (pp == nullptr) {
    release(d);
    return;
  }
  d->link = static_cast<_defer*>(pp->deferpool);
  pp->deferpool = d;
  if (++pp->deferpool_n >= local_max) to_central(pp);
}

void push_while_running() { runtime::fatal("defer_list: push while the list runs"); }

/// What run_defers may see of a defer_list.
struct defer_list_runner {
  defer_list& list;
  bool armed = true;

  // A deferred call panicked: the others run during that unwinding, as those of outer scopes will.
  ~defer_list_runner() noexcept(false) {
    while (armed && list.head_ != nullptr) run_youngest();
  }

  void run_youngest() {
    _defer* d = list.head_;
    list.head_ = d->link;
    list.size_--;
    struct destroyer {
      _defer* d;
      bool in_object;
      ~destroyer() {
        d->ops->destroy(closure_of(d));
        if (!in_object) freedefer(d);
      }
    } const over{d, is_inline(d)};
    if (raises() == list.raises_) [[likely]] {
      d->ops->run(closure_of(d));
    } else {
      deferreturn(list.raises_, d->ops->thunk, closure_of(d));
    }
  }

  bool is_inline(const _defer* d) const {
    const auto* at = reinterpret_cast<const std::byte*>(d);
    const auto* first = reinterpret_cast<const std::byte*>(list.inline_);
    return at >= first && at < first + sizeof list.inline_;
  }
};

void run_defers(defer_list& list) {
  list.running_ = true;
  defer_list_runner runner{list};
  while (list.head_ != nullptr) runner.run_youngest();
  runner.armed = false;
}

}  // namespace gofer::detail

namespace gofer::runtime {

void release_defer_pool(sched::p* pp) {
  auto* d = static_cast<detail::_defer*>(pp->deferpool);
  pp->deferpool = nullptr;
  pp->deferpool_n = 0;
  while (d != nullptr) {
    detail::_defer* next = d->link;
    detail::release(d);
    d = next;
  }
}

}  // namespace gofer::runtime
