// g: a goroutine.
//
// The struct lies at the top of its own stack, so that a parked goroutine costs one page, and it outlives the
// goroutine: a dead g keeps its stack and waits on a free list for the next `go`.
//
// Who owns the stack, and where the g is, by status:
//   idle      never ran, or dead: on a free list. The free list's owner may write anything.
//   runnable  on exactly one run queue (ring, runnext, global queue); its stack is not in use.
//   running   on a thread: m->curg == this; the thread owns everything here.
//   syscall   like running, but the P may have been taken away.
//   waiting   parked; whoever is obliged to call goready on it (a channel's queue, a timer, the poller) owns the
//   wake-up.
// Changes go through casgstatus (park.cpp), which throws on any other.
#pragma once

#include <cstddef>
#include <cstdint>

#include "sched/atomic.hpp"
#include "sched/config.hpp"
#include "sched/futex.hpp"
#include "sched/waitreason.hpp"

namespace gofer::runtime {
struct _panic;
struct vehicle;
struct deferframe;
struct rethrown_exception;
}  // namespace gofer::runtime

namespace gofer::sched {

struct m;
struct schedt;
struct bound_queue;

enum class gstatus : std::uint32_t { idle, runnable, running, syscall, waiting };

/// The exception state that libstdc++ keeps per thread (__cxa_eh_globals of the Itanium ABI), kept per goroutine here.
struct eh_globals {
  void* caught_exceptions;
  unsigned int uncaught_exceptions;
};

struct stack {
  char* lo;  // first usable byte; the guard page lies below
  char* hi;  // where the first frame starts growing down
};

struct g {
  // The switch: written by the thread that leaves, read by the one that enters.
  void* sp = nullptr;
  void* fp = nullptr;  // these two by our own switch only
  void* pc = nullptr;
  m* mp = nullptr;
  g* schedlink = nullptr;  // in whichever queue or free list the status allows
  atomic<gstatus> status{gstatus::idle};
  wait_reason waitreason = wait_reason::none;
  bool plain = false;            // the g of a plain thread: parks by futex, never on a queue
  bool system = false;           // the runtime's own helper: not counted, not shown
  m* lockedm = nullptr;          // lock_os_thread: the only thread that may run it
  bound_queue* bound = nullptr;  // options.pinned: from its beginning on, its thread (bound.hpp)
  int saved_errno = 0;
  eh_globals eh{};             // of this goroutine while it does not run
  std::uint64_t raises = 0;    // see tls_block
  std::int64_t waitsince = 0;  // nanotime() when it parked, approximately; 0 while it runs
  sched::stack stk{};
  std::size_t stack_size = 0;  // size class: what stackalloc was asked for

  // Identity.
  std::uint64_t goid = 0;
  std::uint64_t parent_goid = 0;
  void* gopc = nullptr;        // return address of the `go` that made it
  const char* name = nullptr;  // spawn_options.name, copied into the stack; may be null
  schedt* sched = nullptr;     // the run() it belongs to

  // What it runs.
  void (*entry)(void*) = nullptr;
  void* entry_arg = nullptr;
  void (*switch_entry)() = nullptr;  // Boost backend: what boost_entry calls

  // Passed from the waker to the woken (a sudog, a poll result); owned by the waiter while it runs, by the waker before
  // goready.
  void* param = nullptr;
  atomic<std::uint32_t> select_done{0};  // a select's cases race to set this (see runtime/select.cpp)

  // Go's language state, owned by runtime/.
  runtime::_panic* _panic = nullptr;
  runtime::vehicle* vehicles = nullptr;  // physical unwindings in progress, innermost first
  // Deferred calls that have been started, innermost first. Go keeps those that wait on this list as well; here they
  // lie in the scopes that they belong to, which the unwinding finds by itself.
  runtime::deferframe* _defer = nullptr;
  runtime::rethrown_exception* rethrown = nullptr;
  void* locals = nullptr;  // gofer::local<T>

  note parked;  // a plain thread's g sleeps here

#if GOFER_TSAN
  void* tsan_fiber = nullptr;
#endif
#if GOFER_ASAN
  void* asan_fake_stack = nullptr;
#endif
};

}  // namespace gofer::sched
