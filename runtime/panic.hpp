// Panics, inside the runtime. The story is in docs/panic.md; the rules that the code keeps are here.
//
// Two lists per goroutine, kept apart on purpose:
//   g->vehicles  what is physically unwinding the stack, innermost first. A vehicle is a native C++ exception in
//   flight: one made by
//                gopanic or Goexit and unwound by force, or a C++ exception that the unwinder has told us will land at
//                a boundary. Popped where it lands, or when a catch (...) has swallowed it.
//   g->_panic    Go's chain of panics, newest first, each riding on a vehicle. Popped when the deferred call that
//   recovered it ends,
//                down to what began outside the vehicle's unwinding, never past a Goexit.
// One list for both fails for a panic after a recover in the same unwinding, and for a deferred call that recovers its
// own panic.
//
// A panic that leaves a deferred call which an unwinding runs must not leave the destructor: it is caught there, and
// rides on from then on on the older vehicle.
//
// g->raises (in the thread's tls_block while it runs) counts vehicles ever made on this goroutine; a vehicle's id is
// its number. An unwinding runs a destructor of an object that was made when raises was r iff the innermost vehicle in
// flight has id > r.
#pragma once

#include <atomic>
#include <cstdint>
#include <gofer/detail/panic_data.hpp>
#include <string>
#include <typeinfo>
#include <vector>

#include "sched/g.hpp"

namespace gofer::runtime {

struct crash_image;

struct vehicle {
  vehicle* link = nullptr;
  sched::g* gp = nullptr;
  std::uint64_t id = 0;
  unsigned depth = 0;    // the goroutine's uncaught exceptions when it set out, itself included
  bool forced = false;   // unwound by us; else a C++ exception on its way to one of our boundaries
  bool foreign = false;  // of another language: the C++ runtime does not count it
  // The exception object. Forced: this is part of it, and the list holds a reference to it. Foreign: to know it again.
  // Else unused.
  void* exception = nullptr;
  detail::panic_ref data;  // forced: for std::rethrow_exception of it
};

struct _panic {
  _panic* link = nullptr;
  detail::panic_ref data;  // empty for a Goexit
  vehicle* on = nullptr;
  bool recovered = false;
  bool aborted = false;
  bool goexit = false;
  crash_image* image = nullptr;  // with GOFER_TRACEBACK=crash
};

/// A deferred call that has been started after an unwinding had begun (deferreturn): what recover() looks at.
struct deferframe {
  deferframe* link = nullptr;
  void (*thunk)(void*) = nullptr;  // recover's caller must return into it
  vehicle* on = nullptr;           // null: the scope ends normally, there is nothing to recover
};

/// Raises Go's runtime errors. text is the whole text, "runtime error: …" included where Go has it.
[[noreturn]] void panic_runtime_error(const char* text);
[[noreturn]] void panic_plain_error(const char* text);
/// "fatal error: text", tracebacks, exit status 2: not recoverable.
[[noreturn]] void fatal(const char* text);

/// Begins a forced unwinding for p, the newest of the chain. If p was on another vehicle, that one is off the list
/// already; its reference is taken over, and what else rides on it comes along.
[[noreturn]] void set_out(sched::g* gp, _panic* p);

/// What is to be done with what a boundary has caught.
enum class landing {
  resume,           // recovered: go on behind the boundary
  rethrow,          // pass on what flies (`throw;`)
  set_out_again,    // what rides is a panic, what flies is not: unwind anew, by force
  throw_exception,  // what rides is a C++ exception, what flies is not: throw it
};
/// Called in the handler. On a goroutine the decision and the retiring of records run on the system stack (Go's
/// mcall(recovery)).
landing land(sched::g* gp);

/// The vehicle that the handler in which we are has caught; nullptr: not one of ours (a thread's cancellation).
vehicle* landed_vehicle(sched::g* gp);

/// The newest panic that rides on v; nullptr: it was recovered, v flies empty.
_panic* riding(sched::g* gp, const vehicle* v);

/// The innermost vehicle in flight, after forgetting those that a catch (...) swallowed; nullptr: none.
vehicle* in_flight(sched::g* gp);

/// Retires the panics that a catch (...) has swallowed since: they count as recovered; a swallowed Goexit is fatal.
void forget_swallowed(sched::g* gp);

/// Whether v flies again, out of a handler that ended with `throw;`.
bool rethrown(const vehicle* v);

/// An exception that a boundary passed on: should the next boundary catch it too, the place of its throw is known
/// already.
struct rethrown_exception {
  const void* object = nullptr;  // not held
  detail::call_stack pcs;
  _panic* aborted = nullptr;  // panics that the exception had aborted, newest first
};
void forget_rethrown(sched::g* gp);
/// Marks r's exception as the one that r is about; whether that is `object`, and not another at its address.
void mark_rethrown(rethrown_exception* r);
bool is_rethrown(const rethrown_exception* r, const void* object);

/// A record of the P's pool (recordpool.hpp).
_panic* newpanic();
void freepanic(_panic* p) noexcept;
void pop_panic(sched::g* gp);

/// Retires the panics that ride on v, after a recover or a swallowed unwinding: down to the first Goexit, which then
/// flies on.
void drop_panics_on(sched::g* gp, vehicle* v);

/// Removes v from the goroutine's list and lets go of it.
void pop_vehicle(sched::g* gp, vehicle* v);

/// The texts of the chain's values, newest first: a what() or operator<< is user code, which may print, panic or take
/// its time, and is done with before the report begins (Go's preprintpanics).
std::vector<std::string> preprintpanics(const _panic* p);

/// Go's printpanics, appended to out: the chain, oldest first. text: p's among preprintpanics'.
void printpanics(std::string& out, const _panic* p, const std::string* text);

/// "[signal SIGSEGV: segmentation violation code=0x1 addr=0x0 pc=0x...]"
std::string signal_line(int sig, int code, const void* addr, const void* pc);

/// The chain and the line about the newest signal that raised one of it, as reports begin.
std::string panic_report(const sched::g* gp);

/// The goroutine's newest panic was recovered by nobody: report it and end the process.
[[noreturn]] void fatalpanic(sched::g* gp);

/// Panics being handled in the whole process: main's return waits for them (Go's runningPanicDefers).
extern std::atomic<std::uint32_t> running_panic_defers;

/// The exception state of the running goroutine.
sched::eh_globals* eh();

/// The type of the vehicles' exception objects.
const std::type_info& vehicle_type();
vehicle* vehicle_of_exception(void* exception_object);

}  // namespace gofer::runtime
