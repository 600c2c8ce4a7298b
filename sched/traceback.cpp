// Walking a stack, fast and never wrong.
//
// The unwinder knows the truth (call frame information), at 0.2 us a frame: a panic that is recovered ten calls up
// would spend half of its time on a traceback that nobody reads. Following frame pointers costs 4 ns a frame, but one
// caller on the way that was built without them (a callback through qsort or through a user's library) silently drops
// frames, or ends the walk. Rejected: frame pointers with a plausibility check, because a dropped frame looks
// plausible; and always the unwinder.
//
// The rule: whether frame pointers lead from a call to its caller is a property of the call's address, because the
// compiler's frame layout is. So the unwinder walks first and teaches: for every return address on its way it is noted
// whether the frame pointer chain would have made exactly the same step. The next walk follows frame pointers as long
// as every address is known to be good, and starts over with the unwinder when one is not. (A library that is unloaded
// and another one loaded at its address can spoil a traceback; it cannot make the walk fault, whose steps go up and
// stay on the stack.)
//
// For a goroutine that is parked there is no unwinder to ask (libgcc's starts where it is called), so there frame
// pointers are all; every one is checked against the stack's bounds. gofer's exported flags keep them in users' code.
#include "sched/traceback.hpp"

#include <unwind.h>

#include <array>
#include <cstddef>
#include <cstdint>

#include "sched/atomic.hpp"
#include "sched/park.hpp"
#include "sched/switch.hpp"

// Reads of stacks that may be in use meanwhile: the sanitizers must not watch.
#define GOFER_READS_FOREIGN_STACK __attribute__((no_sanitize("address", "thread")))

namespace gofer::sched {

namespace {

#if defined(__x86_64__)
constexpr int frame_pointer_register = 6;
#elif defined(__aarch64__)
constexpr int frame_pointer_register = 29;
#endif

// --- What the unwinder taught

enum class step : std::uintptr_t {
  unknown,
  by_frame_pointer,  // fp[1] is the caller's pc and fp[0] the caller's frame pointer
  by_unwinder,       // they are not
  outermost,         // there is no caller: the stack begins here
};

constexpr std::size_t table_size =
    8192;  // a program's call sites on the way to panics; a guess. 64 KiB, touched as needed
constexpr std::size_t probes = 8;

// An entry is pc << 2 | step, and never changes but to by_unwinder. Each says all by itself, so every access is
// relaxed.
std::array<atomic<std::uintptr_t>, table_size> table;

std::size_t slot_of(std::uintptr_t pc) { return (pc * 0x9E3779B97F4A7C15u) >> 51; }
static_assert(table_size == std::size_t{1} << (64 - 51));

step recall(const void* pc) {
  const auto key = reinterpret_cast<std::uintptr_t>(pc);
  for (std::size_t i = 0, at = slot_of(key); i < probes; i++) {
    const std::uintptr_t entry = table[(at + i) % table_size].load(std::memory_order_relaxed);
    if (entry >> 2 == key) return static_cast<step>(entry & 3);
    if (entry == 0) break;
  }
  return step::unknown;
}

// Forgets what it is told when the neighbourhood is full: such calls are walked by the unwinder every time.
void learn(const void* pc, step s) {
  const auto key = reinterpret_cast<std::uintptr_t>(pc);
  const std::uintptr_t wanted = key << 2 | static_cast<std::uintptr_t>(s);
  for (std::size_t i = 0, at = slot_of(key); i < probes; i++) {
    atomic<std::uintptr_t>& slot = table[(at + i) % table_size];
    std::uintptr_t entry = 0;
    if (slot.compare_exchange_strong(entry, wanted, std::memory_order_relaxed)) return;
    if (entry >> 2 != key) continue;
    if (s == step::by_unwinder) slot.store(wanted, std::memory_order_relaxed);
    return;
  }
}

// --- The unwinder's walk

struct unwinding {
  void** pcs;
  int max;
  int skip;
  const void* first;  // callers()' return address: what comes before is the walk itself
  int depth = -1;     // of the frame looked at last
  int n = 0;
  void* pc = nullptr;  // of that frame
  std::uintptr_t fp = 0;
  std::uintptr_t sp = 0;
};

// From frame w to the one that called it (pc, fp; its stack pointer is sp): would the frame pointer have led there?
step compare(const unwinding& w, const void* pc, bool interrupted, std::uintptr_t fp, std::uintptr_t sp) {
  if (pc == nullptr) return step::outermost;
  // Only an address within the frame itself may be looked at: a register that is not a frame pointer holds anything.
  const bool within = w.fp >= w.sp && w.fp + 2 * sizeof(void*) <= sp && w.fp % sizeof(void*) == 0;
  if (interrupted || !within) return step::by_unwinder;
  const auto* frame = reinterpret_cast<const std::uintptr_t*>(w.fp);
  return frame[0] == fp && frame[1] == reinterpret_cast<std::uintptr_t>(pc) ? step::by_frame_pointer
                                                                            : step::by_unwinder;
}

_Unwind_Reason_Code visit(_Unwind_Context* context, void* arg) {
  unwinding& w = *static_cast<unwinding*>(arg);
  int interrupted = 0;
  auto ip = static_cast<std::uintptr_t>(_Unwind_GetIPInfo(context, &interrupted));
  if (interrupted != 0 && ip != 0) ip++;
  auto* pc = reinterpret_cast<void*>(ip);
  const auto fp = static_cast<std::uintptr_t>(_Unwind_GetGR(context, frame_pointer_register));
  const auto sp =
      static_cast<std::uintptr_t>(_Unwind_GetCFA(context));  // the callee's frame ends where this one begins
  if (w.depth < 0) {
    if (pc != w.first) return _URC_NO_REASON;
  } else {
    const step s = compare(w, pc, interrupted != 0, fp, sp);
    learn(w.pc, s);
    if (s == step::outermost) {
      if (w.depth >= w.skip) w.n--;
      return _URC_END_OF_STACK;
    }
  }
  if (++w.depth >= w.skip) {
    if (w.n == w.max) return _URC_END_OF_STACK;
    w.pcs[w.n++] = pc;
  }
  w.pc = pc;
  w.fp = fp;
  w.sp = sp;
  return _URC_NO_REASON;
}

// --- The fast walk

// Whether fp can be a frame of this stack; in integers, because it may be anything.
bool within(const stack& bounds, void** fp) {
  const auto at = reinterpret_cast<std::uintptr_t>(fp);
  const auto lo = reinterpret_cast<std::uintptr_t>(bounds.lo);
  const auto hi = reinterpret_cast<std::uintptr_t>(bounds.hi);
  return at >= lo && at < hi && hi - at >= 2 * sizeof(void*) && at % sizeof(void*) == 0;
}

// The frame of callers() is known to be one, so its caller's pc and frame pointer are. -1: something on the way is not
// known.
int walk_frame_pointers(const stack& bounds, void** frame, void** pcs, int max, int skip) {
  int n = 0;
  for (int depth = 0;; depth++) {
    if (!within(bounds, frame)) return -1;
    void* const pc = frame[1];
    auto** const up = static_cast<void**>(frame[0]);
    const step s = recall(pc);
    if (s == step::outermost) return n;
    if (s != step::by_frame_pointer || up <= frame) return -1;
    if (depth >= skip) {
      if (n == max) return n;
      pcs[n++] = pc;
    }
    frame = up;
  }
}

}  // namespace

__attribute__((noinline)) int callers(void** pcs, int max, int skip) {
  if (max <= 0) return 0;
  if (const m* mp = getm_or_null()) {
    auto** const frame = static_cast<void**>(__builtin_frame_address(0));
    const int n = walk_frame_pointers(mp->curg->stk, frame, pcs, max, skip);
    if (n >= 0) return n;
  }
  unwinding w{.pcs = pcs, .max = max, .skip = skip, .first = __builtin_return_address(0)};
  _Unwind_Backtrace(visit, &w);
  return w.n;
}

GOFER_READS_FOREIGN_STACK int walk_frames(const stack& bounds, void* pc, void** fp, void** pcs, int max) {
  int n = 0;
  while (n < max && within(bounds, fp)) {
    pcs[n++] = pc;
    auto** const up = static_cast<void**>(fp[0]);
    if (up <= fp) break;
    pc = fp[1];
    fp = up;
  }
  return n;
}

GOFER_READS_FOREIGN_STACK int parked_callers(const g* gp, void** pcs, int max) {
  const parked_frame left = switch_parked_frame(gp);
  return walk_frames(gp->stk, left.pc, left.fp, pcs, max);
}

}  // namespace gofer::sched
