// gofer::local: a table of values per goroutine, and who has which place in it.
//
// The problem: `*l` is used like a variable, so it must cost about as much, on whatever thread the goroutine is by now.
// Rejected: a hash map per goroutine (20 ns), and values side by side in one block, as a linker lays thread_locals out
// (locals come and go while goroutines live, and a reference to a value must stay good).
//
// The rule: a local has an index into every goroutine's table, whose entry points to the value. An index is used again
// when its local is gone, but with another number above it (the id), so that an entry says whose value it holds. What
// is found under a foreign id belongs to a local that is gone: it is destroyed before the place is taken.
//
// A value lies in a block of its own behind a head, by which a goroutine's values are on a list, youngest first. A
// table and what it points to is touched by its goroutine alone.
#include "runtime/local.hpp"

#include <cxxabi.h>

#include <algorithm>
#include <gofer/local.hpp>
#include <mutex>
#include <new>
#include <vector>

#include "runtime/panic.hpp"
#include "sched/park.hpp"

extern "C" {
extern void* __dso_handle;
}

namespace gofer::runtime {

namespace {

constexpr int index_bits = 20;
constexpr std::uint64_t max_index = std::uint64_t{1} << index_bits;
std::uint64_t index_of(std::uint64_t id) { return id & (max_index - 1); }

struct local_value {
  local_value* older;
  local_value* younger;
  std::uint64_t id;
  const detail::local_type* type;
};

struct local_entry {
  std::uint64_t id = 0;
  void* object = nullptr;
};

struct local_table {
  std::vector<local_entry> entries;
  local_value* youngest = nullptr;
};

// The head lies right before its object, whatever that is aligned to.
std::size_t align_of(const detail::local_type& t) { return std::max(t.align, alignof(local_value)); }
std::size_t offset_of(const detail::local_type& t) {
  const std::size_t align = align_of(t);
  return (sizeof(local_value) + align - 1) & ~(align - 1);
}
local_value* head_of(void* object) {
  return reinterpret_cast<local_value*>(static_cast<char*>(object) - sizeof(local_value));
}
void* allocate(const detail::local_type& t) {
  return static_cast<char*>(::operator new (offset_of(t) + t.size, std::align_val_t{align_of(t)})) + offset_of(t);
}
void deallocate(const detail::local_type& t, void* object) {
  ::operator delete (static_cast<char*>(object) - offset_of(t), std::align_val_t{align_of(t)});
}

local_table* table_of(const sched::g* gp) { return static_cast<local_table*>(gp->locals); }

// Off the list at once; in its place until it is gone, so that its destructor reaches it as `this` does.
void destroy_value(local_table& t, void* object) noexcept {
  const local_value v = *head_of(object);
  if (v.older != nullptr) v.older->younger = v.younger;
  (v.younger != nullptr ? v.younger->older : t.youngest) = v.older;
  v.type->destroy(object);
  local_entry& place = t.entries[index_of(v.id)];
  if (place.object == object) place = {};
  deallocate(*v.type, object);
}

void destroy_threads_locals(void*) { destroy_locals(sched::getg()); }

local_table& need_table(sched::g* gp, std::uint64_t index) {
  if (gp->locals == nullptr) {
    gp->locals = new local_table;
    // With the thread's own thread_locals, the main thread's too. plain_thread_exits is too late for that one.
    if (gp->plain) abi::__cxa_thread_atexit(destroy_threads_locals, nullptr, &__dso_handle);
  }
  local_table& t = *table_of(gp);
  if (t.entries.size() <= index) t.entries.resize(std::max(index + 1, 2 * t.entries.size()));
  return t;
}

// Who has which index.
struct registry {
  std::mutex mu;
  std::uint64_t ids = 0;  // given out, in units of max_index
  std::uint64_t indices = 0;
  std::vector<std::uint64_t> free;
};
registry& the_registry() {
  static auto* r = new registry;  // never destroyed: locals are, when the program ends
  return *r;
}

}  // namespace

void destroy_locals(sched::g* gp) noexcept {
  local_table* t = table_of(gp);
  if (t == nullptr) return;
  // Two whose destructors use each other would be made anew for ever.
  constexpr int enough = 1'000'000;
  for (int n = 0; t->youngest != nullptr; n++) {
    if (n == enough) fatal("gofer::local: destructors that use each other's values make them anew without end");
    local_value* v = t->youngest;
    destroy_value(*t, reinterpret_cast<char*>(v) + sizeof(local_value));
  }
  gp->locals = nullptr;
  delete t;
}

}  // namespace gofer::runtime

namespace gofer::detail {

using runtime::index_of;

local_key::~local_key() {
  const std::uint64_t id = id_.load(std::memory_order_relaxed);
  if (id == 0) return;
  if (void* here = find()) runtime::destroy_value(*runtime::table_of(sched::getg()), here);
  runtime::registry& r = runtime::the_registry();
  const std::lock_guard hold(r.mu);
  r.free.push_back(index_of(id));
}

std::uint64_t local_key::assigned() {
  runtime::registry& r = runtime::the_registry();
  const std::lock_guard hold(r.mu);
  std::uint64_t id = id_.load(std::memory_order_relaxed);
  if (id != 0) return id;
  std::uint64_t index = r.indices;
  if (!r.free.empty()) {
    index = r.free.back();
    r.free.pop_back();
  } else if (index == runtime::max_index) {
    runtime::fatal("gofer::local: more than 1048576 of them exist at once");
  } else {
    r.indices++;
    if (r.free.capacity() < r.indices) r.free.reserve(2 * r.indices);  // ~local_key does not allocate
  }
  id = ++r.ids * runtime::max_index + index;
  id_.store(id, std::memory_order_relaxed);
  return id;
}

void* local_key::find() const noexcept {
  const runtime::local_table* t = runtime::table_of(sched::getg());
  if (t == nullptr) return nullptr;
  const std::uint64_t id = id_.load(std::memory_order_relaxed);
  const std::uint64_t index = index_of(id);
  if (index >= t->entries.size()) return nullptr;
  const runtime::local_entry& place = t->entries[index];
  return place.id == id ? place.object : nullptr;
}

void* local_key::make(const local_type& type, void* factory) {
  sched::g* gp = sched::getg();
  std::uint64_t id = id_.load(std::memory_order_relaxed);
  if (id == 0) id = assigned();
  runtime::local_table& t = runtime::need_table(gp, index_of(id));
  if (void* left_over = t.entries[index_of(id)].object) runtime::destroy_value(t, left_over);
  struct block {
    const local_type& type;
    void* object;
    ~block() {
      if (object != nullptr) runtime::deallocate(type, object);
    }
  } made{type, runtime::allocate(type)};
  type.build(made.object, factory);
  if (t.entries[index_of(id)].object != nullptr) {
    runtime::fatal("gofer::local: a factory used the very value that it was making");
  }
  auto* v = ::new (runtime::head_of(made.object)) runtime::local_value{t.youngest, nullptr, id, &type};
  if (t.youngest != nullptr) t.youngest->younger = v;
  t.youngest = v;
  t.entries[index_of(id)] = {id, made.object};
  return std::exchange(made.object, nullptr);
}

}  // namespace gofer::detail
