// select: waits until one of several channel operations can go on, and does that one.
//
//   int i = gofer::select(gofer::recv(c, [&](std::optional<int> v) { … }),   // nullopt: c is closed and drained
//                         gofer::send(d, 42, [&] { … }),
//                         gofer::after(10ms, [&] { … }));                     // or otherwise([&] { … }): do not wait
//
// When several can go on, one is chosen uniformly. Only that one's handler runs, after the operation and outside of all
// locks: it may block, panic, or select again. Handlers may be left out. Cases on nil channels are never ready.
//
// recv, send, otherwise and after make cases. Passed straight to select they cost nothing but the engine (handlers are
// inlined, the channel's handle is borrowed); stored as a select_case they are all one type, for cases known at run
// time:
//
//   std::vector<gofer::select_case> cases;
//   for (auto& c : channels) cases.push_back(gofer::recv(c, handler));
//   int i = gofer::select(cases);
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <gofer/chan.hpp>
#include <gofer/detail/select_case.hpp>
#include <gofer/detail/timeout.hpp>
#include <memory>
#include <new>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

namespace gofer {

/// A case that receives from c. The handler takes a std::optional<T> (nullopt: closed and drained), or nothing.
template <class C, class F = detail::no_handler>
requires detail::can_recv<C>
auto recv(C&& c, F&& handler = {}) {
  using value = typename std::remove_cvref_t<C>::value_type;
  return detail::recv_case<value, std::decay_t<F>>(std::forward<C>(c), std::forward<F>(handler));
}

/// A case that sends v, which it owns until then, on c. The handler takes nothing.
template <class C, class F = detail::no_handler>
requires detail::can_send<C>
auto send(C&& c, typename std::remove_cvref_t<C>::value_type v, F&& handler = {}) {
  using value = typename std::remove_cvref_t<C>::value_type;
  return detail::send_case<value, std::decay_t<F>>(std::forward<C>(c), std::move(v), std::forward<F>(handler));
}
/// The same for channels that carry nothing.
template <class C, class F = detail::no_handler>
requires detail::can_send<C> && std::is_same_v<typename std::remove_cvref_t<C>::value_type, unit> &&
    (!std::is_same_v<std::decay_t<F>, unit>)auto send(C&& c, F&& handler = {}) {
  return detail::send_case<unit, std::decay_t<F>>(std::forward<C>(c), unit{}, std::forward<F>(handler));
}

/// The case that is taken at once when no other is ready (Go's default). At most one.
template <class F = detail::no_handler>
auto otherwise(F&& handler = {}) {
  return detail::otherwise_case<std::decay_t<F>>(std::in_place, std::forward<F>(handler));
}

/// The case that is taken when no other has become ready for as long as d. (without a handler: <gofer/time.hpp>)
template <class Rep, class Period, class F>
auto after(const std::chrono::duration<Rep, Period>& d, F&& handler) {
  return detail::after_case<std::decay_t<F>>(detail::timeout_ns(d), std::forward<F>(handler));
}

/// Any one case, copied into memory of its own; from a channel: a receive without a handler. Default-constructed: never
/// ready. It can be used again and again: a value that can be copied is sent as a copy, one that cannot is gone once it
/// was sent. Copying a select_case whose value or handler cannot be copied panics.
class select_case {
 public:
  select_case() noexcept {}  // not defaulted: storage_ stays raw, also in a const one
  template <class Case>
  requires detail::typed_case<std::remove_cvref_t<Case>> select_case(Case&& c) { emplace(std::forward<Case>(c)); }
  template <class C>
  requires detail::can_recv<C> select_case(C&& c) : select_case(gofer::recv(std::forward<C>(c))) {}
  select_case(const select_case& other) {
    if (other.ops_ != nullptr) other.ops_->copy(*this, other);
  }
  select_case(select_case&& other) noexcept {
    if (other.ops_ != nullptr) other.ops_->move(*this, other);
  }
  select_case& operator=(const select_case& other) {
    select_case copy(other);
    return *this = std::move(copy);
  }
  select_case& operator=(select_case&& other) noexcept {
    if (this == &other) return *this;
    reset();
    if (other.ops_ != nullptr) other.ops_->move(*this, other);
    return *this;
  }
  ~select_case() { reset(); }

  /// For select.
  void prepare(detail::select_list& list, bool) {
    if (ops_ == nullptr) {
      list.add_nil();
    } else {
      ops_->prepare(*this, list);
    }
  }
  void run(bool received) {
    if (ops_ != nullptr) ops_->run(*this, received);
  }

 private:
  struct ops {
    void (*prepare)(select_case& self, detail::select_list& list);
    void (*run)(select_case& self, bool received);
    void (*copy)(select_case& to, const select_case& from);
    void (*move)(select_case& to, select_case& from);
    void (*destroy)(select_case& self);
  };
  template <class Case>
  struct held;

  template <class Case>
  void emplace(Case&& c) {
    using how = held<std::remove_cvref_t<Case>>;
    how::construct(*this, std::forward<Case>(c));
    ops_ = &how::table;
  }
  void reset() noexcept {
    if (ops_ != nullptr) std::exchange(ops_, nullptr)->destroy(*this);
  }

  static constexpr std::size_t inline_size = 120;

  const ops* ops_ = nullptr;
  alignas(std::max_align_t) std::byte storage_[inline_size];
};

/// A Case in a select_case: in place when it is small and moves without failing, else on the heap.
template <class Case>
struct select_case::held {
  static constexpr bool in_place = sizeof(Case) <= inline_size && alignof(Case) <= alignof(std::max_align_t) &&
                                   std::is_nothrow_move_constructible_v<Case>;
  using stored = std::conditional_t<in_place, Case, Case*>;

  static stored& storage(select_case& self) { return *std::launder(reinterpret_cast<stored*>(self.storage_)); }
  static Case& get(select_case& self) {
    if constexpr (in_place) {
      return storage(self);
    } else {
      return *storage(self);
    }
  }
  template <class From>
  static void construct(select_case& self, From&& c) {
    if constexpr (in_place) {
      ::new (static_cast<void*>(self.storage_)) Case(std::forward<From>(c));
    } else {
      ::new (static_cast<void*>(self.storage_)) stored(new Case(std::forward<From>(c)));
    }
  }

  static void prepare(select_case& self, detail::select_list& list) { get(self).prepare(list, false); }
  static void run(select_case& self, bool received) { get(self).run(received); }
  static void copy(select_case& to, const select_case& from) {
    if constexpr (std::is_copy_constructible_v<Case>) {
      to.emplace(std::as_const(get(const_cast<select_case&>(from))));
    } else {
      detail::panic_copy_of_case();
    }
  }
  static void move(select_case& to, select_case& from) {
    if constexpr (in_place) {
      to.emplace(std::move(get(from)));
    } else {
      ::new (static_cast<void*>(to.storage_)) stored(storage(from));
      to.ops_ = std::exchange(from.ops_, nullptr);
    }
  }
  static void destroy(select_case& self) {
    if constexpr (in_place) {
      std::destroy_at(&get(self));
    } else {
      delete storage(self);
    }
  }

  static constexpr ops table = {prepare, run, copy, move, destroy};
};

namespace detail {

template <class C>
concept any_case = typed_case<std::remove_cvref_t<C>> || std::is_same_v<std::remove_cvref_t<C>, select_case>;

/// A container of cases of one type.
template <class R>
concept case_range = requires(R& cases) {
  std::size(cases);
  requires any_case<decltype(*std::data(cases))>;
  requires !std::is_const_v<std::remove_reference_t<decltype(*std::data(cases))>>;
};

template <class Case>
int select_dynamic(Case* all, std::size_t n) {
  constexpr std::size_t few = 16;
  if (n <= few) {
    scase cases[few];
    int positions[few];
    return select_among(all, n, cases, positions);
  }
  std::vector<scase> cases(n);
  std::vector<int> positions(n);
  return select_among(all, n, cases.data(), positions.data());
}

}  // namespace detail

/// Waits until one of the cases can go on (see above), does it, runs its handler, and returns its position among the
/// arguments. Panics when the case is a send and its channel is closed; what the handler panics with or throws comes
/// through.
template <class... Cases>
requires(sizeof...(Cases) > 0 &&
         ((detail::any_case<Cases> || detail::can_recv<Cases>)&&...)) int select(Cases&&... cases) {
  static_assert((int{detail::is_otherwise<std::remove_cvref_t<Cases>>} + ...) <= 1, "select: more than one otherwise");
  return detail::select_each(detail::operand<Cases>(cases)...);
}

/// The same for cases that are known at run time, in an array, vector or span. Up to 16 cost no allocation. None:
/// blocks for ever.
inline int select(std::span<select_case> cases) { return detail::select_dynamic(cases.data(), cases.size()); }
template <class Range>
requires detail::case_range<Range>
int select(Range&& cases) { return detail::select_dynamic(std::data(cases), std::size(cases)); }

/// Blocks for ever.
[[noreturn]] inline int select() {
  detail::selectgo(nullptr, 0, false, -1);
  __builtin_unreachable();
}

}  // namespace gofer
