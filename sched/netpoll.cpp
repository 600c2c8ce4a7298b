#include "sched/netpoll.hpp"

#include <bit>
#include <cerrno>
#include <cstddef>
#include <mutex>
#include <new>

#include "sched/clock.hpp"
#include "sched/fatal.hpp"
#include "sched/park.hpp"
#include "sched/schedt.hpp"

namespace gofer::sched {

namespace {

// --- The pool. Chunk k holds 64 << k polldescs and is never given back, so an event's data can be an index that is
// looked up without a lock. The index has 32 bits and shares the event's 64 with the sequence number; a pointer would
// leave 16.

constexpr std::uint32_t first_chunk = 64;
constexpr std::size_t chunk_count = 26;

struct pool_t {
  futex_mutex lock;  // guards free and used
  polldesc* free = nullptr;
  std::uint32_t used = 0;
  atomic<polldesc*> chunks[chunk_count] = {};
  atomic<bool> inited{false};
  futex_mutex init_lock;
  // Goroutines parked in the poller; relaxed: read by the thread that parked last, or a round later.
  alignas(cache_line) atomic<std::int64_t> waiters{0};
};
constinit pool_t pool;

std::uint32_t chunk_of(std::uint32_t index) {
  return static_cast<std::uint32_t>(std::bit_width(index / first_chunk + 1)) - 1;
}
std::uint32_t chunk_start(std::uint32_t chunk) { return ((1u << chunk) - 1) * first_chunk; }

polldesc* polldesc_at(std::uint32_t index) {
  const std::uint32_t chunk = chunk_of(index);
  // acquire; pairs with the release in polldesc_alloc
  return pool.chunks[chunk].load(std::memory_order_acquire) + (index - chunk_start(chunk));
}

void on_alarm(timer*, void* arg) { poll_expire(static_cast<polldesc*>(arg), nanotime()); }

polldesc* polldesc_alloc() {
  const std::lock_guard hold(pool.lock);
  if (polldesc* pd = pool.free) {
    pool.free = pd->link;
    return pd;
  }
  const std::uint32_t index = pool.used;
  const std::uint32_t chunk = chunk_of(index);
  GOFER_CHECK(chunk < chunk_count, "netpoll: too many descriptors");
  polldesc* base = pool.chunks[chunk].load(std::memory_order_relaxed);
  if (base == nullptr) {
    base = new (std::nothrow) polldesc[std::size_t{first_chunk} << chunk];
    if (base == nullptr) return nullptr;
    // release; pairs with the acquire in polldesc_at
    pool.chunks[chunk].store(base, std::memory_order_release);
  }
  pool.used++;
  polldesc* pd = base + (index - chunk_start(chunk));
  pd->index = index;
  pd->alarm.f = on_alarm;
  pd->alarm.arg = pd;
  return pd;
}

void polldesc_free(polldesc* pd) {
  const std::lock_guard hold(pool.lock);
  pd->link = pool.free;
  pool.free = pd;
}

// --- Deadlines.

// The earlier of two deadlines that may be absent.
std::int64_t earlier(std::int64_t a, std::int64_t b) {
  if (a <= 0) return b;
  if (b <= 0) return a;
  return a < b ? a : b;
}

bool armed(const polldesc* pd) {
  // In no heap: never armed, fired, or forgotten together with a run that is over. acquire; pairs with timerheap's
  // release.
  return pd->alarm.heap.load(std::memory_order_acquire) != nullptr;
}

void arm_locked(polldesc* pd) {
  const std::int64_t due = earlier(pd->rd.load(std::memory_order_relaxed), pd->wd.load(std::memory_order_relaxed));
  if (due <= 0) return;
  if (armed(pd) && pd->armed <= due) return;
  pd->armed = due;
  timer_reset(&pd->alarm, due);
}

// --- Parking and waking.

// Runs when the waiter's context is saved. From the exchange on, the goroutine belongs to whoever takes it out of the
// word.
void netpollblockcommit(g* gp, void* arg) {
  auto* word = static_cast<atomic<std::uintptr_t>*>(arg);
  std::uintptr_t expected = pd_wait;
  // release; pairs with the acquire in netpollunblock: the waker sees the saved context
  if (word->compare_exchange_strong(expected, reinterpret_cast<std::uintptr_t>(gp), std::memory_order_acq_rel,
                                    std::memory_order_acquire)) {
    pool.waiters.fetch_add(1, std::memory_order_relaxed);
  } else {
    goready(gp);  // ready, expired or closed meanwhile
  }
}

bool netpollblock(polldesc* pd, poll_mode mode, const atomic<bool>* ended) {
  atomic<std::uintptr_t>& word = pollword(pd, mode);
  for (;;) {
    std::uintptr_t seen = word.load(std::memory_order_relaxed);
    GOFER_CHECK(seen == pd_nil || seen == pd_ready, "netpoll: two goroutines wait for the same thing");
    // seq_cst: see the head of netpoll.hpp
    if (word.compare_exchange_strong(seen, seen == pd_ready ? pd_nil : pd_wait, std::memory_order_seq_cst)) {
      if (seen == pd_ready) return true;
      break;
    }
  }
  const std::int64_t deadline = (mode == poll_mode::read ? pd->rd : pd->wd).load(std::memory_order_relaxed);
  if (deadline > 0 && !armed(pd)) {
    const std::lock_guard hold(pd->lock);
    arm_locked(pd);
  }
  if (poll_may_sleep(pd, mode, ended)) gopark(netpollblockcommit, &word, wait_reason::io_wait);
  const std::uintptr_t last = word.exchange(pd_nil, std::memory_order_acq_rel);
  GOFER_CHECK(last == pd_nil || last == pd_ready || last == pd_wait, "netpoll: corrupted polldesc");
  return last == pd_ready;
}

// Takes the waiter out of the word and leaves `state` (pd_ready: an edge, pd_nil: time-out or close). Returns the
// goroutine that has to be readied, or nullptr; a plain thread is woken here.
g* netpollunblock(polldesc* pd, poll_mode mode, std::uintptr_t state) {
  atomic<std::uintptr_t>& word = pollword(pd, mode);
  // seq_cst: see the head of netpoll.hpp
  std::uintptr_t seen = word.load(std::memory_order_seq_cst);
  for (;;) {
    if (seen == pd_ready || seen == state) return nullptr;
    if (word.compare_exchange_weak(seen, state, std::memory_order_seq_cst)) break;
  }
  if (seen == pd_nil || seen == pd_wait) return nullptr;
  if (is_plain_waiter(seen)) {
    poll_wake_plain(seen);
    return nullptr;
  }
  return reinterpret_cast<g*>(seen);
}

void ready_now(g* gp) {
  if (gp == nullptr) return;
  netpoll_took(1);
  goready(gp);
}

}  // namespace

void netpoll_init() {
  if (netpoll_inited()) return;
  const std::lock_guard hold(pool.init_lock);
  if (pool.inited.load(std::memory_order_relaxed)) return;
  netpoll_backend_init();
  // release; pairs with the acquire in netpoll_inited
  pool.inited.store(true, std::memory_order_release);
}

bool netpoll_inited() { return pool.inited.load(std::memory_order_acquire); }

bool netpoll_any_waiters() { return pool.waiters.load(std::memory_order_relaxed) > 0; }

void netpoll_took(int n) {
  if (n != 0) pool.waiters.fetch_sub(n, std::memory_order_relaxed);
}

void netpoll_forget(const schedt* s) {
  std::uint32_t used;
  {
    const std::lock_guard hold(pool.lock);
    used = pool.used;
  }
  for (std::uint32_t i = 0; i < used; i++) {
    polldesc* pd = polldesc_at(i);
    for (const poll_mode mode : {poll_mode::read, poll_mode::write}) {
      atomic<std::uintptr_t>& word = pollword(pd, mode);
      std::uintptr_t seen = word.load(std::memory_order_acquire);
      if (seen == pd_nil || seen == pd_ready || seen == pd_wait || is_plain_waiter(seen)) continue;
      if (reinterpret_cast<g*>(seen)->sched != s) continue;
      if (word.compare_exchange_strong(seen, pd_nil, std::memory_order_acq_rel)) netpoll_took(1);
    }
  }
}

void netpoll_before_fork() {
  pool.init_lock.lock();
  pool.lock.lock();
}

void netpoll_after_fork() {
  pool.lock.unlock();
  pool.init_lock.unlock();
}

void netpoll_in_child() {
  if (!netpoll_inited()) return;
  netpoll_backend_in_child();
  pool.waiters.store(0, std::memory_order_relaxed);
  for (std::uint32_t i = 0; i < pool.used; i++) {
    polldesc* pd = polldesc_at(i);
    // Whoever held or waited for anything here does not exist.
    new (&pd->lock) futex_mutex;
    pd->rg.store(pd_nil, std::memory_order_relaxed);
    pd->wg.store(pd_nil, std::memory_order_relaxed);
    pd->alarm.heap.store(nullptr, std::memory_order_relaxed);
    // A descriptor that cannot be registered is one that the program has closed behind gofer's back.
    if (pd->fd >= 0) netpoll_backend_open(pd->fd, std::uint64_t{pd->seq.load(std::memory_order_relaxed)} << 32 | i);
  }
}

polldesc* pollopen(int fd, int* errnum) {
  netpoll_init();
  polldesc* pd = polldesc_alloc();
  if (pd == nullptr) {
    *errnum = ENOMEM;
    return nullptr;
  }
  std::uint32_t seq;
  {
    const std::lock_guard hold(pd->lock);
    GOFER_CHECK(
        pd->rg.load(std::memory_order_relaxed) <= pd_ready && pd->wg.load(std::memory_order_relaxed) <= pd_ready,
        "netpoll: somebody waits on a free polldesc");
    pd->fd = fd;
    seq = pd->seq.load(std::memory_order_relaxed) + 1;
    // release; pairs with the acquire in netpollready
    pd->seq.store(seq, std::memory_order_release);
    pd->rg.store(pd_nil, std::memory_order_relaxed);
    pd->wg.store(pd_nil, std::memory_order_relaxed);
    pd->rd.store(0, std::memory_order_relaxed);
    pd->wd.store(0, std::memory_order_relaxed);
    pd->info.store(0, std::memory_order_release);
  }
  *errnum = netpoll_backend_open(fd, std::uint64_t{seq} << 32 | pd->index);
  if (*errnum == 0) return pd;
  polldesc_free(pd);
  return nullptr;
}

void pollclose(polldesc* pd) {
  {
    const std::lock_guard hold(pd->lock);
    GOFER_CHECK((pd->info.load(std::memory_order_relaxed) & polldesc::info_closing) != 0,
                "netpoll: close without unblock");
    GOFER_CHECK(
        pd->rg.load(std::memory_order_relaxed) <= pd_ready && pd->wg.load(std::memory_order_relaxed) <= pd_ready,
        "netpoll: close while somebody waits");
    pd->seq.fetch_add(1, std::memory_order_release);  // what is still on its way is out of date
    pd->fd = -1;
  }
  polldesc_free(pd);
}

poll_error pollwait(polldesc* pd, poll_mode mode, const atomic<bool>* ended) {
  for (;;) {
    const poll_error failed = pollcheck(pd, mode);
    if (failed != poll_error::none) return failed;
    if (ended != nullptr && ended->load(std::memory_order_seq_cst)) return poll_error::ended;
    // Not ready and no error: the deadline that woke us was moved before we ran. Wait again.
    if (getg()->plain ? netpollblock_plain(pd, mode, ended) : netpollblock(pd, mode, ended)) return poll_error::none;
  }
}

g* pollend(polldesc* pd, poll_mode mode) {
  g* gp = netpollunblock(pd, mode, pd_nil);
  if (gp != nullptr) netpoll_took(1);
  return gp;
}

bool pollset_deadline(polldesc* pd, std::int64_t when, bool read, bool write) {
  const std::int64_t now = when > 0 ? nanotime() : 0;
  g* readied[2] = {};
  {
    const std::lock_guard hold(pd->lock);
    std::uint32_t info = pd->info.load(std::memory_order_relaxed);
    if ((info & polldesc::info_closing) != 0) return false;
    const bool past = when < 0 || (when > 0 && when <= now);
    std::uint32_t bits = 0;
    if (read) {
      pd->rd.store(past ? -1 : when, std::memory_order_relaxed);
      bits |= polldesc::info_read_expired;
    }
    if (write) {
      pd->wd.store(past ? -1 : when, std::memory_order_relaxed);
      bits |= polldesc::info_write_expired;
    }
    if (past) {
      pd->info.fetch_or(bits, std::memory_order_seq_cst);
    } else if ((info & bits) != 0) {
      pd->info.fetch_and(~bits, std::memory_order_seq_cst);
    }
    // A plain thread does not start the runtime for this: who parks later will arm.
    if (!past && (!getg()->plain || the_sched.load(std::memory_order_acquire) != nullptr)) arm_locked(pd);
    // A plain thread sleeps until the deadline that it knows: it has to hear of every other one.
    if (read && (past || is_plain_waiter(pd->rg.load(std::memory_order_seq_cst))))
      readied[0] = netpollunblock(pd, poll_mode::read, pd_nil);
    if (write && (past || is_plain_waiter(pd->wg.load(std::memory_order_seq_cst))))
      readied[1] = netpollunblock(pd, poll_mode::write, pd_nil);
  }
  for (g* gp : readied) ready_now(gp);
  return true;
}

void poll_expire(polldesc* pd, std::int64_t now) {
  g* readied[2] = {};
  {
    const std::lock_guard hold(pd->lock);
    // Which descriptor, and which deadline, the alarm was set for does not matter: whatever is due now, is due.
    if ((pd->info.load(std::memory_order_relaxed) & polldesc::info_closing) != 0 || pd->fd < 0) return;
    const std::int64_t rd = pd->rd.load(std::memory_order_relaxed);
    const std::int64_t wd = pd->wd.load(std::memory_order_relaxed);
    if (rd > 0 && rd <= now) {
      pd->rd.store(-1, std::memory_order_relaxed);
      pd->info.fetch_or(polldesc::info_read_expired, std::memory_order_seq_cst);
      readied[0] = netpollunblock(pd, poll_mode::read, pd_nil);
    }
    if (wd > 0 && wd <= now) {
      pd->wd.store(-1, std::memory_order_relaxed);
      pd->info.fetch_or(polldesc::info_write_expired, std::memory_order_seq_cst);
      readied[1] = netpollunblock(pd, poll_mode::write, pd_nil);
    }
    if (!getg()->plain || the_sched.load(std::memory_order_acquire) != nullptr) arm_locked(pd);
  }
  for (g* gp : readied) ready_now(gp);
}

void pollunblock(polldesc* pd) {
  g* readied[2];
  {
    const std::lock_guard hold(pd->lock);
    GOFER_CHECK((pd->info.load(std::memory_order_relaxed) & polldesc::info_closing) == 0, "netpoll: unblocked twice");
    pd->info.fetch_or(polldesc::info_closing, std::memory_order_seq_cst);
    readied[0] = netpollunblock(pd, poll_mode::read, pd_nil);
    readied[1] = netpollunblock(pd, poll_mode::write, pd_nil);
    if (armed(pd)) timer_stop(&pd->alarm);
  }
  for (g* gp : readied) ready_now(gp);
}

void netpollready(g** list, const poll_event& event) {
  polldesc* pd = polldesc_at(static_cast<std::uint32_t>(event.data));
  // acquire; pairs with the release in pollopen. When the descriptor is closed between here and below, its polldesc's
  // next user gets an edge for nothing.
  if (pd->seq.load(std::memory_order_acquire) != event.data >> 32) return;
  // release; pairs with the acquire in poll_drained_means_empty. Before the edge is handed over.
  if (event.eventful) pd->info.fetch_or(polldesc::info_eventful, std::memory_order_release);
  int taken = 0;
  const auto take = [&](poll_mode mode) {
    g* gp = netpollunblock(pd, mode, pd_ready);
    if (gp == nullptr) return;
    gp->schedlink = *list;
    *list = gp;
    taken++;
  };
  if (event.readable) take(poll_mode::read);
  if (event.writable) take(poll_mode::write);
  netpoll_took(taken);
}

}  // namespace gofer::sched
