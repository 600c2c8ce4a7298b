#include "world.hpp"

#include <sys/mman.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <new>

#include "point.hpp"
#include "sched/config.hpp"

#if GOFER_ASAN
#include <sanitizer/asan_interface.h>
#endif

// The linker's: initialized and other global variables.
extern "C" char __data_start, _edata, __bss_start, _end;
extern "C" void* __real_mmap(void*, std::size_t, int, int, int, long);

namespace gofer::explore::world {

namespace {

// Addresses that are the same in every process: what depends on them (a hash) repeats itself too.
constexpr std::uintptr_t arena_at = 0x2000'0000'0000;
constexpr std::size_t arena_size = std::size_t{64} << 20;
constexpr std::uintptr_t pages_at = 0x2100'0000'0000;
constexpr std::size_t pages_size = std::size_t{1} << 30;
constexpr std::size_t redzone = 16;

// Not among what is copied back: mapped by itself.
struct books {
  char* data;  // copies
  char* bss;
  std::size_t used;
  std::size_t mapped;
  bool inside;
};
books* b = nullptr;

std::size_t data_size() { return static_cast<std::size_t>(&_edata - &__data_start); }
std::size_t bss_size() { return static_cast<std::size_t>(&_end - &__bss_start); }

// By hand: a sanitizer has put red zones between the variables, and watches memcpy.
__attribute__((no_sanitize("address"))) void copy(char* to, const char* from, std::size_t n) {
  asm volatile("" : "+r"(to), "+r"(from));
#if defined(__x86_64__)
  asm volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(n)::"memory");
#else
  for (std::size_t i = 0; i < n; i++) static_cast<volatile char*>(to)[i] = from[i];
#endif
}

void* map_at(std::uintptr_t at, std::size_t size) {
  void* p = __real_mmap(reinterpret_cast<void*>(at), size, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | (at != 0 ? MAP_FIXED_NOREPLACE : 0), -1, 0);
  if (p == MAP_FAILED) {
    std::fprintf(stderr, "gofer_explore: cannot map memory\n");
    std::_Exit(3);
  }
  return p;
}

void poison([[maybe_unused]] const void* p, [[maybe_unused]] std::size_t n) {
#if GOFER_ASAN
  __asan_poison_memory_region(p, n);
#endif
}
void unpoison([[maybe_unused]] const void* p, [[maybe_unused]] std::size_t n) {
#if GOFER_ASAN
  __asan_unpoison_memory_region(p, n);
#endif
}

bool in_arena(const void* p) {
  const auto at = reinterpret_cast<std::uintptr_t>(p);
  return at >= arena_at && at < arena_at + arena_size;
}

// [size][the memory][red zone]
void* allocate(std::size_t size, std::size_t align) {
  if (align < 16) align = 16;
  std::uintptr_t at = arena_at + b->used + sizeof(std::size_t);
  at = (at + align - 1) & ~(align - 1);
  b->used = at + size + redzone - arena_at;
  if (b->used > arena_size) {
    std::fprintf(stderr, "gofer_explore: a schedule needs more than %zu bytes of heap\n", arena_size);
    std::_Exit(3);
  }
  auto* p = reinterpret_cast<unsigned char*>(at);
  unpoison(p - sizeof(std::size_t), size + sizeof(std::size_t));
  *reinterpret_cast<std::size_t*>(p - sizeof(std::size_t)) = size;
  __builtin_memset(p, 0xa5, size);
  return p;
}

void release(void* p) {
  store_fence();  // what its last user had not written yet does not go to the next one
  const std::size_t size = *reinterpret_cast<const std::size_t*>(static_cast<char*>(p) - sizeof(std::size_t));
  __builtin_memset(p, 0xdd, size);
  poison(p, size);
}

}  // namespace

void save() {
  auto* books_memory = static_cast<books*>(map_at(0, sizeof(books)));
  char* data = static_cast<char*>(map_at(0, data_size()));
  char* bss = static_cast<char*>(map_at(0, bss_size()));
  map_at(arena_at, arena_size);
  map_at(pages_at, pages_size);
  b = new (books_memory) books{data, bss, 0, 0, false};
  copy(b->data, &__data_start, data_size());
  copy(b->bss, &__bss_start, bss_size());
}

void restore() {
  // b itself is among what is copied, with the value that it has.
  copy(&__data_start, b->data, data_size());
  copy(&__bss_start, b->bss, bss_size());
  poison(reinterpret_cast<void*>(arena_at), b->used);
  unpoison(reinterpret_cast<void*>(pages_at), b->mapped);
  b->used = 0;
  b->mapped = 0;
}

void enter() { b->inside = true; }
void leave() { b->inside = false; }

outside::outside() : was_inside_(b->inside) { b->inside = false; }
outside::~outside() { b->inside = was_inside_; }

void* map(std::size_t size) {
  if (b->mapped + size > pages_size) return nullptr;
  void* p = reinterpret_cast<void*>(pages_at + b->mapped);
  b->mapped += size;
  return p;
}

}  // namespace gofer::explore::world

namespace world = gofer::explore::world;

static void* new_(std::size_t size, std::size_t align) {
  if (world::b != nullptr && world::b->inside) return world::allocate(size, align);
  void* p = align <= 16 ? std::malloc(size) : std::aligned_alloc(align, (size + align - 1) / align * align);
  if (p == nullptr) std::abort();
  return p;
}

static void delete_(void* p) {
  if (p == nullptr) return;
  if (world::in_arena(p)) {
    world::release(p);
  } else if (world::b == nullptr || !world::b->inside) {
    std::free(p);  // what was there before the first schedule stays
  }
}

static std::size_t number(std::align_val_t align) { return static_cast<std::size_t>(align); }

// All of them: a sanitizer's own do not call one another.
void* operator new(std::size_t size) { return new_(size, 16); }
void* operator new[](std::size_t size) { return new_(size, 16); }
void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return new_(size, 16); }
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept { return new_(size, 16); }
void* operator new(std::size_t size, std::align_val_t align) { return new_(size, number(align)); }
void* operator new[](std::size_t size, std::align_val_t align) { return new_(size, number(align)); }
void* operator new(std::size_t size, std::align_val_t align, const std::nothrow_t&) noexcept {
  return new_(size, number(align));
}
void* operator new[](std::size_t size, std::align_val_t align, const std::nothrow_t&) noexcept {
  return new_(size, number(align));
}
void operator delete(void* p) noexcept { delete_(p); }
void operator delete[](void* p) noexcept { delete_(p); }
void operator delete(void* p, std::size_t) noexcept { delete_(p); }
void operator delete[](void* p, std::size_t) noexcept { delete_(p); }
void operator delete(void* p, std::align_val_t) noexcept { delete_(p); }
void operator delete[](void* p, std::align_val_t) noexcept { delete_(p); }
void operator delete(void* p, std::size_t, std::align_val_t) noexcept { delete_(p); }
void operator delete[](void* p, std::size_t, std::align_val_t) noexcept { delete_(p); }
