// How the runtime learns that a C++ exception is a panic.
//
// The problem: while destructors run for an exception, recover() in a deferred call must know whether a handler inside
// the boundary is about to catch it (then there is nothing to recover) or nobody but us (then it is a panic). Rejected:
// wrapping _Unwind_RaiseException and comparing private_2 with the boundary's frame (libgcc's private parts, out of
// reach in static links, and wrong as soon as the handler and the boundary were inlined into one frame), and parsing
// the handler's LSDA.
//
// The rule: boundaries catch `boundary_tag&`, whose type_info is ours (boundary.S). The unwinder's search phase walks
// outwards from the throw and asks every typed handler's type_info, by the virtual __do_catch, whether it takes the
// exception. When it asks ours, no handler further in took it; we say yes, so that the search ends here. That is the
// moment at which the exception becomes a panic: nothing has been unwound yet, so the whole stack of the throw can be
// captured too. Ordinary exceptions never get here and cost nothing. By force unwound vehicles come by as well, in the
// only phase they have; their type is abi::__forced_unwind.
#include <cxxabi.h>

#include <cstring>
#include <gofer/detail/boundary.hpp>
#include <gofer/error.hpp>
#include <new>
#include <string>
#include <typeinfo>
#include <utility>

#include "runtime/crashimage.hpp"
#include "runtime/knobs.hpp"
#include "runtime/panic.hpp"
#include "sched/park.hpp"
#include "sched/tls.hpp"
#include "sched/traceback.hpp"

namespace gofer::runtime {

class catch_all_info : public std::type_info {
 public:
  catch_all_info() : std::type_info("boundary") {}
  ~catch_all_info() override;
  bool __do_catch(const std::type_info* thrown, void** object, unsigned outer) const override;
};

catch_all_info::~catch_all_info() = default;

namespace {

// A reference to the exception that holds `object`. exception_ptr is one pointer to the thrown object; copying it
// counts up.
std::exception_ptr hold(void* object) {
  static_assert(sizeof(std::exception_ptr) == sizeof(void*));
  alignas(std::exception_ptr) unsigned char bytes[sizeof(void*)];
  std::memcpy(bytes, &object, sizeof object);
  return *std::launder(reinterpret_cast<const std::exception_ptr*>(bytes));
}

template <class T>
const T* caught_as(const std::type_info& thrown, void* object) {
  // What a handler for `const T&` would be asked.
  void* adjusted = object;
  return typeid(T).__do_catch(&thrown, &adjusted, 1) ? static_cast<const T*>(adjusted) : nullptr;
}

void describe(detail::panic_data& data, const std::type_info& thrown, void* object) {
  if (thrown == typeid(abi::__foreign_exception)) {
    data.exception_text = "foreign exception";
    return;
  }
  if (thrown.__is_pointer_p()) {
    // The unwinder hands us the pointer itself, not where the exception keeps it: a copy stands in for the exception.
    void* copy = abi::__cxa_allocate_exception(sizeof(void*));
    std::memcpy(copy, &object, sizeof object);
    abi::__cxa_init_primary_exception(copy, const_cast<std::type_info*>(&thrown), nullptr);
    data.exception = hold(copy);
    if (thrown == typeid(const char*) || thrown == typeid(char*)) {
      data.exception_text = object == nullptr ? "(null)" : static_cast<const char*>(object);
    } else {
      data.exception_text = detail::text_of_pointer(thrown, object);
    }
    return;
  }
  data.exception = hold(object);
  if (const auto* e = caught_as<std::exception>(thrown, object)) {
    data.exception_text = e->what();
  } else if (const auto* err = caught_as<error>(thrown, object)) {
    data.exception_text = err->what();
  } else if (thrown == typeid(std::string)) {
    data.exception_text = *static_cast<const std::string*>(object);
  } else if (thrown == typeid(int)) {
    data.exception_text = std::to_string(*static_cast<const int*>(object));
  } else {
    data.exception_text = detail::text_of_other(thrown, object);
  }
}

// std::rethrow_exception of a Goexit, in the handler that caught it: it goes on, on v.
void goexit_again(sched::g* gp, vehicle* v, vehicle* old) {
  gp->vehicles = v;
  for (_panic* p = gp->_panic; p != nullptr; p = p->link) {
    if (p->on == old) p->on = v;
  }
  if (riding(gp, v) != nullptr) {
    pop_vehicle(gp, old);
    return;
  }
  // Kept by another goroutine: it is this one's Goexit now.
  _panic* p = newpanic();
  p->goexit = true;
  p->on = v;
  p->link = gp->_panic;
  gp->_panic = p;
}

// An exception that nobody inside the boundary catches.
void becomes_panic(const std::type_info& thrown, void* object) {
  sched::g* gp = sched::getg();
  sched::eh_globals* e = eh();
  const bool foreign = thrown == typeid(abi::__foreign_exception);
  // Where a foreign exception lands is noted nowhere: the second phase asks all handlers again.
  if (foreign && gp->vehicles != nullptr && gp->vehicles->foreign && gp->vehicles->exception == object) return;
  // The exception itself is counted already, unless it is foreign.
  const unsigned others = foreign ? e->uncaught_exceptions : e->uncaught_exceptions - 1;
  forget_swallowed(gp);
  rethrown_exception* before = gp->rethrown;
  const bool again = !thrown.__is_pointer_p() && is_rethrown(before, object);

  auto* v = new vehicle;
  v->gp = gp;
  v->foreign = foreign;
  if (foreign) v->exception = object;
  v->depth = others + 1;
  v->id = ++sched::tls()->raises;
  v->link = gp->vehicles;

  if (thrown == vehicle_type() && !vehicle_of_exception(object)->data) {
    goexit_again(gp, v, vehicle_of_exception(object));
    return;
  }
  _panic* p = newpanic();
  p->on = v;
  p->link = gp->_panic;
  if (thrown == vehicle_type()) {
    // std::rethrow_exception of a panic that a catch (...) kept: it panics again.
    p->data = vehicle_of_exception(object)->data;
  } else {
    p->data = detail::panic_ref(new detail::panic_data);
    describe(*p->data, thrown, object);
    v->data = p->data;
  }
  if (again) {
    p->data->pcs = std::move(before->pcs);
    // The chain is once more what it was at the inner boundary.
    _panic** last = &p->link;
    for (_panic* q = before->aborted; q != nullptr; q = q->link) {
      q->on = v;
      running_panic_defers.fetch_add(1, std::memory_order_relaxed);
    }
    if (before->aborted != nullptr) {
      _panic* const older = p->link;
      *last = std::exchange(before->aborted, nullptr);
      while (*last != nullptr) last = &(*last)->link;
      *last = older;
    }
  } else if (p->data->pcs.empty()) {
    void* pcs[sched::max_traceback];
    const int n = sched::callers(pcs, sched::max_traceback, 1);
    p->data->pcs.assign(pcs, pcs + n);
  }
  if (get_traceback_level() == traceback_level::crash) [[unlikely]]
    p->image = take_crash_image(gp);
  forget_rethrown(gp);
  gp->vehicles = v;
  gp->_panic = p;
  running_panic_defers.fetch_add(1, std::memory_order_relaxed);
}

}  // namespace

bool catch_all_info::__do_catch(const std::type_info* thrown, void** object, unsigned) const {
  if (*thrown != typeid(abi::__forced_unwind)) becomes_panic(*thrown, *object);
  return true;
}

}  // namespace gofer::runtime
