#include "sched/stack.hpp"

#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <mutex>
#include <new>
#include <vector>

#include "sched/atomic.hpp"
#include "sched/debug.hpp"
#include "sched/fatal.hpp"
#include "sched/futex.hpp"
#include "sched/stackuse.hpp"
#include "sched/switch.hpp"
#include "sched/valgrind.hpp"

#if GOFER_ASAN
#include <sanitizer/lsan_interface.h>
#endif

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102  // asm-generic/mman-common.h since Linux 6.13
#endif

namespace gofer::sched {

namespace {

constexpr std::uint32_t slab_stacks = 64;

// Stacks of one size. Never freed: handlers and dumps walk the list without a lock.
struct slab {
  char* base;
  std::size_t stride;  // guard page + usable bytes
  std::uint32_t count;
  atomic<std::uint32_t> used{0};  // [0, used) have a g; release, pairs with the acquire in for_each_g
  slab* next;
};

struct size_class {
  std::size_t size = 0;
  g* warm = nullptr;  // free, their memory still there
  std::int64_t nwarm = 0;
  std::int64_t low_water = 0;  // the least nwarm since the last scavenge: those were not needed
  std::vector<g*> cold;        // free, memory given back: the g is not to be read, it has to be made anew
  slab* filling = nullptr;
};

struct central {
  futex_mutex lock;
  std::vector<size_class*> classes;
  std::int64_t mapped = 0;
};

central& the_central() {
  static auto* c = new central;  // never destroyed: goroutines may end while static destructors run
  return *c;
}

atomic<slab*> slabs{nullptr};
atomic<std::size_t> default_size{default_stack_size};

enum class guard_kind { unknown, madvise_guard, mprotect_guard, none };
atomic<guard_kind> guards{guard_kind::unknown};

std::size_t round_to_pages(std::size_t size) { return (size + page_size - 1) & ~(page_size - 1); }

void warn_no_guards() {
  static atomic<bool> warned{false};
  if (warned.exchange(true)) return;
  write_err(
      "gofer: warning: no guard pages for further stacks: the limit on memory mappings is reached. "
      "Raise it: sysctl -w vm.max_map_count=1048576 (or use Linux 6.13 or newer)\n");
}

void install_guard(char* page) {
  guard_kind kind = guards.load(std::memory_order_relaxed);
#if GOFER_ASAN
  // LeakSanitizer reads the stacks as roots, by /proc/self/maps: it must see the guards there, as mprotect shows them.
  if (kind == guard_kind::unknown) kind = guard_kind::mprotect_guard;
#endif
  if (kind == guard_kind::unknown || kind == guard_kind::madvise_guard) {
    if (::madvise(page, page_size, MADV_GUARD_INSTALL) == 0) {
      guards.store(guard_kind::madvise_guard, std::memory_order_relaxed);
      return;
    }
  }
  if (::mprotect(page, page_size, PROT_NONE) == 0) {
    guards.store(guard_kind::mprotect_guard, std::memory_order_relaxed);
    return;
  }
  warn_no_guards();
}

char* stack_base(const slab* s, std::uint32_t i) { return s->base + s->stride * i; }

// All guards of a slab by one system call, 0.6 us each instead of 1.0: process_madvise(2) takes a list, on the calling
// process itself since Linux 6.14 (PIDFD_SELF; a pidfd of our own would still mean the parent in a forked child). How
// many of them stand; the rest is for install_guard.
std::uint32_t install_guards_at_once(const slab* s) {
  constexpr int pidfd_self = -10000;
  if (guards.load(std::memory_order_relaxed) != guard_kind::madvise_guard || s->count != slab_stacks) return 0;
  iovec pages[slab_stacks];
  for (std::uint32_t i = 0; i < slab_stacks; i++) pages[i] = {stack_base(s, i), page_size};
  const long n = ::syscall(SYS_process_madvise, pidfd_self, pages, std::size_t{slab_stacks}, MADV_GUARD_INSTALL, 0);
  return n <= 0 ? 0 : static_cast<std::uint32_t>(static_cast<std::size_t>(n) / page_size);
}

// Where the i-th stack's g lies: staggered by 16 cache lines within the top page.
g* g_of(const slab* s, std::uint32_t i) {
  char* top = stack_base(s, i) + s->stride;
  const std::uintptr_t color = (i % 16) * cache_line;
  const std::uintptr_t at = (reinterpret_cast<std::uintptr_t>(top) - color - sizeof(g)) & ~(cache_line - 1);
  return reinterpret_cast<g*>(at);
}

g* construct_g(char* base, g* where, std::size_t size) {
  g* gp = new (where) g;
  gp->stk.lo = base + page_size;
  gp->stk.hi = reinterpret_cast<char*>(gp);
  gp->stack_size = size;
  return gp;
}

slab* new_slab(std::size_t size) {
  const std::size_t stride = size + page_size;
  const std::uint32_t count = size > default_size.load(std::memory_order_relaxed) ? 1 : slab_stacks;
  void* base = ::mmap(nullptr, stride * count, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
  if (base == MAP_FAILED) return nullptr;
  // A huge page would commit eight stacks at the first touch of one. Fails only on kernels built without huge pages.
  (void)::madvise(base, stride * count, MADV_NOHUGEPAGE);
  auto* s = new (std::nothrow) slab;
  if (s == nullptr) {
    ::munmap(base, stride * count);
    return nullptr;
  }
  s->base = static_cast<char*>(base);
  s->stride = stride;
  s->count = count;
#if GOFER_ASAN
  __lsan_register_root_region(base, stride * count);
#endif
  for (std::uint32_t i = install_guards_at_once(s); i < count; i++) install_guard(stack_base(s, i));
  for (std::uint32_t i = 0; i < count; i++) {
    valgrind_stack(stack_base(s, i) + page_size, g_of(s, i));
  }
  s->next = slabs.load(std::memory_order_relaxed);
  slabs.store(s,
              std::memory_order_release);  // release; pairs with the acquire in for_each_g. Writers hold central.lock.
  return s;
}

size_class* class_for(central& c, std::size_t size) {
  for (size_class* sc : c.classes) {
    if (sc->size == size) return sc;
  }
  auto* sc = new (std::nothrow) size_class;
  if (sc == nullptr) return nullptr;
  sc->size = size;
  c.classes.push_back(sc);
  return sc;
}

// What construct_g needs of a cold stack is found from its address alone.
g* revive(g* where, const size_class* sc) {
  for (const slab* s = slabs.load(std::memory_order_acquire); s != nullptr; s = s->next) {
    auto* p = reinterpret_cast<char*>(where);
    if (p < s->base || p >= s->base + s->stride * s->count) continue;
    const auto i = static_cast<std::size_t>(p - s->base) / s->stride;
    return construct_g(s->base + i * s->stride, where, sc->size);
  }
  throw_("cold stack in no slab", __FILE__, __LINE__);
}

g* from_central_locked(central& c, size_class* sc) {
  if (sc->warm != nullptr) {
    g* gp = sc->warm;
    sc->warm = gp->schedlink;
    sc->low_water = std::min(sc->low_water, --sc->nwarm);
    return gp;
  }
  if (!sc->cold.empty()) {
    g* where = sc->cold.back();
    sc->cold.pop_back();
    return revive(where, sc);
  }
  slab* s = sc->filling;
  if (s == nullptr || s->used.load(std::memory_order_relaxed) == s->count) {
    s = new_slab(sc->size);
    if (s == nullptr) return nullptr;
    sc->filling = s;
    c.mapped += s->count;
  }
  const std::uint32_t i = s->used.load(std::memory_order_relaxed);
  g* gp = construct_g(stack_base(s, i), g_of(s, i), sc->size);
  s->used.store(i + 1, std::memory_order_release);
  return gp;
}

void to_central_locked(size_class* sc, g* gp) {
  gp->schedlink = sc->warm;
  sc->warm = gp;
  sc->nwarm++;
}

}  // namespace

futex_mutex& stack_pool_lock() { return the_central().lock; }

void set_default_stack_size(std::size_t bytes) {
  default_size.store(std::clamp(round_to_pages(bytes), min_stack_size, max_stack_size), std::memory_order_relaxed);
}

std::size_t get_default_stack_size() { return default_size.load(std::memory_order_relaxed); }

g* gfget(p* pp, std::size_t size) {
  const std::size_t usual = default_size.load(std::memory_order_relaxed);
  if (size == 0) size = usual;
  if (pp != nullptr && size == usual && pp->gfree != nullptr && pp->gfree->stack_size == size) {
    g* gp = pp->gfree;
    pp->gfree = gp->schedlink;
    pp->gfree_n--;
    return gp;
  }
  if (size != usual) size = std::clamp(round_to_pages(size), min_stack_size, max_stack_size);
  central& c = the_central();
  const std::lock_guard hold(c.lock);
  size_class* sc = class_for(c, size);
  if (sc == nullptr) return nullptr;
  if (pp != nullptr && size == usual) {
    // Refill the P's list with what lies ready, so that the lock is taken once per batch.
    while (pp->gfree_n < gfree_batch && sc->warm != nullptr) {
      g* gp = from_central_locked(c, sc);
      gp->schedlink = pp->gfree;
      pp->gfree = gp;
      pp->gfree_n++;
    }
  }
  return from_central_locked(c, sc);
}

void gfput(p* pp, g* gp) {
  switch_forget(gp);
  if (__builtin_expect(debug.stackhigh.load(std::memory_order_relaxed), 0)) note_stack_use(gp);
  if (pp != nullptr && gp->stack_size == default_size.load(std::memory_order_relaxed)) {
    gp->schedlink = pp->gfree;
    pp->gfree = gp;
    if (++pp->gfree_n < gfree_local_max) return;
    central& c = the_central();
    const std::lock_guard hold(c.lock);
    while (pp->gfree_n > gfree_local_max - gfree_batch) {
      g* move = pp->gfree;
      pp->gfree = move->schedlink;
      pp->gfree_n--;
      if (size_class* sc = class_for(c, move->stack_size)) to_central_locked(sc, move);
    }
    return;
  }
  central& c = the_central();
  const std::lock_guard hold(c.lock);
  if (size_class* sc = class_for(c, gp->stack_size)) to_central_locked(sc, gp);
}

void gfpurge(p* pp) {
  central& c = the_central();
  const std::lock_guard hold(c.lock);
  while (g* gp = pp->gfree) {
    pp->gfree = gp->schedlink;
    if (size_class* sc = class_for(c, gp->stack_size)) to_central_locked(sc, gp);
  }
  pp->gfree_n = 0;
}

void scavenge() {
  // Half of what lay unused all the time since the last call, at least 64: a pool that is not used any more is empty
  // after some calls, one that breathes keeps what it needs. The madvise calls (2 us each) run outside the lock, in
  // pieces of 256.
  constexpr std::int64_t piece = 256;
  constexpr std::int64_t keep = 64;
  central& c = the_central();
  std::vector<g*> batch;
  for (std::size_t ci = 0;; ci++) {
    size_class* sc = nullptr;
    std::int64_t todo = 0;
    {
      const std::lock_guard hold(c.lock);
      if (ci >= c.classes.size()) break;
      sc = c.classes[ci];
      todo = std::min(sc->nwarm - keep,
                      std::max<std::int64_t>(sc->low_water / 2, std::min<std::int64_t>(sc->low_water, 64)));
    }
    while (todo > 0) {
      batch.clear();
      {
        const std::lock_guard hold(c.lock);
        while (sc->warm != nullptr && static_cast<std::int64_t>(batch.size()) < std::min(todo, piece)) {
          batch.push_back(from_central_locked(c, sc));
        }
      }
      if (batch.empty()) break;
      for (g* gp : batch) {
        char* lo = gp->stk.lo;
        char* top = reinterpret_cast<char*>(round_to_pages(reinterpret_cast<std::uintptr_t>(gp) + sizeof(g)));
        ::madvise(lo, static_cast<std::size_t>(top - lo), MADV_DONTNEED);
      }
      todo -= static_cast<std::int64_t>(batch.size());
      const std::lock_guard hold(c.lock);
      sc->cold.insert(sc->cold.end(), batch.begin(), batch.end());
    }
    const std::lock_guard hold(c.lock);
    sc->low_water = sc->nwarm;
  }
}

void for_each_g(void (*f)(g* gp, void* arg), void* arg) {
  for (const slab* s = slabs.load(std::memory_order_acquire); s != nullptr; s = s->next) {
    const std::uint32_t used = s->used.load(std::memory_order_acquire);
    for (std::uint32_t i = 0; i < used; i++) {
      // A stack without memory reads as zeroes: status idle.
      g* gp = g_of(s, i);
      if (gp->status.load(std::memory_order_acquire) != gstatus::idle) f(gp, arg);
    }
  }
}

bool guard_hit(const void* addr, g** owner) {
  const auto* p = static_cast<const char*>(addr);
  for (const slab* s = slabs.load(std::memory_order_acquire); s != nullptr; s = s->next) {
    if (p < s->base || p >= s->base + s->stride * s->count) continue;
    const auto off = static_cast<std::size_t>(p - s->base);
    if (off % s->stride >= page_size) return false;
    *owner = g_of(s, static_cast<std::uint32_t>(off / s->stride));
    return true;
  }
  return false;
}

stack_stats read_stack_stats() {
  central& c = the_central();
  const std::lock_guard hold(c.lock);
  stack_stats st{c.mapped, 0, 0};
  for (const size_class* sc : c.classes) {
    st.warm += sc->nwarm;
    st.cold += static_cast<std::int64_t>(sc->cold.size());
  }
  return st;
}

}  // namespace gofer::sched
