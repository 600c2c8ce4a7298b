// Channels: typed, first-in first-out queues between goroutines (and plain threads), as in Go.
//
//   gofer::chan<int> c{10};      // room for ten; 0 or make_chan<int>() is unbuffered: a send waits for its receive
//   gofer::go([c] { for (int i = 0; i < 3; i++) c.send(i); c.close(); });
//   for (int v : c) use(v);      // until closed and drained
//
// A chan is a shared handle: copies are the same channel, and it lives as long as one of them does. All operations may
// be called from any number of goroutines and threads at once. The engine below (runtime/hchan.cpp) is untyped; this is
// its typed face.
#pragma once

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <gofer/detail/hchan.hpp>
#include <gofer/detail/timeout.hpp>
#include <iterator>
#include <limits>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

namespace gofer {

/// What a chan<> carries: nothing. A chan<> is closed, or sent to, only to tell that something happened.
struct [[maybe_unused]] unit {
  friend constexpr bool operator==(unit, unit) noexcept { return true; }
};

/// What try_recv found: a value, nothing at the moment, or that the channel is closed and drained.
enum class recv_status : std::uint8_t { ok, empty, closed };

template <class T = void>
class chan;
template <class T = void>
class send_chan;
template <class T = void>
class recv_chan;

namespace detail {

struct chan_access;

/// gofer::context, which needs channels itself.
template <class C>
concept context_like = requires(const C& ctx) {
  ctx.done().recv();
  static_cast<bool>(ctx.err());
};

/// `auto [value, err] = c.recv(ctx);`
template <class T, class Error>
struct recv_or_error {
  std::optional<T> value;
  Error err;
};

template <class T>
using chan_value = std::conditional_t<std::is_void_v<T>, unit, T>;

/// What the three handles have in common.
template <class T>
class chan_handle {
 public:
  using value_type = chan_value<T>;
  // T may be incomplete here: a type may hold channels of itself.
  static_assert(std::is_object_v<value_type> && !std::is_array_v<value_type> && !std::is_const_v<value_type>,
                "chan<T>: T is an object type, not const");

  /// How many values are buffered; 0 for nil. Never blocks.
  std::size_t len() const noexcept { return ref_.get() == nullptr ? 0 : chanlen(ref_.get()); }
  /// How many values the buffer has room for; 0 for nil.
  std::size_t cap() const noexcept { return ref_.get() == nullptr ? 0 : chancap(ref_.get()); }
  /// False: nil, on which everything blocks for ever.
  explicit operator bool() const noexcept { return ref_.get() != nullptr; }

 protected:
  chan_handle() noexcept = default;
  explicit chan_handle(chan_ref ref) noexcept : ref_(std::move(ref)) {}
  ~chan_handle() = default;
  chan_handle(const chan_handle&) noexcept = default;
  chan_handle(chan_handle&&) noexcept = default;
  chan_handle& operator=(const chan_handle&) noexcept = default;
  chan_handle& operator=(chan_handle&&) noexcept = default;

  friend chan_access;
  chan_ref ref_;
};

/// For select.hpp and the conversions.
struct chan_access {
  template <class T>
  static const chan_ref& ref(const chan_handle<T>& h) noexcept {
    return h.ref_;
  }
  template <class T>
  static chan_ref take(chan_handle<T>&& h) noexcept {
    return std::move(h.ref_);
  }
};

/// The sending operations, mixed into chan and send_chan.
template <class Handle, class T>
class sender {
  using value = chan_value<T>;

 public:
  /// Sends v; blocks until a receiver takes it or there is room in the buffer; on nil for ever. Panics when the channel
  /// is, or while it waits becomes, closed.
  void send(value&& v) const { chansend(channel(), std::addressof(v), true); }
  // Templates, because Clang 14 would look at the constraint, and so at T, as soon as the channel is named.
  template <class V = value>
  void send(const std::type_identity_t<V>& v) const requires std::copy_constructible<V> {
    if constexpr (elem_by_memcpy<value>) {
      chansend(channel(), const_cast<value*>(std::addressof(v)), true);
    } else {
      value copy(v);
      chansend(channel(), std::addressof(copy), true);
    }
  }
  void send() const requires std::is_void_v<T> { send(unit{}); }

  /// Sends v if that is possible without blocking; false, and v is untouched, when it is not. Panics when the channel
  /// is closed.
  bool try_send(value&& v) const { return chansend(channel(), std::addressof(v), false); }
  template <class V = value>
  bool try_send(const std::type_identity_t<V>& v) const requires std::copy_constructible<V> {
    if constexpr (elem_by_memcpy<value>) {
      return chansend(channel(), const_cast<value*>(std::addressof(v)), false);
    } else {
      value copy(v);
      return chansend(channel(), std::addressof(copy), false);
    }
  }
  bool try_send() const requires std::is_void_v<T> { return try_send(unit{}); }

  /// As send, but gives up, with v untouched, when `d` has gone by.
  template <class Rep, class Period>
  bool try_send_for(value&& v, const std::chrono::duration<Rep, Period>& d) const {
    return send_within(v, timeout_ns(d));
  }
  template <class Rep, class Period, class V = value>
  bool try_send_for(const std::type_identity_t<V>& v,
                    const std::chrono::duration<Rep, Period>& d) const requires std::copy_constructible<V> {
    value copy(v);
    return send_within(copy, timeout_ns(d));
  }
  /// As send, but gives up, with v untouched, when `t` has come.
  template <class Clock, class Duration>
  bool try_send_until(value&& v, const std::chrono::time_point<Clock, Duration>& t) const {
    return wait_until(t, [&](std::int64_t ns) { return send_within(v, ns); });
  }
  template <class Clock, class Duration, class V = value>
  bool try_send_until(const std::type_identity_t<V>& v,
                      const std::chrono::time_point<Clock, Duration>& t) const requires std::copy_constructible<V> {
    value copy(v);
    return wait_until(t, [&](std::int64_t ns) { return send_within(copy, ns); });
  }

  /// As send, but gives up when ctx is done: ctx.err(), and v is gone; null when it was sent.
  template <context_like Context>
  auto send(const Context& ctx, value v) const -> decltype(ctx.err()) {
    return send_unless(ctx, v);
  }
  template <context_like Context>
  auto send(const Context& ctx) const -> decltype(ctx.err()) requires std::is_void_v<T> {
    unit v;
    return send_unless(ctx, v);
  }

  /// Closes the channel: no more sends. Receivers drain what is buffered and then see the end; whoever waits is woken.
  /// Panics when it is closed already, or nil. Never blocks.
  void close() const { closechan(channel()); }

 private:
  hchan* channel() const noexcept { return chan_access::ref(static_cast<const Handle&>(*this)).get(); }
  template <class Context>
  auto send_unless(const Context& ctx, value& v) const -> decltype(ctx.err()) {
    if (auto err = ctx.err()) return err;
    const auto done = ctx.done();
    unit nothing;
    const scase cases[] = {{channel(), std::addressof(v), true}, {chan_access::ref(done).get(), &nothing, false}};
    if (selectgo(cases, 2, false, -1).index == 0) return {};
    return ctx.err();
  }
  bool send_within(value& v, std::int64_t ns) const {
    const scase only{channel(), std::addressof(v), true};
    return selectgo(&only, 1, false, ns).index == 0;
  }
};

struct chan_end {};

/// `for (T v : c)`: each step receives; the end is reached when the channel is closed and drained.
template <class Handle, class T>
class chan_iterator {
 public:
  using value_type = T;
  using difference_type = std::ptrdiff_t;
  using iterator_concept = std::input_iterator_tag;

  chan_iterator() = default;
  explicit chan_iterator(const Handle& c) : c_(c) { c_.recv_into(value_); }

  /// The value received last; it may be moved out of.
  T&& operator*() const { return std::move(*value_); }
  chan_iterator& operator++() {
    value_.reset();
    c_.recv_into(value_);
    return *this;
  }
  void operator++(int) { ++*this; }
  friend bool operator==(const chan_iterator& it, chan_end) { return !it.value_; }

 private:
  Handle c_;
  mutable std::optional<T> value_;
};

/// The receiving operations, mixed into chan and recv_chan.
template <class Handle, class T>
class receiver {
  using value = chan_value<T>;

 public:
  /// Receives the oldest value; blocks until there is one; on nil for ever. nullopt: the channel is closed and drained.
  std::optional<value> recv() const {
    std::optional<value> got;
    recv_into(got);
    return got;
  }

  /// Receives into v (by move assignment) if that is possible without blocking.
  recv_status try_recv(value& v) const {
    elem_slot<value> slot;
    return store(slot, chanrecv(channel(), slot.address(), false), v);
  }
  /// The same when only the event matters.
  recv_status try_recv() const requires std::is_void_v<T> {
    unit v;
    return try_recv(v);
  }

  /// As recv, into v; `empty` when nothing came for as long as `d`.
  template <class Rep, class Period>
  recv_status try_recv_for(value& v, const std::chrono::duration<Rep, Period>& d) const {
    elem_slot<value> slot;
    return store(slot, recv_within(slot, timeout_ns(d)), v);
  }
  /// As recv, into v; `empty` when nothing came until `t`.
  template <class Clock, class Duration>
  recv_status try_recv_until(value& v, const std::chrono::time_point<Clock, Duration>& t) const {
    elem_slot<value> slot;
    recv_result result = recv_result::empty;
    wait_until(t, [&](std::int64_t ns) { return (result = recv_within(slot, ns)) != recv_result::empty; });
    return store(slot, result, v);
  }

  /// As recv, but gives up when ctx is done: `auto [value, err] = c.recv(ctx);` with err null unless it did.
  template <context_like Context>
  auto recv(const Context& ctx) const -> recv_or_error<value, decltype(ctx.err())> {
    if (auto err = ctx.err()) return {std::nullopt, std::move(err)};
    const auto done = ctx.done();
    unit nothing;
    elem_slot<value> slot;
    const scase cases[] = {{channel(), slot.address(), false}, {chan_access::ref(done).get(), &nothing, false}};
    const select_result r = selectgo(cases, 2, false, -1);
    if (r.index != 0) return {std::nullopt, ctx.err()};
    if (!r.received) return {};
    return {std::optional<value>(slot.get()), {}};
  }

  /// One pass over what is received from now on. Several loops over the same channel share its values.
  chan_iterator<Handle, value> begin() const { return chan_iterator<Handle, value>(static_cast<const Handle&>(*this)); }
  chan_end end() const noexcept { return {}; }

 private:
  hchan* channel() const noexcept { return chan_access::ref(static_cast<const Handle&>(*this)).get(); }
  template <class, class>
  friend class chan_iterator;

  /// `to` is empty. Not by assignment: T need not have one.
  void recv_into(std::optional<value>& to) const {
    if constexpr (elem_by_memcpy<value>) {
      elem_slot<value> slot;
      if (chanrecv(channel(), slot.address(), true) == recv_result::ok) to.emplace(slot.get());
    } else {
      chanrecv(channel(), std::addressof(to), true);
    }
  }
  // Templates, because elem_slot<value> cannot be named where T is incomplete.
  template <class Slot>
  recv_result recv_within(Slot& slot, std::int64_t ns) const {
    const scase only{channel(), slot.address(), false};
    const select_result r = selectgo(&only, 1, false, ns);
    if (r.index != 0) return recv_result::empty;
    return r.received ? recv_result::ok : recv_result::closed;
  }
  template <class Slot>
  static recv_status store(Slot& slot, recv_result result, value& v) {
    if (result == recv_result::ok) v = slot.get();
    switch (result) {
      case recv_result::ok:
        return recv_status::ok;
      case recv_result::empty:
        return recv_status::empty;
      default:
        return recv_status::closed;
    }
  }
};

}  // namespace detail

/// A channel of T, as a shared handle. chan<> carries no value.
template <class T>
class chan : public detail::chan_handle<T>, public detail::sender<chan<T>, T>, public detail::receiver<chan<T>, T> {
 public:
  /// nil: every operation blocks for ever, close panics.
  chan() noexcept = default;
  chan(std::nullptr_t) noexcept {}
  /// A new channel with room for `cap` values. Panics ("makechan: size out of range") when cap is negative or absurd.
  template <std::integral Int>
  explicit chan(Int cap) : detail::chan_handle<T>(detail::chan_ref(make(cap))) {}

  /// The same channel, or both nil.
  friend bool operator==(const chan& a, const chan& b) noexcept { return a.ref_.get() == b.ref_.get(); }
  friend bool operator==(const chan& a, std::nullptr_t) noexcept { return a.ref_.get() == nullptr; }

 private:
  template <class Int>
  static detail::hchan* make(Int cap) {
    using value = typename chan::value_type;
    static_assert(std::is_move_constructible_v<value> && std::is_destructible_v<value>, "chan<T>: T can be moved");
    constexpr auto max = std::numeric_limits<std::int64_t>::max();
    const bool too_big = std::cmp_greater(cap, max);
    return detail::makechan(detail::elem_type_of<value>, too_big ? max : static_cast<std::int64_t>(cap));
  }
};

/// The end of a channel that one sends to (Go's chan<- T).
template <class T>
class send_chan : public detail::chan_handle<T>, public detail::sender<send_chan<T>, T> {
 public:
  send_chan() noexcept = default;
  send_chan(std::nullptr_t) noexcept {}
  send_chan(const chan<T>& c) noexcept : detail::chan_handle<T>(detail::chan_access::ref(c)) {}
  send_chan(chan<T>&& c) noexcept : detail::chan_handle<T>(detail::chan_access::take(std::move(c))) {}

  friend bool operator==(const send_chan& a, const send_chan& b) noexcept { return a.ref_.get() == b.ref_.get(); }
  friend bool operator==(const send_chan& a, std::nullptr_t) noexcept { return a.ref_.get() == nullptr; }
};

/// The end of a channel that one receives from (Go's <-chan T).
template <class T>
class recv_chan : public detail::chan_handle<T>, public detail::receiver<recv_chan<T>, T> {
 public:
  recv_chan() noexcept = default;
  recv_chan(std::nullptr_t) noexcept {}
  recv_chan(const chan<T>& c) noexcept : detail::chan_handle<T>(detail::chan_access::ref(c)) {}
  recv_chan(chan<T>&& c) noexcept : detail::chan_handle<T>(detail::chan_access::take(std::move(c))) {}

  friend bool operator==(const recv_chan& a, const recv_chan& b) noexcept { return a.ref_.get() == b.ref_.get(); }
  friend bool operator==(const recv_chan& a, std::nullptr_t) noexcept { return a.ref_.get() == nullptr; }
};

/// A new channel with room for `cap` values; unbuffered without. Panics as chan's constructor does.
template <class T = void>
chan<T> make_chan(std::int64_t cap = 0) {
  return chan<T>(cap);
}

}  // namespace gofer

/// Handles hash by identity.
template <class T>
struct std::hash<gofer::chan<T>> {
  std::size_t operator()(const gofer::chan<T>& c) const noexcept {
    return std::hash<const void*>()(gofer::detail::chan_access::ref(c).get());
  }
};
