// Where another thread is just now.
//
// C++ code can be stopped nowhere but by a signal. So this is for reports alone (the watchdog's, SIGQUIT's): the thread
// gets a SIGURG, which nobody else uses and which is ignored where nobody expects it (Go chose it for the same
// reasons), and its handler walks the stack it was delivered on. With SA_RESTART; a sleep or a poll(2) that it
// interrupts returns EINTR all the same.
#pragma once

#include <sys/types.h>

namespace gofer::sched {

/// The calls that the thread is in, innermost first, as callers() gives them; pcs[0] is where it was interrupted. 0
/// when it does not answer within a tenth of a second (it blocks the signal, or has ended). Any thread but the one
/// asked for; one question at a time, others wait.
int sample_thread(pid_t tid, void** pcs, int max);

/// Where a signal hit, from the ucontext_t that its handler was given.
void* interrupted_pc(void* context);

}  // namespace gofer::sched
