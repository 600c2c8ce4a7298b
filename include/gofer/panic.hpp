// panic and recover: Go's, on C++ unwinding. docs/panic.md tells how.
#pragma once

#include <cstddef>
#include <exception>
#include <gofer/detail/boundary.hpp>
#include <gofer/detail/panic_data.hpp>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <typeinfo>
#include <utility>

namespace gofer {

/// The value of a panic that the runtime itself raises (Go's runtime.Error): nil dereference, division by zero, index
/// out of range, misuse of a channel. what() is Go's text.
class runtime_error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// What recover() returns: the value of the panic, or empty. A shared handle; copying is cheap. Not for use by two
/// threads at once.
class panic_value {
 public:
  panic_value() = default;
  explicit panic_value(detail::panic_ref data) : data_(std::move(data)) {}

  /// True when there was a panic to recover.
  explicit operator bool() const { return static_cast<bool>(data_); }

  /// The text that Go would print for the value; for an exception its what(), or its type when it has none.
  std::string what() const { return data_ ? data_->text() : "nil"; }

  /// The value, if it is a T (for a class type, also if it is derived from T): nullptr otherwise. A recovered exception
  /// is seen as `catch (T&)` would see it. Valid as long as this handle or a copy of it lives.
  template <class T>
  T* as() const {
    return data_ ? static_cast<T*>(detail::panic_as<T>(*data_)) : nullptr;
  }

  /// Where the panic began, in Go's traceback format. Symbolized at the call, which may take milliseconds the first
  /// time.
  std::string stack() const { return data_ ? detail::panic_stack(*data_) : std::string(); }

  /// The recovered C++ exception; null when the panic was raised by panic().
  std::exception_ptr exception() const { return data_ ? data_->exception : nullptr; }

  /// For panic(panic_value): what is panicked with again.
  const detail::panic_ref& data() const { return data_; }

 private:
  detail::panic_ref data_;
};

/// Stops the ordinary flow of this goroutine (or plain thread): deferred calls and destructors run, youngest first,
/// until a deferred call recovers; then execution goes on behind the innermost boundary (func, deferred call, goroutine
/// entry). Unrecovered, it ends the process with Go's report and status 2. Any copyable or movable value; string
/// literals and string_views are held as std::string; nullptr becomes Go's PanicNilError; a panic_value panics again
/// with the value in it.
template <class T>
[[noreturn]] GOFER_NOIPA void panic(T value) {
  detail::gopanic(detail::new_panic_data(std::move(value)));
}
[[noreturn]] void panic(const char* text);
[[noreturn]] void panic(std::string_view text);
[[noreturn]] void panic(std::nullptr_t);
[[noreturn]] void panic(const panic_value& again);

/// The value of the panic that the calling deferred function was called for, which thereby is recovered; empty when
/// there is none, or when the caller is not the deferred function itself. The arguments are the compiler's business:
/// leave them out.
GOFER_KEEPS_CALLER panic_value recover(void* caller = __builtin_return_address(0),
                                       void* never_inlined = GOFER_NEVER_INLINED);

/// A function boundary: stands for a Go function that has deferred calls. Runs body and returns its result; when a
/// panic is recovered inside, what is left of the frames inside is unwound and func returns the named result as it
/// stands, or T{}.
///   func([&](int& result) { … })   named result, starts as int{}
///   func([&] { … })                void
///   func([&]() -> int { … })       by return value; int{} if recovered
template <class Body>
auto func(Body&& body) {
  if constexpr (std::is_invocable_v<Body>) {
    using T = std::invoke_result_t<Body>;
    static_assert(!std::is_reference_v<T>,
                  "gofer::func: a reference has no zero value to return after a recover; return a pointer");
    try {
      return std::forward<Body>(body)();
    } catch (detail::boundary_tag&) {
      detail::landed();
      return T();
    }
  } else {
    using T = detail::named_result_t<std::remove_cvref_t<Body>>;
    T result{};
    try {
      std::forward<Body>(body)(result);
    } catch (detail::boundary_tag&) {
      detail::landed();
    }
    return result;
  }
}

/// container[i], or Go's panic "index out of range [i] with length n". Any container with size() and operator[], and
/// arrays.
template <class Container, class Index>
decltype(auto) at(Container&& container, Index i) {
  const auto n = std::size(container);
  if constexpr (std::is_signed_v<Index>) {
    if (i < 0) [[unlikely]] {
      detail::panic_index(static_cast<long long>(i), static_cast<unsigned long long>(n));
    }
  }
  if (static_cast<unsigned long long>(i) >= static_cast<unsigned long long>(n)) [[unlikely]] {
    detail::panic_index(static_cast<long long>(i), static_cast<unsigned long long>(n));
  }
  return std::forward<Container>(container)[static_cast<std::size_t>(i)];
}

}  // namespace gofer
