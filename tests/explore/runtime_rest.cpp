// What the files of runtime/ that are explored need of those that are not: nothing that a scenario does gets there.
#include <gofer/panic.hpp>
#include <gofer/runtime.hpp>

#include "explore.hpp"
#include "runtime/lockcheck.hpp"
#include "runtime/panic.hpp"

namespace gofer {

void panic(const char* text) { explore::fail("panic: %s", text); }

namespace detail {

spawn_slot newproc(const char*, std::size_t, std::size_t, std::size_t) { explore::fail("go"); }
void newproc_start(newborn*, void (*)(void*)) { explore::fail("go"); }
void newproc_cancel(newborn*) { explore::fail("go"); }

}  // namespace detail

namespace runtime {

void panic_plain_error(const char* text) { explore::fail("panic: %s", text); }
void fatal(const char* text) { explore::fail("fatal error: %s", text); }

// GOFER_DEBUG=lockcheck=1 is off.
std::uint32_t lock_id_in(sched::atomic<std::uint32_t>*, int) { explore::fail("lockcheck"); }
void lock_wanted(const checked_lock&) { explore::fail("lockcheck"); }
void lock_taken(const checked_lock&) { explore::fail("lockcheck"); }
void lock_given_up(const checked_lock&) { explore::fail("lockcheck"); }

}  // namespace runtime
}  // namespace gofer
