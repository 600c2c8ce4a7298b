// For runtimes that have a mutex and a condition variable, but no channel and no wait group.
//
// A channel without places is a rendezvous, as Go's: send returns when its value has been taken. What they share is
// never freed: whoever wakes another may still be in unlock() when that one has gone on, and the process is about to
// end.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>

namespace bench {

/// Condition: wait(Mutex&), notify_one(), notify_all().
template <class Mutex, class Condition>
class fallback_channel {
 public:
  explicit fallback_channel(std::int64_t capacity) : s_(new state{.capacity = static_cast<std::size_t>(capacity)}) {}

  void send(std::int64_t v) const {
    s_->mu.lock();
    if (s_->capacity != 0) {
      while (s_->items.size() >= s_->capacity) s_->not_full.wait(s_->mu);
      s_->items.push_back(v);
      s_->not_empty.notify_one();
    } else {
      s_->items.push_back(v);
      const std::uint64_t mine = ++s_->sent;
      s_->not_empty.notify_one();
      while (s_->received < mine) s_->taken.wait(s_->mu);
    }
    s_->mu.unlock();
  }

  std::int64_t recv() const {
    s_->mu.lock();
    while (s_->items.empty()) s_->not_empty.wait(s_->mu);
    const std::int64_t v = s_->items.front();
    s_->items.pop_front();
    if (s_->capacity != 0) {
      s_->not_full.notify_one();
    } else if (++s_->received < s_->sent) {
      s_->taken.notify_all();
    } else {
      s_->taken.notify_one();
    }
    s_->mu.unlock();
    return v;
  }

 private:
  struct state {
    std::size_t capacity;
    Mutex mu{};
    Condition not_full{};
    Condition not_empty{};
    Condition taken{};
    std::deque<std::int64_t> items{};
    std::uint64_t sent = 0;
    std::uint64_t received = 0;
  };
  state* s_;
};

template <class Mutex, class Condition>
class fallback_wait_group {
 public:
  void add(int n) {
    s_->mu.lock();
    s_->count += n;
    s_->mu.unlock();
  }
  void done() {
    s_->mu.lock();
    if (--s_->count == 0) s_->zero.notify_all();
    s_->mu.unlock();
  }
  void wait() {
    s_->mu.lock();
    while (s_->count != 0) s_->zero.wait(s_->mu);
    s_->mu.unlock();
  }

 private:
  struct state {
    Mutex mu{};
    Condition zero{};
    std::int64_t count = 0;
  };
  state* s_ = new state;
};

}  // namespace bench
