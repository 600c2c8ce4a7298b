// defer: deferred calls as objects, in one LIFO order with C++ destructors.
#pragma once

#include <cstddef>
#include <cstdint>
#include <gofer/detail/boundary.hpp>
#include <gofer/detail/deferred_call.hpp>
#include <gofer/panic.hpp>
#include <new>
#include <type_traits>
#include <utility>

namespace gofer {

/// Runs f(args...) when the enclosing scope ends: by return, break, panic, goexit or exception. f and args are
/// evaluated and stored now, reach the call as rvalues, and are destroyed when it is over. In the deferred function
/// recover() works, and it is a boundary of its own. It may block, yield, panic, throw. Neither copies nor moves. No
/// allocation, no list: the open-coded kind of Go's three. Any goroutine or plain thread.
template <class F, class... Args>
class [[nodiscard]] defer {
 public:
  template <class G, class... A>
  explicit defer(G&& f, A&&... args) : raises_(detail::raises()), call_(std::forward<G>(f), std::forward<A>(args)...) {}
  defer(const defer&) = delete;
  defer& operator=(const defer&) = delete;

  ~defer() noexcept(false) {
    if (detail::raises() == raises_) [[likely]] {
      call_.run();
    } else {
      detail::deferreturn(raises_, call_type::thunk(), &call_);
    }
  }

 private:
  using call_type = detail::deferred_call<F, Args...>;
  std::uint64_t raises_;
  call_type call_;
};

template <class G, class... A>
defer(G&&, A&&...) -> defer<std::decay_t<G>, std::decay_t<A>...>;

/// `gofer::defer d{gofer::recover};` is Go's `defer recover()`: nothing when a panic runs it, the deferred function's
/// own recover when that has made it and ends.
template <>
class [[nodiscard]] defer<detail::gorecover_function> {
 public:
  GOFER_KEEPS_CALLER explicit defer(detail::gorecover_function, void* caller = __builtin_return_address(0),
                                    void* never_inlined = GOFER_NEVER_INLINED);
  defer(const defer&) = delete;
  defer& operator=(const defer&) = delete;
  ~defer();

 private:
  std::uint64_t raises_;
  detail::deferred_recover call_;
};

/// Many deferred calls: pushed in loops and branches, run youngest first when the list's scope ends. The first few lie
/// in the object, further ones in records from the P's pool (Go's newdefer/freedefer). Neither copies nor moves.
/// Pushing while it runs is fatal. One goroutine at a time.
class [[nodiscard]] defer_list {
 public:
  defer_list() : raises_(detail::raises()) {}
  defer_list(const defer_list&) = delete;
  defer_list& operator=(const defer_list&) = delete;
  ~defer_list() noexcept(false) {
    if (head_ != nullptr || spare_ != nullptr) detail::deferreturn(*this);
  }

  /// Defers f(args...): evaluated and stored now.
  template <class G, class... A>
  void push(G&& f, A&&... args) {
    place<detail::deferred_call<std::decay_t<G>, std::decay_t<A>...>>(std::forward<G>(f), std::forward<A>(args)...);
  }

  /// Go's `defer recover()`, as with gofer::defer.
  GOFER_KEEPS_CALLER void push(detail::gorecover_function, void* caller = __builtin_return_address(0),
                               void* never_inlined = GOFER_NEVER_INLINED);

  /// How many calls wait.
  std::size_t size() const { return size_; }

 private:
  friend void detail::deferreturn(defer_list& list);
  friend struct detail::defer_list_runner;
  static constexpr unsigned inline_records = 4;

  template <class call_type, class... A>
  void place(A&&... args) {
    constexpr const detail::defer_ops* ops = &detail::ops_of<call_type>;
    if (running_) [[unlikely]]
      detail::push_while_running();
    constexpr bool fits = ops->size <= sizeof(inline_slot) && ops->align <= alignof(inline_slot);
    constexpr bool pooled = ops->size <= detail::pooled_record_size && ops->align <= alignof(detail::_defer);
    const bool in_object = fits && inline_used_ < inline_records;
    detail::_defer* d;
    if (in_object) {
      d = detail::deferprocStack(&inline_[inline_used_], ops);
    } else if constexpr (pooled) {
      // Several at a time: the way to the pool costs more than the rest.
      if (spare_ == nullptr) spare_ = detail::deferproc();
      d = spare_;
      spare_ = d->link;
      d->ops = ops;
    } else {
      d = detail::deferproc_large(ops);
    }
    if constexpr (std::is_nothrow_constructible_v<call_type, A...>) {
      ::new (detail::closure_of(d)) call_type(std::forward<A>(args)...);
    } else {
      try {
        ::new (detail::closure_of(d)) call_type(std::forward<A>(args)...);
      } catch (...) {
        recycle(d);
        throw;
      }
    }
    if (in_object) inline_used_++;
    d->link = head_;
    head_ = d;
    size_++;
  }

  bool is_inline(const detail::_defer* d) const {
    // One comparison: what lies before wraps to a large number.
    return reinterpret_cast<std::uintptr_t>(d) - reinterpret_cast<std::uintptr_t>(inline_) < sizeof inline_;
  }

  // d's closure is gone, or was never made.
  void recycle(detail::_defer* d) noexcept {
    if (is_inline(d)) return;
    if (!detail::is_pooled(d->ops)) {
      detail::freedefer_large(d);
      return;
    }
    d->link = spare_;
    spare_ = d;
  }

  detail::_defer* head_ = nullptr;
  detail::_defer* spare_ = nullptr;  // records of the pool, unused or used up; they go back all at once
  std::size_t size_ = 0;
  std::uint64_t raises_;
  unsigned inline_used_ = 0;
  bool running_ = false;
  struct alignas(16) inline_slot {
    std::byte bytes[detail::inline_record_size];
  };
  inline_slot inline_[inline_records];
};

}  // namespace gofer

#define GOFER_DEFER_CONCAT2(a, b) a##b
#define GOFER_DEFER_CONCAT(a, b) GOFER_DEFER_CONCAT2(a, b)
/// GOFER_DEFER(file.close()); runs the statement when the scope ends; by-reference capture.
#define GOFER_DEFER(...)                                         \
  ::gofer::defer GOFER_DEFER_CONCAT(gofer_defer_, __COUNTER__) { \
    [&] { __VA_ARGS__; }                                         \
  }
