// The cases that gofer::recv, send, otherwise and after make, and how select hands them to the engine.
#pragma once

#include <concepts>
#include <cstdint>
#include <gofer/chan.hpp>
#include <gofer/detail/hchan.hpp>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

namespace gofer::detail {

template <class C>
inline constexpr bool is_recv_handle = false;
template <class T>
inline constexpr bool is_recv_handle<chan<T>> = true;
template <class T>
inline constexpr bool is_recv_handle<recv_chan<T>> = true;

template <class C>
inline constexpr bool is_send_handle = false;
template <class T>
inline constexpr bool is_send_handle<chan<T>> = true;
template <class T>
inline constexpr bool is_send_handle<send_chan<T>> = true;

template <class C>
concept can_recv = is_recv_handle<std::remove_cvref_t<C>>;
template <class C>
concept can_send = is_send_handle<std::remove_cvref_t<C>>;

struct no_handler {
  void operator()() const noexcept {}
};

[[noreturn]] void panic_copy_of_case();
[[noreturn]] void panic_two_otherwise();

/// What select collects from its cases, and what became of them.
class select_list {
 public:
  struct outcome {
    int index;  // position of the case
    bool received;
  };

  /// Room for as many as there are cases.
  select_list(scase* cases, int* positions) : cases_(cases), positions_(positions) {}

  void add(hchan* c, void* elem, bool send) {
    cases_[n_] = {c, elem, send};
    positions_[n_++] = at_++;
  }
  void add_nil() { add(nullptr, nullptr, false); }
  void add_otherwise() {
    if (otherwise_ >= 0) panic_two_otherwise();
    otherwise_ = at_++;
  }
  void add_after(std::int64_t ns) {
    if (timeout_ns_ < 0 || ns < timeout_ns_) {
      timeout_ns_ = ns;
      timeout_ = at_;
    }
    at_++;
  }

  outcome go() const {
    const select_result r = selectgo(cases_, n_, otherwise_ >= 0, timeout_ns_);
    if (r.index == select_otherwise) return {otherwise_, false};
    if (r.index == select_timeout) return {timeout_, false};
    return {positions_[r.index], r.received};
  }

 private:
  scase* cases_;
  int* positions_;
  int n_ = 0;
  int at_ = 0;
  int otherwise_ = -1;
  int timeout_ = -1;
  std::int64_t timeout_ns_ = -1;
};

/// A case's channel. In a case that goes straight into select, an lvalue channel is only borrowed: no counting. A case
/// that is stored, which means copied or moved, holds it.
class case_channel {
 public:
  template <class T>
  explicit case_channel(const chan_handle<T>& c) noexcept : c_(chan_access::ref(c).get()) {}
  template <class T>
  explicit case_channel(chan_handle<T>&& c) noexcept : held_(chan_access::take(std::move(c))), c_(held_.get()) {}
  case_channel(const case_channel& other) noexcept : held_(chan_ref::share(other.c_)), c_(other.c_) {}
  case_channel(case_channel&& other) noexcept
      : held_(other.held_.get() == nullptr ? chan_ref::share(other.c_) : std::move(other.held_)), c_(other.c_) {}
  case_channel& operator=(const case_channel&) = delete;
  ~case_channel() = default;

  hchan* get() const noexcept { return c_; }

 private:
  chan_ref held_;
  hchan* c_;
};

/// Room for a value that is in use only during a select: copies of the case begin with their own.
template <class X>
struct scratch : X {
  scratch() = default;
  scratch(const scratch&) noexcept : X() {}
  scratch& operator=(const scratch&) = delete;
  ~scratch() = default;
};

// Each case has prepare (adds itself to the list; `expendable`: it will not be used again) and run (its operation was
// done).

template <class T, class F>
class recv_case {
  static_assert(std::is_invocable_v<F&, std::optional<T>> || std::is_invocable_v<F&>,
                "recv's handler takes a std::optional<T>, or nothing");

 public:
  template <class C, class G>
  recv_case(C&& c, G&& handler) : c_(std::forward<C>(c)), f_(std::forward<G>(handler)) {}

  void prepare(select_list& list, bool) {
    slot_.clear();
    list.add(c_.get(), slot_.address(), false);
  }
  void run(bool received) {
    if constexpr (std::is_invocable_v<F&, std::optional<T>>) {
      f_(received ? std::optional<T>(slot_.get()) : std::nullopt);
    } else {
      f_();
    }
    slot_.clear();
  }

 private:
  case_channel c_;
  scratch<elem_slot<T>> slot_;
  [[no_unique_address]] F f_;
};

template <class T, class F>
class send_case {
  static_assert(std::is_invocable_v<F&>, "send's handler takes nothing");
  // A case that is used again sends copies of its value, if it can.
  static constexpr bool copies = !elem_by_memcpy<T> && std::is_copy_constructible_v<T>;

 public:
  template <class C, class G>
  send_case(C&& c, T&& v, G&& handler) : c_(std::forward<C>(c)), value_(std::move(v)), f_(std::forward<G>(handler)) {}

  void prepare(select_list& list, bool expendable) {
    if constexpr (copies) {
      if (!expendable) {
        copy_.emplace(value_);
        list.add(c_.get(), std::addressof(*copy_), true);
        return;
      }
    }
    list.add(c_.get(), std::addressof(value_), true);
  }
  void run(bool) { f_(); }

 private:
  struct none {};
  case_channel c_;
  T value_;
  [[no_unique_address]] scratch<std::conditional_t<copies, std::optional<T>, none>> copy_;
  [[no_unique_address]] F f_;
};

template <class F>
class otherwise_case {
  static_assert(std::is_invocable_v<F&>, "otherwise's handler takes nothing");

 public:
  template <class G>
  explicit otherwise_case(std::in_place_t, G&& handler) : f_(std::forward<G>(handler)) {}
  void prepare(select_list& list, bool) { list.add_otherwise(); }
  void run(bool) { f_(); }

 private:
  [[no_unique_address]] F f_;
};

template <class F>
class after_case {
  static_assert(std::is_invocable_v<F&>, "after's handler takes nothing");

 public:
  template <class G>
  after_case(std::int64_t ns, G&& handler) : ns_(ns), f_(std::forward<G>(handler)) {}
  void prepare(select_list& list, bool) { list.add_after(ns_); }
  void run(bool) { f_(); }

 private:
  std::int64_t ns_;
  [[no_unique_address]] F f_;
};

template <class C>
inline constexpr bool is_typed_case = false;
template <class T, class F>
inline constexpr bool is_typed_case<recv_case<T, F>> = true;
template <class T, class F>
inline constexpr bool is_typed_case<send_case<T, F>> = true;
template <class F>
inline constexpr bool is_typed_case<otherwise_case<F>> = true;
template <class F>
inline constexpr bool is_typed_case<after_case<F>> = true;

template <class C>
inline constexpr bool is_otherwise = false;
template <class F>
inline constexpr bool is_otherwise<otherwise_case<F>> = true;

template <class C>
concept typed_case = is_typed_case<std::remove_cvref_t<C>>;

/// An argument of select: a case, which is expendable when it is an rvalue, or a channel to receive from.
template <class Case>
class operand {
 public:
  explicit operand(Case& c) : c_(c) {}
  void prepare(select_list& list) { c_.prepare(list, !std::is_lvalue_reference_v<Case>); }
  void run(bool received) { c_.run(received); }

 private:
  std::remove_reference_t<Case>& c_;
};
template <class C>
requires can_recv<C>
class operand<C> {
 public:
  explicit operand(C& c) : c_(c, no_handler{}) {}
  void prepare(select_list& list) { c_.prepare(list, true); }
  void run(bool received) { c_.run(received); }

 private:
  recv_case<typename std::remove_cvref_t<C>::value_type, no_handler> c_;
};

template <class... Operands>
int select_each(Operands... operands) {
  // {}: no stores remain but for cases without a channel, where GCC would see something uninitialized.
  scase cases[sizeof...(Operands)]{};
  int positions[sizeof...(Operands)]{};
  select_list list(cases, positions);
  (operands.prepare(list), ...);
  const select_list::outcome chosen = list.go();
  int i = 0;
  ((i++ == chosen.index ? operands.run(chosen.received) : void()), ...);
  return chosen.index;
}

template <class Case>
int select_among(Case* all, std::size_t n, scase* cases, int* positions) {
  select_list list(cases, positions);
  for (std::size_t i = 0; i < n; i++) all[i].prepare(list, false);
  const select_list::outcome chosen = list.go();
  all[chosen.index].run(chosen.received);
  return chosen.index;
}

}  // namespace gofer::detail
