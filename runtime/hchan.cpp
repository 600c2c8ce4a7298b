// Channels, untyped: see hchan.hpp for the rules.
#include "runtime/hchan.hpp"

#include <algorithm>
#include <memory>
#include <new>

#include "runtime/panic.hpp"
#include "runtime/time_timer.hpp"
#include "sched/park.hpp"
#include "sched/schedt.hpp"

namespace gofer::runtime {

namespace {

using sched::wait_reason;

// Beyond it no address space has room (Go's maxAlloc on 64-bit processors).
constexpr std::size_t max_alloc = std::size_t{1} << 47;

void ready(sudog* sg, wake why) {
  sched::g* gp = sg->gp;
  sg->why = why;
  gp->param = sg;
  sched::goready(gp);  // from here on sg may be gone
}

/// Readies a dequeued waiter when the hand-over is over, or, if that was left by an exception, to try again.
class handover {
 public:
  explicit handover(sudog* sg) : sg_(sg) {}
  ~handover() { ready(sg_, why_); }
  handover(const handover&) = delete;
  handover& operator=(const handover&) = delete;
  void done() { why_ = wake::done; }

 private:
  sudog* sg_;
  wake why_ = wake::again;
};

/// Where a failed move of the receiver's must not strand a value that the sender has given away: see hchan.hpp.
bool may_fail(const hchan* c) { return c->ops != nullptr && !c->ops->nothrow && c->dataqsiz > 0; }

sudog* grant_next_locked(hchan* c) {
  if (!may_fail(c) || c->granting || !c->room()) return nullptr;
  sudog* sg = c->sendq.dequeue();
  c->granting = sg != nullptr;
  return sg;
}

/// Leaves the lock however the scope ends, and only then readies who was granted the next move.
class ring_section {
 public:
  explicit ring_section(hchan* c) : c_(c) {}
  ~ring_section() {
    sudog* sg = grant_next_locked(c_);
    c_->unlock();
    if (sg != nullptr) ready(sg, wake::granted);
  }
  ring_section(const ring_section&) = delete;
  ring_section& operator=(const ring_section&) = delete;

 private:
  hchan* c_;
};

void put_typed(hchan* c, void* elem) {
  const ring_section section(c);
  c->ops->construct(c->slot(c->sendx), elem);
  c->sendx = c->next_slot(c->sendx);
  c->add_qcount(1);
}

void take_typed(hchan* c, void* to) {
  sudog* sg = nullptr;
  {
    const ring_section section(c);
    std::byte* slot = c->slot(c->recvx);
    c->ops->deliver(to, slot);
    c->ops->destroy(slot);
    c->recvx = c->next_slot(c->recvx);
    if (!may_fail(c)) sg = c->sendq.dequeue();
    if (sg == nullptr) {
      c->add_qcount(std::size_t{0} - 1);
    } else {
      c->ops->construct(slot, sg->elem);
      c->sendx = c->recvx;
    }
  }
  if (sg != nullptr) ready(sg, wake::done);
}

void commit_unlock(sched::g*, void* c) { static_cast<hchan*>(c)->unlock(); }

/// Queues the running goroutine, leaves the lock and waits. The answer: why it was woken.
inline wake park_on(hchan* c, waitq& q, void* elem, wait_reason reason) {
  sudog sg;
  sg.gp = sched::getg();
  sg.elem = elem;
  sg.kind = waiter_kind::one;
  q.enqueue(&sg);
  sched::gopark(commit_unlock, c, reason);
  return sg.why;
}

[[noreturn]] void block_for_ever(wait_reason reason) {
  for (;;) sched::gopark(nullptr, nullptr, reason);
}

}  // namespace

sudog* waitq::dequeue() {
  for (;;) {
    sudog* sg = first_.load(std::memory_order_relaxed);
    if (sg == nullptr) return nullptr;
    remove(sg);
    sched::g* gp = sg->gp;
    if (!gp->plain && gp->sched->stopping.load(std::memory_order_relaxed)) continue;
    if (sg->kind != waiter_kind::select) return sg;
    std::uint32_t open = 0;
    // acq_rel; pairs with the like of the other cases' wakers: one of them wins.
    if (gp->select_done.compare_exchange_strong(open, 1, std::memory_order_acq_rel, std::memory_order_relaxed))
      return sg;
  }
}

namespace {

// Elements that are plain bytes, which the futex guards: what nearly every operation is about. Inlined into it: half of
// what a send into a buffer costs would be calls.

__attribute__((always_inline)) inline attempt send_bytes_locked(hchan* c, const void* elem) {
  if (__builtin_expect(c->closed.load(std::memory_order_relaxed), 0)) {
    c->flock.unlock();
    return attempt::closed;
  }
  if (!c->recvq.empty()) {
    if (sudog* sg = c->recvq.dequeue()) {
      c->flock.unlock();
      copy_elem(sg->elem, elem, c->elemsize);
      ready(sg, wake::done);
      return attempt::done;
    }
  }
  if (!c->room()) return attempt::blocked;
  copy_elem(c->slot(c->sendx), elem, c->elemsize);
  c->sendx = c->next_slot(c->sendx);
  c->add_qcount(1);
  c->flock.unlock();
  return attempt::done;
}

__attribute__((always_inline)) inline attempt recv_bytes_locked(hchan* c, void* to) {
  if (c->qcount.load(std::memory_order_relaxed) > 0) {
    std::byte* slot = c->slot(c->recvx);
    copy_elem(to, slot, c->elemsize);
    c->recvx = c->next_slot(c->recvx);
    sudog* sg = c->sendq.empty() ? nullptr : c->sendq.dequeue();
    if (sg == nullptr) {
      c->add_qcount(std::size_t{0} - 1);
      c->flock.unlock();
      return attempt::done;
    }
    // The buffer was full: the freed slot is the last one as well.
    copy_elem(slot, sg->elem, c->elemsize);
    c->sendx = c->recvx;
    c->flock.unlock();
    ready(sg, wake::done);
    return attempt::done;
  }
  if (__builtin_expect(c->closed.load(std::memory_order_relaxed), 0)) {
    c->flock.unlock();
    return attempt::closed;
  }
  // Senders that wait beside an empty ring are selects that others have won.
  sudog* sg = c->dataqsiz > 0 || c->sendq.empty() ? nullptr : c->sendq.dequeue();
  if (sg == nullptr) return attempt::blocked;
  c->flock.unlock();
  copy_elem(to, sg->elem, c->elemsize);
  ready(sg, wake::done);
  return attempt::done;
}

attempt send_typed_locked(hchan* c, void* elem) {
  if (c->closed.load(std::memory_order_relaxed)) {
    c->unlock();
    return attempt::closed;
  }
  if (c->granting) return attempt::blocked;
  if (sudog* sg = c->recvq.dequeue()) {
    // A granted sender that meets a receiver passes the grant on.
    sudog* next = grant_next_locked(c);
    c->unlock();
    if (next != nullptr) ready(next, wake::granted);
    handover to_receiver(sg);
    c->ops->deliver(sg->elem, elem);
    to_receiver.done();
    return attempt::done;
  }
  if (!c->room()) return attempt::blocked;
  put_typed(c, elem);
  return attempt::done;
}

attempt recv_typed_locked(hchan* c, void* to) {
  if (c->qcount.load(std::memory_order_relaxed) > 0) {
    take_typed(c, to);
    return attempt::done;
  }
  if (c->closed.load(std::memory_order_relaxed)) {
    c->unlock();
    return attempt::closed;
  }
  // With a ring, senders wait beside an empty one only while one of them is granted the next move; that one comes
  // first.
  sudog* sg = c->dataqsiz == 0 ? c->sendq.dequeue() : nullptr;
  if (sg == nullptr) return attempt::blocked;
  c->unlock();
  handover from_sender(sg);
  c->ops->deliver(to, sg->elem);
  from_sender.done();
  return attempt::done;
}

}  // namespace

attempt send_locked(hchan* c, void* elem) {
  return c->ops == nullptr ? send_bytes_locked(c, elem) : send_typed_locked(c, elem);
}

attempt recv_locked(hchan* c, void* to) {
  return c->ops == nullptr ? recv_bytes_locked(c, to) : recv_typed_locked(c, to);
}

namespace {

// What is left of a send, or a receive, that came to `tried` at first.

__attribute__((noinline)) bool finish_send(hchan* c, void* elem, bool block, attempt tried) {
  for (;;) {
    if (tried == attempt::done) return true;
    if (tried == attempt::closed) panic_send_on_closed();
    if (!block) {
      c->unlock();
      return false;
    }
    const wake why = park_on(c, c->sendq, elem, wait_reason::chan_send);
    if (__builtin_expect(why == wake::done, 1)) return true;
    if (why == wake::closed) panic_send_on_closed();
    c->lock(wait_reason::chan_send);
    if (why == wake::granted) ungrant_locked(c);
    tried = send_locked(c, elem);
  }
}

__attribute__((noinline)) detail::recv_result finish_recv(hchan* c, void* to, bool block, attempt tried) {
  using detail::recv_result;
  for (;;) {
    if (tried == attempt::done) return recv_result::ok;
    if (tried == attempt::closed) return recv_result::closed;
    if (!block) {
      c->unlock();
      return recv_result::empty;
    }
    const wake why = park_on(c, c->recvq, to, wait_reason::chan_receive);
    if (__builtin_expect(why == wake::done, 1)) return recv_result::ok;
    if (why == wake::closed) return recv_result::closed;
    c->lock(wait_reason::chan_receive);
    tried = recv_locked(c, to);
  }
}

}  // namespace

void panic_send_on_closed() { panic_plain_error("send on closed channel"); }

bool chan_offer(hchan* c, void* elem) {
  if (!c->may_send()) return false;
  c->lock(wait_reason::chan_send);
  return finish_send(c, elem, false, send_locked(c, elem));
}

detail::recv_result chan_take(hchan* c, void* to) {
  if (!c->may_recv()) return detail::recv_result::empty;
  c->lock(wait_reason::chan_receive);
  return finish_recv(c, to, false, recv_locked(c, to));
}

void chan_close(hchan* c) {
  c->lock(wait_reason::chan_send);
  if (c->closed.load(std::memory_order_relaxed)) {
    c->unlock();
    panic_plain_error("close of closed channel");
  }
  c->closed.store(true, std::memory_order_release);  // release; pairs with the acquire in may_send
  // Receivers first, then senders (who will panic), as Go does it.
  sudog* woken = nullptr;
  sudog** end = &woken;
  for (waitq* q : {&c->recvq, &c->sendq}) {
    while (sudog* sg = q->dequeue()) {
      *end = sg;
      end = &sg->next;
    }
  }
  *end = nullptr;
  c->unlock();
  if (woken == nullptr) return;
  if (woken->next == nullptr && woken->kind != waiter_kind::watches_close) {
    ready(woken, wake::closed);
    return;
  }
  while (woken != nullptr) {
    sudog* sg = woken;
    woken = sg->next;
    if (sg->kind == waiter_kind::watches_close) {
      sg->on_closed(sg);
      continue;
    }
    sg->why = wake::closed;
    sched::g* gp = sg->gp;
    gp->param = sg;
    sched::goready_tail(gp);
  }
}

}  // namespace gofer::runtime

namespace gofer::detail {

using runtime::attempt;
using runtime::full;
using runtime::sudog;
using runtime::wake;
using sched::wait_reason;

hchan* makechan(const elem_type& type, std::int64_t cap) {
  const std::size_t align = std::max<std::size_t>(alignof(runtime::hchan), type.align);
  const std::size_t head = (sizeof(runtime::hchan) + align - 1) / align * align;
  std::size_t ring = 0;
  if (cap < 0 || __builtin_mul_overflow(static_cast<std::size_t>(cap), std::size_t{type.size}, &ring) ||
      ring > runtime::max_alloc - head) {
    runtime::panic_plain_error("makechan: size out of range");
  }
  void* memory = ::operator new (head + ring, std::align_val_t{align});
  auto* c = ::new (memory) runtime::hchan;
  c->elemsize = type.size;
  c->align = static_cast<std::uint32_t>(align);
  c->ops = type.ops;
  c->buf = static_cast<std::byte*>(memory) + head;
  c->dataqsiz = static_cast<std::size_t>(cap);
  c->parking = type.ops != nullptr && cap > 0;
  return c;
}

void freechan(hchan* dc) noexcept {
  runtime::hchan* c = full(dc);
  if (c->timer != nullptr) runtime::timer_chan_gone(c->timer);
  if (c->ops != nullptr) {
    for (std::size_t n = c->qcount.load(std::memory_order_relaxed); n > 0; n--) {
      c->ops->destroy(c->slot(c->recvx));
      c->recvx = c->next_slot(c->recvx);
    }
  }
  const std::align_val_t align{c->align};
  std::destroy_at(c);
  ::operator delete(static_cast<void*>(c), align);
}

bool chansend(hchan* dc, void* elem, bool block) {
  if (dc == nullptr) {
    if (!block) return false;
    runtime::block_for_ever(wait_reason::chan_send_nil);
  }
  runtime::hchan* c = full(dc);
  if (!block) {
    sched::rejoin_here();
    return runtime::chan_offer(c, elem);
  }
  sched::rejoin();
  if (__builtin_expect(c->ops == nullptr, 1)) {
    c->flock.lock();
    const attempt tried = runtime::send_bytes_locked(c, elem);
    if (__builtin_expect(tried == attempt::done, 1)) return true;
    return runtime::finish_send(c, elem, true, tried);
  }
  c->lock(wait_reason::chan_send);
  return runtime::finish_send(c, elem, true, runtime::send_locked(c, elem));
}

recv_result chanrecv(hchan* dc, void* to, bool block) {
  if (dc == nullptr) {
    if (!block) return recv_result::empty;
    runtime::block_for_ever(wait_reason::chan_receive_nil);
  }
  runtime::hchan* c = full(dc);
  if (__builtin_expect(c->timer != nullptr, 0)) runtime::timer_poll(c->timer);
  if (!block) {
    sched::rejoin_here();
    return runtime::chan_take(c, to);
  }
  sched::rejoin();
  if (__builtin_expect(c->ops == nullptr, 1)) {
    c->flock.lock();
    const attempt tried = runtime::recv_bytes_locked(c, to);
    if (__builtin_expect(tried == attempt::done, 1)) return recv_result::ok;
    return runtime::finish_recv(c, to, true, tried);
  }
  c->lock(wait_reason::chan_receive);
  return runtime::finish_recv(c, to, true, runtime::recv_locked(c, to));
}

void closechan(hchan* dc) {
  if (dc == nullptr) runtime::panic_plain_error("close of nil channel");
  sched::rejoin_here();
  runtime::chan_close(full(dc));
}

// A timer's channel has a buffer, but passes for unbuffered.

std::size_t chanlen(const hchan* dc) noexcept {
  const auto* c = static_cast<const runtime::hchan*>(dc);
  return c->timer != nullptr ? 0 : c->qcount.load(std::memory_order_relaxed);
}

std::size_t chancap(const hchan* dc) noexcept {
  const auto* c = static_cast<const runtime::hchan*>(dc);
  return c->timer != nullptr ? 0 : c->dataqsiz;
}

}  // namespace gofer::detail
