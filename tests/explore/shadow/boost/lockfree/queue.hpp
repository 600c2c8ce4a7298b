// In place of Boost.Lockfree's queue, which is not what is to be explored: a queue whose operations happen at once.
#pragma once

#include <deque>

#include "point.hpp"

namespace boost::lockfree {

template <class>
struct allocator {};

template <class T, class>
class queue {
 public:
  explicit queue(std::size_t) {}
  bool push(T v) {
    gofer::explore::before(gofer::explore::op::update, this, gofer::explore::where::here());
    gofer::explore::store_fence();
    values_.push_back(v);
    return true;
  }
  bool pop(T& v) {
    gofer::explore::before(gofer::explore::op::update, this, gofer::explore::where::here());
    gofer::explore::store_fence();
    if (values_.empty()) return false;
    v = values_.front();
    values_.pop_front();
    return true;
  }

 private:
  std::deque<T> values_;
};

}  // namespace boost::lockfree
