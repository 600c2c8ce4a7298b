// The network poller: turns "this descriptor is ready" into "this goroutine is runnable".
//
// The problem: a goroutine that reads from a socket with nothing in it must give up its thread, and somebody must find
// out when there is something. Rejected: one-shot registration (a system call per wait), level triggering (every poll
// reports what nobody has asked for yet), and a thread of its own for the poller (two switches of threads per event;
// the scheduler's idle thread can wait just as well).
//
// The rule, which is Go's: a descriptor is registered once, edge-triggered, when it is opened. Its polldesc has one
// word for readers (rg) and one for writers (wg), each in one of five states:
//   pd_nil     nobody waits, nothing happened since the last wait
//   pd_ready   an edge was seen that nobody has consumed; a wait turns it into pd_nil and returns at once
//   pd_wait    a goroutine is about to park; it becomes the pointer when its context is saved, or
//              pd_ready (an edge came first) or pd_nil (time-out or close came first)
//   a g*       a goroutine is parked; whoever swaps it out owes it a goready
//   a poll_waiter*, tagged by its lowest bit: a plain thread sleeps in poll(2), see netpoll_plain.cpp
// Callers try the system call first and wait when it says EAGAIN. An edge that comes in between is kept as pd_ready, so
// none is lost; an old one costs one more try. That is why, unlike Go, nothing resets the word before a try.
//
// Waits race with time-outs and close: the waiter publishes pd_wait and then reads `info`; the other side writes `info`
// and then looks at the word. Both are seq_cst, so at least one of them sees the other (Dekker).
//
// A polldesc is never freed: events for a descriptor that was closed meanwhile may still be on their way. They are told
// by `seq`.
//
// The parts: netpoll.cpp (the states, deadlines, the pool), netpoll_plain.cpp (threads that are no workers), and one
// file per backend, which has to provide what stands under "Backend" below. Backends: netpoll_epoll.cpp.
#pragma once

#include <cstdint>

#include "sched/atomic.hpp"
#include "sched/config.hpp"
#include "sched/futex.hpp"
#include "sched/g.hpp"
#include "sched/timer.hpp"

namespace gofer::sched {

// --- For the scheduler.

/// Sets the poller up; later calls do nothing. Any thread. Fatal when the system has no descriptor left for it.
void netpoll_init();
bool netpoll_inited();

/// Looks for ready descriptors and returns the goroutines that waited for them, linked by schedlink, still in status
/// waiting. delay_ns < 0 blocks until there is something, 0 does not block, > 0 blocks at most so long. May return an
/// empty list early. The goroutines may belong to another run than the caller's (pass_on_others); see netpoll_forget.
g* netpoll(std::int64_t delay_ns);

/// Makes a netpoll that blocks return. At most one wake-up is pending at a time.
void netpoll_break();

/// Whether any goroutine is parked in the poller.
bool netpoll_any_waiters();

/// Forgets every goroutine of `s` that is parked in the poller: its run is over. Call it when none of them can run any
/// more.
void netpoll_forget(const schedt* s);

/// fork (fork.cpp): the child gets a poller of its own, in which every open descriptor is registered anew, and nobody
/// waits.
void netpoll_before_fork();
void netpoll_after_fork();
void netpoll_in_child();

// --- For owners of descriptors.

enum class poll_mode : std::uint8_t { read, write };
enum class poll_error : std::uint8_t { none, closing, timeout, ended };

struct poll_waiter;

struct alignas(cache_line) polldesc {
  // What the hot path touches.
  atomic<std::uintptr_t> rg{0};
  atomic<std::uintptr_t> wg{0};
  atomic<std::uint32_t> info{0};  // the bits below; written under lock, but for info_eventful
  atomic<std::uint32_t> seq{0};   // counts the uses of this polldesc
  int fd = -1;
  std::uint32_t index = 0;  // in the pool

  // Deadlines, in nanotime(); 0: none, < 0: expired. Written under lock, read by waiters without it. One timer serves
  // both: it is due at the earlier one or before, and what it finds due, it expires. A deadline that moves away, as
  // each request on a kept-alive connection moves it, leaves the timer alone; it re-arms itself when it fires too
  // early. A goroutine that is about to park makes sure that it is armed: the run() in which it was may be over.
  alignas(cache_line) futex_mutex lock;
  atomic<std::int64_t> rd{0};
  atomic<std::int64_t> wd{0};
  std::int64_t armed = 0;  // what `alarm` was last armed for
  timer alarm;
  polldesc* link = nullptr;  // free list

  static constexpr std::uint32_t info_closing = 1;
  static constexpr std::uint32_t info_read_expired = 2;
  static constexpr std::uint32_t info_write_expired = 4;
  static constexpr std::uint32_t info_eventful = 8;  // see poll_drained_means_empty
};

/// Registers fd (non-blocking) with the poller. nullptr and *errnum on failure: EPERM for what cannot be polled (plain
/// files). A socket that has to be connected is registered after connect(2) was called, since before that it counts as
/// hung up.
polldesc* pollopen(int fd, int* errnum);

/// Gives pd back. Nobody waits any more (pollunblock, and the owner's reference count). The owner closes the
/// descriptor, which takes it out of the kernel's set.
void pollclose(polldesc* pd);

/// Whether an operation may start: not closed, deadline not reached.
inline poll_error pollcheck(const polldesc* pd, poll_mode mode) {
  const std::uint32_t info = pd->info.load(std::memory_order_seq_cst);
  if ((info & polldesc::info_closing) != 0) return poll_error::closing;
  const std::uint32_t expired = mode == poll_mode::read ? polldesc::info_read_expired : polldesc::info_write_expired;
  return (info & expired) != 0 ? poll_error::timeout : poll_error::none;
}

/// Parks the caller until the descriptor may be ready, the deadline is reached, pollunblock is called, or *ended (if
/// given) is true: who sets that calls pollend next. At most one reader and one writer at a time (the owner's lock sees
/// to it). May return none spuriously. An edge that nobody has consumed is kept for the next wait.
poll_error pollwait(polldesc* pd, poll_mode mode, const atomic<bool>* ended = nullptr);

/// Takes whoever waits out of the poller, so that it looks at its `ended`, which is set (seq_cst: Dekker, as with
/// `info`). Returns the goroutine that the caller has to make runnable, or nullptr. The owner's lock keeps the one that
/// is meant inside until this has returned.
g* pollend(polldesc* pd, poll_mode mode);

/// Sets the deadlines for which read or write is true: nanotime(), 0 for none; a past one expires what waits. False:
/// closing.
bool pollset_deadline(polldesc* pd, std::int64_t when, bool read, bool write);

/// The descriptor is about to be closed: wakes everybody, and every later wait fails with closing.
void pollunblock(polldesc* pd);

/// Whether a read that got less than it asked for has proved the socket empty, so that the next one may wait for an
/// edge without trying: true for a TCP stream until the peer has closed its side (that edge may be behind us) or sent
/// urgent data (a read stops in front of it). Ask after the read.
inline bool poll_drained_means_empty(const polldesc* pd) {
  // acquire; pairs with the release in netpollready: who consumed the edge also sees what came with it
  return (pd->info.load(std::memory_order_acquire) & polldesc::info_eventful) == 0;
}

// --- Between the parts.

inline constexpr std::uintptr_t pd_nil = 0;
inline constexpr std::uintptr_t pd_ready = 1;
inline constexpr std::uintptr_t pd_wait = 2;

inline atomic<std::uintptr_t>& pollword(polldesc* pd, poll_mode mode) {
  return mode == poll_mode::read ? pd->rg : pd->wg;
}

/// Takes what is due at `now` out and wakes it, and arms the timer for the rest.
void poll_expire(polldesc* pd, std::int64_t now);

/// Whether a wait that is published may go to sleep.
inline bool poll_may_sleep(const polldesc* pd, poll_mode mode, const atomic<bool>* ended) {
  return pollcheck(pd, mode) == poll_error::none && (ended == nullptr || !ended->load(std::memory_order_seq_cst));
}

/// pollwait's sleep on a plain thread; true: ready.
bool netpollblock_plain(polldesc* pd, poll_mode mode, const atomic<bool>* ended);
void poll_wake_plain(std::uintptr_t tagged);
inline bool is_plain_waiter(std::uintptr_t word) { return (word & 1) != 0 && word != pd_ready; }

/// A backend reports an event with what it was told at registration; `data` may be out of date. Adds whom it wakes to
/// *list.
struct poll_event {
  std::uint64_t data;
  bool readable;
  bool writable;
  bool eventful;  // the peer closed, an error, urgent data
};
void netpollready(g** list, const poll_event& event);

/// After a batch of netpollready: how many goroutines were taken out of the poller.
void netpoll_took(int n);

// --- Backend.

/// Once, before anything else.
void netpoll_backend_init();
/// In a forked child: a poller of its own instead of the one that it shares with its parent.
void netpoll_backend_in_child();
/// Registers fd for readable and writable, edge-triggered; returns 0 or an errno.
int netpoll_backend_open(int fd, std::uint64_t data);
// netpoll and netpoll_break are the backend's as well.

}  // namespace gofer::sched
