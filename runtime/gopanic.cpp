// gopanic, Goexit: making a panic and setting out.
#include <cxxabi.h>
#include <unwind.h>

#include <csignal>
#include <cstdlib>
#include <cstring>
#include <gofer/panic.hpp>
#include <gofer/runtime.hpp>
#include <memory>
#include <new>

#include "runtime/crashimage.hpp"
#include "runtime/knobs.hpp"
#include "runtime/panic.hpp"
#include "runtime/unwind/walk.hpp"
#include "sched/config.hpp"
#include "sched/fatal.hpp"
#include "sched/park.hpp"
#include "sched/tls.hpp"
#include "sched/traceback.hpp"

#if GOFER_ASAN
#include <sanitizer/asan_interface.h>
#endif

namespace gofer::runtime {

std::atomic<std::uint32_t> running_panic_defers{0};

namespace {

/// The exception object of a vehicle. Native, so that the C++ runtime treats it as its own: with a foreign class
/// libstdc++ calls std::terminate as soon as a panic is recovered inside somebody's catch block.
struct panic_in_flight {
  vehicle v;
};

// Nobody keeps the exception: the list neither. Maybe on another goroutine, if an exception_ptr went there.
void exception_destroyed(void* object) { std::destroy_at(static_cast<panic_in_flight*>(object)); }

void let_go(vehicle* v) {
  if (!v->forced) {
    delete v;
    return;
  }
  // Gives the list's reference back: an exception_ptr is one pointer to the thrown object, and owns one.
  void* object = v->exception;
  alignas(std::exception_ptr) unsigned char bytes[sizeof(std::exception_ptr)];
  static_assert(sizeof bytes == sizeof object);
  std::memcpy(bytes, &object, sizeof object);
  std::destroy_at(std::launder(reinterpret_cast<std::exception_ptr*>(bytes)));
}

[[noreturn]] void no_unwind_information() {
  fatal(
      "panic: a function on the stack has no unwind information (assembly without .cfi directives, or compiled with "
      "-fno-asynchronous-unwind-tables)");
}

_Unwind_Exception* unwind_header(void* object) { return static_cast<_Unwind_Exception*>(object) - 1; }

void check_may_panic(const sched::m* mp) {
  if (mp->plain) return;
  if (mp->curg == &mp->g0) sched::throw_("panic on system stack", __FILE__, __LINE__);
  // Inside the scheduler its locks may be held, and its data be half changed.
  if (mp->inside.load(std::memory_order_relaxed) != 0) sched::throw_("panic holding locks", __FILE__, __LINE__);
}

// Where it began, without this function and its caller.
__attribute__((noinline)) void note_callers(detail::panic_data& data) {
  void* pcs[sched::max_traceback];
  const int n = sched::callers(pcs, sched::max_traceback, 2);
  data.pcs.assign(pcs, pcs + n);
}

}  // namespace

}  // namespace gofer::runtime

// For the frames that the system's unwinder walks, called before each of them is unwound.
_Unwind_Reason_Code gofer_unwind_stop(int, _Unwind_Action actions, _Unwind_Exception_Class, _Unwind_Exception*,
                                      _Unwind_Context*, void* arg) {
  using namespace gofer::runtime;
  auto* v = static_cast<vehicle*>(arg);
  // `throw;` comes this way. Deferred calls that were made in the handler are the unwinding's as well: it is newer than
  // they are.
  if (rethrown(v)) v->id = ++gofer::sched::tls()->raises;
  if ((actions & _UA_END_OF_STACK) == 0) return _URC_NO_REASON;
  // A goroutine's entry is a boundary: who passes it has met a frame that cannot be unwound.
  if (!v->gp->plain) no_unwind_information();
  // A plain thread's stack is at its end, and no func was in the way; or it is as above, which cannot be told apart.
  const _panic* p = riding(v->gp, v);
  if (p == nullptr) fatal("recover on a thread that has no gofer::func to return to");
  if (p->goexit) fatal("goexit on a thread that is no goroutine");
  fatalpanic(v->gp);
}

namespace gofer::runtime {

const std::type_info& vehicle_type() { return typeid(panic_in_flight); }

vehicle* vehicle_of_exception(void* exception_object) { return &static_cast<panic_in_flight*>(exception_object)->v; }

sched::eh_globals* eh() { return sched::getm()->eh; }

void pop_vehicle(sched::g* gp, vehicle* v) {
  for (vehicle** link = &gp->vehicles; *link != nullptr; link = &(*link)->link) {
    if (*link != v) continue;
    *link = v->link;
    let_go(v);
    return;
  }
}

namespace {

// The vehicle with its exception object. Not inlined: it has things to clean up, see new_panic_data.
__attribute__((noinline)) vehicle* new_vehicle(const _panic* p) {
  void* object = abi::__cxa_allocate_exception(sizeof(panic_in_flight));
  vehicle* v = &(::new (object) panic_in_flight)->v;
  auto* header = abi::__cxa_init_primary_exception(object, const_cast<std::type_info*>(&typeid(panic_in_flight)),
                                                   exception_destroyed);
  // The reference count comes first in __cxa_refcounted_exception; __cxa_throw would set it. One is the list's.
  const int two = 2;
  std::memcpy(static_cast<void*>(header), &two, sizeof two);
  v->forced = true;
  v->exception = object;
  v->data = p->data;
  return v;
}

// Inlined, as what calls it: each frame between panic() and its caller is one more to walk.
[[noreturn]] GOFER_INLINE void unwind(sched::g* gp, _panic* p) {
  vehicle* const old = p->on;
  vehicle* v = new_vehicle(p);
  v->gp = gp;
  v->depth = ++eh()->uncaught_exceptions;
  v->id = ++sched::tls()->raises;
  v->link = gp->vehicles;
  gp->vehicles = v;
  p->on = v;
  // Older ones that rode with it change vehicles too.
  if (old != nullptr) {
    for (_panic* q = p->link; q != nullptr && q->on == old; q = q->link) q->on = v;
    let_go(old);
  }
#if GOFER_ASAN
  __asan_handle_no_return();
#endif
  forced_unwind(unwind_header(v->exception), v);
  no_unwind_information();
}

}  // namespace

void set_out(sched::g* gp, _panic* p) { unwind(gp, p); }

void panic_runtime_error(const char* text) { detail::gopanic(detail::new_panic_data(runtime_error(text))); }

void panic_plain_error(const char* text) { detail::gopanic(detail::new_panic_data(runtime_error(text))); }

void fatal(const char* text) { sched::fatal(text); }

}  // namespace gofer::runtime

namespace gofer {

void goexit() {
  sched::m* mp = sched::getm();
  if (mp->plain) runtime::fatal("goexit on a thread that is no goroutine");
  runtime::check_may_panic(mp);
  sched::g* gp = mp->curg;
  runtime::forget_swallowed(gp);
  runtime::_panic* p = runtime::newpanic();
  p->goexit = true;
  p->link = gp->_panic;
  gp->_panic = p;
  runtime::unwind(gp, p);
}

void panic(const char* text) {
  if (text == nullptr) panic(nullptr);
  detail::gopanic(detail::new_panic_data(std::string(text)));
}

void panic(std::string_view text) { detail::gopanic(detail::new_panic_data(std::string(text))); }

void panic(std::nullptr_t) { detail::panic_nil(); }

void panic(const panic_value& again) {
  if (!again) panic(nullptr);
  detail::panic_data* data = again.data().get();
  data->refs.fetch_add(1, std::memory_order_relaxed);
  detail::gopanic(data);
}

namespace detail {

void panic_nil() { gopanic(new_panic_data(runtime_error("panic called with nil argument"))); }

// With nothing to clean up in its frame: see new_panic_data.
void gopanic(panic_data* data) {
  using namespace runtime;
  sched::m* mp = sched::getm();
  check_may_panic(mp);
  sched::g* gp = mp->curg;
  forget_swallowed(gp);
  forget_rethrown(gp);
  if (data->pcs.empty()) note_callers(*data);
  _panic* p = newpanic();
  p->data = detail::panic_ref(data);
  p->link = gp->_panic;
  if (get_traceback_level() == traceback_level::crash) [[unlikely]]
    p->image = take_crash_image(gp);
  gp->_panic = p;
  running_panic_defers.fetch_add(1, std::memory_order_relaxed);
  unwind(gp, p);
}

void panic_index(long long index, unsigned long long length) {
  const std::string text = index < 0 ? "runtime error: index out of range [" + std::to_string(index) + "]"
                                     : "runtime error: index out of range [" + std::to_string(index) +
                                           "] with length " + std::to_string(length);
  runtime::panic_runtime_error(text.c_str());
}

// A null function that a scope's end calls: Go's fault lies in the runtime then, at no place of the program.
void panic_nil_function() {
  panic_data* data = new_panic_data(runtime_error("runtime error: invalid memory address or nil pointer dereference"));
  data->sig = SIGSEGV;
  data->sig_code = SEGV_MAPERR;
  gopanic(data);
}

panic_box::~panic_box() = default;

}  // namespace detail
}  // namespace gofer
