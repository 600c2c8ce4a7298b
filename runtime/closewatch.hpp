// Being told that a context is done, while one waits for something else.
//
// The waiter lays a sudog, which has a function to call, into the queue of receivers of the context's channel.
// Rejected: a child in the tree of contexts (an allocation), and a select over both (every waker of a mutex, a
// semaphore or a descriptor would have to race for the right to wake).
#pragma once

#include <atomic>

#include "runtime/hchan.hpp"
#include "sched/waitreason.hpp"

namespace gofer::runtime {

/// Lies on the waiter's stack, between start and stop.
class close_watch : private sudog {
 public:
  /// When the channel is closed, `end(arg)` is called on any goroutine or thread, without locks; it takes the waiter
  /// out of what it waits in and returns it, for the caller to make runnable, or returns nullptr: somebody else wakes
  /// it.
  close_watch(sched::g* (*end)(void* arg), void* arg) : end_(end), arg_(arg) {}
  close_watch(const close_watch&) = delete;
  close_watch& operator=(const close_watch&) = delete;

  /// Begins to watch `done`, on which nobody sends. False: it is closed already.
  bool start(hchan* done, sched::wait_reason reason);
  /// When it returns, `end` is neither running nor will it. Only after start said true.
  void stop(sched::wait_reason reason);

 private:
  static void closed(sudog* self);

  sched::g* (*end_)(void*);
  void* arg_;
  hchan* done_ = nullptr;
  std::atomic<bool> over_{false};
};

/// Waits for a callback on another thread that is a few instructions from its end, unless that thread lost its
/// processor. It sets `over` (release) with its last look at the waiter's stack.
void wait_over(const std::atomic<bool>& over);

}  // namespace gofer::runtime
