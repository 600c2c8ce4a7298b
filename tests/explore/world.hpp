// The memory of a schedule: restored before each, so that one runs like the other whatever came before, and a failure
// can be repeated from its seed alone.
//
// Rejected: a process per schedule (half a millisecond each, where a schedule takes some tens of microseconds), and
// leaving it to the scenarios to clean up (an instance of the scheduler is never freed, and a schedule that is cut
// short cannot be).
//
// What belongs to it: the program's global variables, which are copied back; what operator new gives out while a thread
// of a schedule runs, from an arena that begins anew; and mapped memory, which is not unmapped but begins anew as well.
// Freed memory is filled and not given out again. The explorer keeps what is its own on the heap, by `outside`.
#pragma once

#include <cstddef>

namespace gofer::explore::world {

/// Once, before the first schedule: remembers the global variables.
void save();
/// Before every schedule.
void restore();

/// Where operator new takes from on this thread of control.
void enter();
void leave();

/// For the explorer's own containers, when it runs on a stack of the world.
class outside {
 public:
  outside();
  ~outside();
  outside(const outside&) = delete;
  outside& operator=(const outside&) = delete;

 private:
  bool was_inside_;
};

/// Pages for the schedule; nullptr when there are none left.
void* map(std::size_t size);

}  // namespace gofer::explore::world
