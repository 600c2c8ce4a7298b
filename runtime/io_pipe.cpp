// io::pipe: a rendezvous between writers and readers, the data copied once, from the writer's memory into the reader's.
//
// Invariants, under the lock: at most one of the two queues has anybody in it; waiting records lie on the waiters'
// stacks, and whoever takes one out of a queue has filled it in and owes its goroutine a goready.
#include <algorithm>
#include <cstring>
#include <gofer/io.hpp>
#include <mutex>

#include "sched/park.hpp"

namespace gofer::io {

namespace detail {

namespace {

struct waiter {
  sched::g* gp;
  char* data;  // a writer's is only read
  std::size_t left;
  std::size_t moved = 0;
  bool closed = false;  // taken out because an end was closed
  waiter* next = nullptr;
};

struct waiter_queue {
  waiter* first = nullptr;
  waiter* last = nullptr;

  void push(waiter* w) {
    (first == nullptr ? first : last->next) = w;
    last = w;
  }
  void pop() { first = first->next; }
  /// Everybody, linked by next.
  waiter* take_all() { return std::exchange(first, nullptr); }
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

}  // namespace

struct pipe_state {
  sched::futex_mutex lock;
  waiter_queue readers;
  waiter_queue writers;
  bool read_end_closed = false;
  bool write_end_closed = false;
  error for_writers;  // what they get when the reading end is closed
  error for_readers;

  result<std::size_t> read(std::span<char> into) {
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
      sched::g* done = w->left == 0 ? w->gp : nullptr;
      if (done != nullptr) writers.pop();
      lock.unlock();
      if (done != nullptr) sched::goready(done);
      return {self.moved, {}};
    }
    readers.push(&self);
    sched::gopark_unlock(&lock, sched::wait_reason::io_wait);
    if (!self.closed) return {self.moved, {}};
    const std::lock_guard hold(lock);
    return {0, read_end_closed ? err_closed_pipe : for_readers};
  }

  result<std::size_t> write(std::span<const char> from) {
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
      writers.push(&self);
      sched::gopark_unlock(&lock, sched::wait_reason::io_wait);
      if (!self.closed) return {self.moved, {}};
      lock.lock();
    }
    result<std::size_t> failed{self.moved, write_end_closed ? err_closed_pipe : for_writers};
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
  return state_ != nullptr ? state_->read(into) : result<std::size_t>{0, err_closed_pipe};
}

void pipe_reader::close(error err) const {
  if (state_ == nullptr) return;
  state_->close(state_->read_end_closed, state_->for_writers, err ? std::move(err) : err_closed_pipe);
}

result<std::size_t> pipe_writer::write(std::span<const char> from) const {
  return state_ != nullptr ? state_->write(from) : result<std::size_t>{0, err_closed_pipe};
}

void pipe_writer::close(error err) const {
  if (state_ == nullptr) return;
  state_->close(state_->write_end_closed, state_->for_readers, err ? std::move(err) : eof);
}

}  // namespace gofer::io
