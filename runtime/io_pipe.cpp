// io::pipe: a rendezvous between writers and readers, the data copied once, from the writer's memory into the reader's.
//
// Invariants, under the lock: at most one of the two queues has anybody in it; waiting records lie on the waiters'
// stacks, and whoever takes one out of a queue has filled it in and owes its goroutine a goready.
#include <algorithm>
#include <cstring>
#include <gofer/context.hpp>
#include <gofer/io.hpp>
#include <mutex>

#include "runtime/closewatch.hpp"
#include "sched/park.hpp"

namespace gofer::io {

using gofer::detail::hchan;

namespace detail {

namespace {

struct waiter {
  sched::g* gp;
  char* data;  // a writer's is only read
  std::size_t left;
  std::size_t moved = 0;
  bool queued = false;
  bool closed = false;  // taken out because an end was closed
  bool ended = false;   // taken out because its context was done
  waiter* next = nullptr;
};

struct waiter_queue {
  waiter* first = nullptr;
  waiter* last = nullptr;

  void push(waiter* w) {
    (first == nullptr ? first : last->next) = w;
    last = w;
    w->queued = true;
  }
  void pop() {
    first->queued = false;
    first = first->next;
  }
  void remove(waiter* w) {
    waiter* before = nullptr;
    for (waiter* at = first; at != w; at = at->next) before = at;
    (before == nullptr ? first : before->next) = w->next;
    if (last == w) last = before;
    w->queued = false;
  }
  /// Everybody, linked by next.
  waiter* take_all() {
    for (waiter* w = first; w != nullptr; w = w->next) w->queued = false;
    return std::exchange(first, nullptr);
  }
};

void move_bytes(waiter& from, waiter& to) {
  const std::size_t n = std::min(from.left, to.left);
  std::memcpy(to.data, from.data, n);
  for (waiter* w : {&from, &to}) {
    w->data += n;
    w->left -= n;
    w->moved += n;
  }
}

void release_closed(waiter* w) {
  while (w != nullptr) {
    waiter* next = w->next;  // w is gone when its goroutine runs
    sched::g* gp = w->gp;
    w->closed = true;
    sched::goready_tail(gp);
    w = next;
  }
}

struct parked {
  sched::futex_mutex* lock;
  waiter_queue* queue;
  waiter* self;
};

sched::g* end_wait(void* arg) {
  const auto* p = static_cast<const parked*>(arg);
  const std::lock_guard hold(*p->lock);
  if (!p->self->queued) return nullptr;
  p->queue->remove(p->self);
  p->self->ended = true;
  return p->self->gp;
}

// Queues self (with the lock held, which it gives back) until it is taken out again.
void park_in(sched::futex_mutex* lock, waiter_queue* queue, waiter* self, hchan* done) {
  constexpr auto reason = sched::wait_reason::io_wait;
  queue->push(self);
  if (done == nullptr) {
    sched::gopark_unlock(lock, reason);
    return;
  }
  parked p{lock, queue, self};
  runtime::close_watch watch(end_wait, &p);
  if (!watch.start(runtime::full(done), reason)) {
    queue->remove(self);
    self->ended = true;
    lock->unlock();
    return;
  }
  sched::gopark_unlock(lock, reason);
  watch.stop(reason);
}

// What is done with a context, given its channel: null for one that is never done. An operation that it ended has
// ctx.err().
template <class Operation>
result<std::size_t> with_context(const context& ctx, Operation operation) {
  if (error err = ctx.err()) return {0, std::move(err)};
  const recv_chan<> done = ctx.done();
  auto [moved, err, ended] = operation(gofer::detail::chan_access::ref(done).get());
  return {moved, ended ? ctx.err() : std::move(err)};
}

}  // namespace

/// What an operation came to; `ended`: by its context.
struct pipe_moved {
  std::size_t n = 0;
  error err = {};
  bool ended = false;
};

struct pipe_state {
  sched::futex_mutex lock;
  waiter_queue readers;
  waiter_queue writers;
  bool read_end_closed = false;
  bool write_end_closed = false;
  error for_writers;  // what they get when the reading end is closed
  error for_readers;

  pipe_moved read(std::span<char> into, hchan* done) {
    lock.lock();
    if (read_end_closed || write_end_closed) {
      lock.unlock();
      return {0, read_end_closed ? err_closed_pipe : for_readers};
    }
    waiter self{sched::getg(), into.data(), into.size()};
    if (into.empty()) {
      lock.unlock();
      return {};
    }
    if (waiter* w = writers.first) {
      move_bytes(*w, self);
      sched::g* emptied = w->left == 0 ? w->gp : nullptr;
      if (emptied != nullptr) writers.pop();
      lock.unlock();
      if (emptied != nullptr) sched::goready(emptied);
      return {self.moved, {}};
    }
    park_in(&lock, &readers, &self, done);
    if (!self.closed) return {self.moved, {}, self.ended};
    const std::lock_guard hold(lock);
    return {0, read_end_closed ? err_closed_pipe : for_readers};
  }

  pipe_moved write(std::span<const char> from, hchan* done) {
    waiter self{sched::getg(), const_cast<char*>(from.data()), from.size()};
    for (;;) {
      lock.lock();
      if (read_end_closed || write_end_closed) break;
      waiter* r = readers.first;
      if (r == nullptr || self.left == 0) break;
      move_bytes(self, *r);
      readers.pop();
      sched::g* filled = r->gp;
      lock.unlock();
      sched::goready(filled);
    }
    if (!read_end_closed && !write_end_closed) {
      if (self.left == 0) {
        lock.unlock();
        return {self.moved, {}};
      }
      park_in(&lock, &writers, &self, done);
      if (!self.closed) return {self.moved, {}, self.ended};
      lock.lock();
    }
    pipe_moved failed{self.moved, write_end_closed ? err_closed_pipe : for_writers};
    lock.unlock();
    return failed;
  }

  void close(bool& end_closed, error& others_get, error err) {
    lock.lock();
    if (end_closed) {
      lock.unlock();
      return;
    }
    others_get = std::move(err);
    end_closed = true;
    waiter* r = readers.take_all();
    waiter* w = writers.take_all();
    lock.unlock();
    release_closed(r);
    release_closed(w);
  }
};

}  // namespace detail

pipe_ends pipe() {
  pipe_ends ends;
  ends.reader.state_ = std::make_shared<detail::pipe_state>();
  ends.writer.state_ = ends.reader.state_;
  return ends;
}

result<std::size_t> pipe_reader::read(std::span<char> into) const {
  if (state_ == nullptr) return {0, err_closed_pipe};
  auto [n, err, ended] = state_->read(into, nullptr);
  return {n, std::move(err)};
}

result<std::size_t> pipe_reader::read(const context& ctx, std::span<char> into) const {
  if (state_ == nullptr) return {0, err_closed_pipe};
  return detail::with_context(ctx, [&](hchan* done) { return state_->read(into, done); });
}

void pipe_reader::close(error err) const {
  if (state_ == nullptr) return;
  state_->close(state_->read_end_closed, state_->for_writers, err ? std::move(err) : err_closed_pipe);
}

result<std::size_t> pipe_writer::write(std::span<const char> from) const {
  if (state_ == nullptr) return {0, err_closed_pipe};
  auto [n, err, ended] = state_->write(from, nullptr);
  return {n, std::move(err)};
}

result<std::size_t> pipe_writer::write(const context& ctx, std::span<const char> from) const {
  if (state_ == nullptr) return {0, err_closed_pipe};
  return detail::with_context(ctx, [&](hchan* done) { return state_->write(from, done); });
}

void pipe_writer::close(error err) const {
  if (state_ == nullptr) return;
  state_->close(state_->write_end_closed, state_->for_readers, err ? std::move(err) : eof);
}

}  // namespace gofer::io
