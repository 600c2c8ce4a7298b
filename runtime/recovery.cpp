// recover, and what happens where an unwinding lands.
#include <cxxabi.h>
#include <unwind.h>

#include <gofer/detail/deferred_call.hpp>
#include <gofer/panic.hpp>

#include "runtime/panic.hpp"
#include "runtime/unwind/walk.hpp"
#include "sched/config.hpp"
#include "sched/fatal.hpp"
#include "sched/park.hpp"
#include "sched/tls.hpp"

namespace gofer::runtime {

namespace {

// The head of the C++ runtime's exception header (Itanium C++ ABI, __cxa_exception): only the link between caught
// exceptions is of interest, and where it lies before the thrown object.
struct cxa_exception {
  std::type_info* type;
  void (*destructor)(void*);
  void* unexpected_handler;
  void* terminate_handler;
  cxa_exception* next_caught;
  int handler_count;
  int handler_switch_value;
  const unsigned char* action_record;
  const unsigned char* language_specific_data;
  void* catch_temp;
  void* adjusted_ptr;
  _Unwind_Exception unwind_header;
};

cxa_exception* header_of(const void* object) { return static_cast<cxa_exception*>(const_cast<void*>(object)) - 1; }

enum class whereabouts {
  flying,   // unwinding, or about to
  handled,  // somebody's handler for it is being executed
  over,     // a handler for it has ended
};

// Only a vehicle that flies by force can meet a handler. The count in its header, as libstdc++ leaves it: 0 before the
// first handler, negative while `throw;` leads out of one, positive in a handler and after its end, when it is off the
// list of caught exceptions.
whereabouts where(const vehicle* v) {
  if (!v->forced) return whereabouts::flying;
  const cxa_exception* mine = header_of(v->exception);
  if (mine->handler_count <= 0) return whereabouts::flying;
  for (auto* c = static_cast<const cxa_exception*>(eh()->caught_exceptions); c != nullptr; c = c->next_caught) {
    if (c == mine) return whereabouts::handled;
  }
  return whereabouts::over;
}

}  // namespace

bool rethrown(const vehicle* v) { return header_of(v->exception)->handler_count < 0; }

namespace {

struct land_request {
  vehicle* v;
  landing decision;
};

// On the system stack: Go's recovery.
void recovery(sched::g* gp, void* arg) {
  auto* request = static_cast<land_request*>(arg);
  vehicle* v = request->v;
  _panic* p = riding(gp, v);
  if (p == nullptr) {
    pop_vehicle(gp, v);
    request->decision = landing::resume;
    return;
  }
  bool goexit_below = false;
  for (const _panic* q = p; q != nullptr && q->on == v; q = q->link) goexit_below = goexit_below || q->goexit;
  const bool is_exception = !p->goexit && p->data->exception != nullptr;
  if (v->forced && (!is_exception || goexit_below)) {
    // A Goexit goes on to the goroutine's entry whatever rides with it.
    request->decision = landing::rethrow;
  } else if (!is_exception || goexit_below) {
    request->decision = landing::set_out_again;
  } else {
    request->decision = !v->forced && v->data.get() == p->data.get() ? landing::rethrow : landing::throw_exception;
  }
}

}  // namespace

// Nobody holds the exception, and when it is gone the next one thrown may lie where it lay. The mark is in a field of
// the header that every throw sets anew, and that nobody reads since C++17. Relaxed: goroutines may throw on one
// exception at once, and the last mark counts; the exception itself orders nothing here.
void mark_rethrown(rethrown_exception* r) {
  __atomic_store_n(&header_of(r->object)->unexpected_handler, static_cast<void*>(r), __ATOMIC_RELAXED);
}
bool is_rethrown(const rethrown_exception* r, const void* object) {
  return r != nullptr && r->object == object &&
         __atomic_load_n(&header_of(object)->unexpected_handler, __ATOMIC_RELAXED) == r;
}

_panic* riding(sched::g* gp, const vehicle* v) {
  _panic* p = gp->_panic;
  return p != nullptr && p->on == v && v != nullptr ? p : nullptr;
}

void pop_panic(sched::g* gp) {
  _panic* p = gp->_panic;
  gp->_panic = p->link;
  if (!p->goexit) running_panic_defers.fetch_sub(1, std::memory_order_relaxed);
  freepanic(p);
}

void forget_rethrown(sched::g* gp) {
  if (gp->rethrown == nullptr) return;
  while (_panic* p = gp->rethrown->aborted) {
    gp->rethrown->aborted = p->link;
    freepanic(p);
  }
  delete gp->rethrown;
  gp->rethrown = nullptr;
}

void drop_panics_on(sched::g* gp, vehicle* v) {
  while (gp->_panic != nullptr && gp->_panic->on == v) {
    if (gp->_panic->goexit) {
      gp->_panic->aborted = false;
      return;
    }
    pop_panic(gp);
  }
}

namespace {

// A catch (...) ended with v in it.
void swallowed(sched::g* gp, vehicle* v) {
  // Newer panics, of a handler that was left by a panic, lie above v's on the chain.
  for (_panic** link = &gp->_panic; *link != nullptr;) {
    _panic* p = *link;
    if (p->on != v) {
      link = &p->link;
      continue;
    }
    if (p->goexit) fatal("goexit was swallowed by a catch (...) clause: rethrow it there with `throw;`");
    *link = p->link;
    running_panic_defers.fetch_sub(1, std::memory_order_relaxed);
    freepanic(p);
  }
  pop_vehicle(gp, v);
}

}  // namespace

void forget_swallowed(sched::g* gp) {
  for (vehicle* v = gp->vehicles; v != nullptr;) {
    vehicle* const next = v->link;
    if (where(v) == whereabouts::over) swallowed(gp, v);
    v = next;
  }
}

vehicle* in_flight(sched::g* gp) {
  if (gp->vehicles == nullptr) return nullptr;
  forget_swallowed(gp);
  for (vehicle* v = gp->vehicles; v != nullptr; v = v->link) {
    if (where(v) == whereabouts::flying) return v;
  }
  return nullptr;
}

vehicle* landed_vehicle(sched::g* gp) {
  forget_swallowed(gp);
  // The handler's beginning has made the newest of the caught exceptions of it, and counted it down.
  const auto* newest = static_cast<const cxa_exception*>(eh()->caught_exceptions);
  const unsigned depth = eh()->uncaught_exceptions + 1;
  for (vehicle* v = gp->vehicles; v != nullptr; v = v->link) {
    if (v->forced ? header_of(v->exception) == newest : v->foreign || v->depth == depth) return v;
  }
  return nullptr;
}

landing land(sched::g* gp) {
  land_request request{landed_vehicle(gp), landing::rethrow};
  if (request.v == nullptr) return landing::rethrow;
  sched::mcall(recovery, &request);
  // A handler that this unwinding left on its way may have held an older one.
  if (request.decision == landing::resume) forget_swallowed(gp);
  return request.decision;
}

namespace {

void* thrown_object(const std::exception_ptr& e) {
  void* object = nullptr;
  static_assert(sizeof e == sizeof object);
  __builtin_memcpy(&object, &e, sizeof object);
  return object;
}

// The riding exception leaves this boundary, as an exception: its records go, the place of the throw is kept for the
// next boundary.
std::exception_ptr release_exception(sched::g* gp, vehicle* v) {
  _panic* p = gp->_panic;
  std::exception_ptr e = p->data->exception;
  forget_rethrown(gp);
  gp->rethrown = new rethrown_exception{thrown_object(e), p->data->pcs, nullptr};
  mark_rethrown(gp->rethrown);
  pop_panic(gp);
  // Those that it had aborted: for the report, should nobody outside catch it.
  for (_panic** last = &gp->rethrown->aborted; gp->_panic != nullptr && gp->_panic->on == v; last = &(*last)->link) {
    *last = gp->_panic;
    gp->_panic = gp->_panic->link;
    (*last)->link = nullptr;
    (*last)->on = nullptr;
    running_panic_defers.fetch_sub(1, std::memory_order_relaxed);
  }
  pop_vehicle(gp, v);
  return e;
}

// Off the list, still referred to by the panics that ride on it until they have another.
void unlist(sched::g* gp, const vehicle* v) {
  for (vehicle** link = &gp->vehicles; *link != nullptr; link = &(*link)->link) {
    if (*link == v) {
      *link = v->link;
      return;
    }
  }
}

// In a deferred call's handler, the call being run by v's unwinding: takes what landed over onto v. False: the call
// recovered it by itself and has ended normally.
bool ride_on(sched::g* gp, vehicle* v) {
  vehicle* landed = landed_vehicle(gp);
  if (landed == nullptr) fatal("a thread was cancelled in a deferred call that a panic runs");
  const _panic* newest = riding(gp, landed);
  if (newest == nullptr) {
    pop_vehicle(gp, landed);
    return false;
  }
  _panic* p = gp->_panic;
  for (; p != nullptr && p->on == landed; p = p->link) p->on = v;
  if (p != nullptr && p->on == v) p->aborted = true;
  // What a catch (...) that keeps it keeps.
  if (v->forced && newest->data) v->data = newest->data;
  pop_vehicle(gp, landed);
  return true;
}

}  // namespace

}  // namespace gofer::runtime

namespace gofer::detail {

using runtime::landing;

void landed() {
  sched::g* gp = sched::getg();
  const landing decision = runtime::land(gp);
  if (decision == landing::resume) return;
  runtime::vehicle* v = runtime::landed_vehicle(gp);
  switch (decision) {
    case landing::resume:
      return;
    case landing::rethrow:
      if (v != nullptr && !v->forced) runtime::release_exception(gp, v);
      throw;
    case landing::set_out_again:
      // set_out moves what rides from the old vehicle, whose exception object dies with the handler that we leave.
      runtime::unlist(gp, v);
      runtime::set_out(gp, gp->_panic);
    case landing::throw_exception:
      std::rethrow_exception(runtime::release_exception(gp, v));
  }
}

void deferreturn(std::uint64_t raises_when_made, void (*call)(void* self), void* self) {
  sched::g* gp = sched::getg();
  runtime::vehicle* v = runtime::in_flight(gp);
  const bool unwinding = v != nullptr && v->id > raises_when_made;
  runtime::deferframe frame{gp->_defer, call, unwinding ? v : nullptr};
  gp->_defer = &frame;
  try {
    call(self);
  } catch (boundary_tag&) {
    gp->_defer = frame.link;
    if (!unwinding) {
      landed();
      return;
    }
    // A panic must not leave a destructor that an unwinding runs: it rides on with that unwinding from here on.
    if (runtime::ride_on(gp, v)) return;
  }
  gp->_defer = frame.link;
  if (!unwinding) return;
  // A panic that a catch (...) in the call has swallowed would hide what rides on v.
  runtime::forget_swallowed(gp);
  const runtime::_panic* p = runtime::riding(gp, v);
  if (p != nullptr && p->recovered) runtime::drop_panics_on(gp, v);
}

// recover() for the deferred function of `frame`, called by who returns to `caller` (Go's gorecover).
namespace {

// Not inlined: with nothing to recover, recover() is to need no registers.
[[gnu::noinline]] panic_value gorecover(sched::g* gp, const runtime::deferframe* frame, void* caller) {
  if (frame == nullptr || frame->on == nullptr) return {};
  runtime::forget_swallowed(gp);
  runtime::_panic* p = runtime::riding(gp, frame->on);
  if (p == nullptr || p->goexit || p->recovered) return {};
  // Directly called by the deferred function means: its caller returns into the thunk.
  if (runtime::enclosing_function(caller) != reinterpret_cast<void*>(frame->thunk)) return {};
  p->recovered = true;
  return panic_value(p->data);
}

}  // namespace

void deferred_recover::run_at_end(void* caller) noexcept {
  sched::g* gp = sched::getg();
  gorecover(gp, gp->_defer, caller);
}

void deferred_recover::run_by_unwinding(void* self) {
  sched::g* gp = sched::getg();
  const runtime::deferframe* mine = gp->_defer;
  // The panic that runs it is recovered already, and the function that has made it ends as any other does.
  if (mine->on != nullptr && runtime::riding(gp, mine->on) != nullptr) return;
  gorecover(gp, mine->link, static_cast<deferred_recover*>(self)->caller_);
}

}  // namespace gofer::detail

namespace gofer {

panic_value recover(void* caller, void*) {
  const sched::m* mp = sched::getm_or_null();
  if (mp == nullptr || mp->curg->_defer == nullptr) return {};
  return detail::gorecover(mp->curg, mp->curg->_defer, caller);
}

}  // namespace gofer
