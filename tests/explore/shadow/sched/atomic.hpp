// In place of sched/atomic.hpp: an atomic type that stops before every access. Values live in a plain member, since one
// thread of the operating system runs all of a schedule; what order an access asks for matters only to
// `--memory tso` (point.hpp).
#pragma once

#include <atomic>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "point.hpp"

namespace gofer::sched {

template <class T>
class atomic {
  static_assert(std::is_trivially_copyable_v<T> && sizeof(T) <= 8);
  using order = std::memory_order;
  using where = explore::where;

 public:
  using value_type = T;
  constexpr atomic() noexcept = default;
  constexpr explicit(false) atomic(T v) noexcept : value_(v) {}
  atomic(const atomic&) = delete;
  atomic& operator=(const atomic&) = delete;

  T load(order = order::seq_cst, where w = where::here()) const {
    explore::before(explore::op::load, &value_, w);
    std::uint64_t raw = 0;
    if (!explore::own_store(&value_, &raw)) return value_;
    T v;
    std::memcpy(&v, &raw, sizeof v);
    return v;
  }

  void store(T v, order o = order::seq_cst, where w = where::here()) {
    explore::before(explore::op::store, &value_, w);
    std::uint64_t raw = 0;
    std::memcpy(&raw, &v, sizeof v);
    if (o == order::seq_cst || !explore::store_later(&value_, sizeof v, raw)) {
      explore::store_fence();
      value_ = v;
    }
  }

  T exchange(T v, order = order::seq_cst, where w = where::here()) {
    return update(w, [v](T) { return v; });
  }

  bool compare_exchange_strong(T& expected, T v, order, order, where w = where::here()) {
    bool equal = false;
    expected = update(w, [&](T old) { return (equal = old == expected) ? v : old; });
    return equal;
  }
  bool compare_exchange_strong(T& expected, T v, order o = order::seq_cst, where w = where::here()) {
    return compare_exchange_strong(expected, v, o, o, w);
  }
  // Never fails for nothing: on x86-64 it does not.
  bool compare_exchange_weak(T& expected, T v, order success, order failure, where w = where::here()) {
    return compare_exchange_strong(expected, v, success, failure, w);
  }
  bool compare_exchange_weak(T& expected, T v, order o = order::seq_cst, where w = where::here()) {
    return compare_exchange_strong(expected, v, o, o, w);
  }

  T fetch_add(T v, order = order::seq_cst, where w = where::here()) {
    return update(w, [v](T old) { return static_cast<T>(old + v); });
  }
  T fetch_sub(T v, order = order::seq_cst, where w = where::here()) {
    return update(w, [v](T old) { return static_cast<T>(old - v); });
  }
  T fetch_or(T v, order = order::seq_cst, where w = where::here()) {
    return update(w, [v](T old) { return static_cast<T>(old | v); });
  }
  T fetch_and(T v, order = order::seq_cst, where w = where::here()) {
    return update(w, [v](T old) { return static_cast<T>(old & v); });
  }

 private:
  template <class F>
  T update(const where& w, F f) {
    explore::before(explore::op::update, &value_, w);
    explore::store_fence();
    const T old = value_;
    value_ = f(old);
    return old;
  }

  alignas(sizeof(T)) T value_{};
};

}  // namespace gofer::sched
