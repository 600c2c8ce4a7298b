// Errors: values that say what went wrong, and what that came from.
//
// An error is one pointer: null when nothing went wrong, else a counted reference to an immutable node (a text, a
// std::error_code, an exception, or any type of the user's with a what()). So returning, copying and testing one is
// cheap, and two errors are equal when they are the same one, as in Go. Rejected: std::error_code alone (no text of its
// own, no cause), and exception_ptr alone (reading one means throwing it).
#pragma once

#include <fmt/core.h>

#include <algorithm>
#include <atomic>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <iosfwd>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <typeinfo>
#include <utility>
#include <vector>

namespace gofer {

class error;

namespace detail {

/// What an error refers to. Immutable once shared; counted, except for sentinels, which live for ever and are never
/// written (so that io::eof is no cache line that all workers fight for).
class error_node {
 public:
  error_node(const error_node&) = delete;
  error_node& operator=(const error_node&) = delete;

  virtual std::string what() const = 0;
  /// One line for chain(), when what() repeats the causes.
  virtual std::string summary() const { return what(); }
  /// The error's own idea of being `target` (Go's Is method).
  virtual bool is(const error& target) const;
  /// Value equality, for nodes that hold a comparable value.
  virtual bool equals(const error_node& other) const { return this == &other; }
  /// The held value seen as `type`, as a catch clause for `type&` would see it; nullptr if it is none.
  virtual void* value(const std::type_info& type) const;
  virtual error unwrap() const;
  virtual std::vector<error> unwrap_all() const;
  /// Gives up the reference to the only cause, so that long chains are freed without recursion.
  virtual error_node* detach_cause() noexcept { return nullptr; }
  /// Return addresses captured when the error was made; empty when none were.
  virtual std::span<void* const> stack() const { return {}; }
  virtual std::exception_ptr exception() const { return nullptr; }

  void retain() noexcept {
    if (refs_.load(std::memory_order_relaxed) != immortal) refs_.fetch_add(1, std::memory_order_relaxed);
  }
  static void release(error_node* node) noexcept;

 protected:
  struct forever {};
  error_node() noexcept : refs_(1) {}
  constexpr explicit error_node(forever) noexcept : refs_(immortal) {}
  // Not virtual, so that sentinels are trivially destructible and outlive every static object that uses them.
  ~error_node() = default;
  virtual void destroy() noexcept = 0;

 private:
  static constexpr std::uint32_t immortal = 0;
  std::atomic<std::uint32_t> refs_;
};

/// A node that is no heap object: `inline constinit detail::sentinel_error eof_node{"EOF"};` and, beside it,
/// `inline constinit const error eof{eof_node};`
class sentinel_error final : public error_node {
 public:
  constexpr explicit sentinel_error(const char* text) noexcept : error_node(forever{}), text_(text) {}
  std::string what() const override { return text_; }

 private:
  void destroy() noexcept override {}
  const char* text_;
};

/// What error can be made of: a type with a what(). Nullable types (error itself, panic_value) are none: an empty one
/// would become an error that says nothing.
template <class E>
concept error_value = std::is_class_v<E> && !std::is_same_v<E, error> && !std::is_constructible_v<bool, const E&> &&
                      requires(const E& e) {
  std::string(e.what());
};

/// `object`, thrown as `thrown`, as a handler for `handler&` would see it; nullptr if it would not.
void* caught_as(const std::type_info& handler, const std::type_info& thrown, void* object);

template <class E>
class value_error;

error_node* new_error(std::string text);
error_node* new_error(std::error_code code);
error_node* new_error(const std::exception_ptr& e);
error new_wrap(error cause, std::string text);
[[noreturn]] void must_failed(const error& err);

/// The error of a failed system call: its std::error_code (so that is(err, std::errc::…) answers) with Go's text, which
/// is strerror's in lower case: "connection refused". Null for 0.
error errno_error(int errnum);

}  // namespace detail

/// What went wrong, or null (`!err`) when nothing did. A cheap value: one pointer, copied by counting up. Immutable;
/// the same error may be used from several threads.
///
/// A type of one's own becomes an error by having `what()`; it may also have `bool is(const error& target) const`, and
/// `unwrap() const` returning an error or a range of errors, which is() and as() then follow, as Go's errors package
/// does.
class error {
 public:
  constexpr error() noexcept = default;
  constexpr error(std::nullptr_t) noexcept {}
  constexpr explicit error(detail::sentinel_error& sentinel) noexcept : node_(&sentinel) {}

  /// Null when `code` is no error. what() is code.message().
  error(std::error_code code) : node_(code ? detail::new_error(code) : nullptr) {}
  template <class Enum>
  requires std::is_error_code_enum_v<Enum> error(Enum code) : error(std::error_code(code)) {}

  /// Null when `e` is. what() is the exception's; as<T>() sees it as `catch (T&)` would; std::nested_exception is
  /// followed.
  error(const std::exception_ptr& e) : node_(e ? detail::new_error(e) : nullptr) {}

  /// Holds `value`; as<E>() finds it. A reference to the base of a bigger object (what `catch (const std::exception&
  /// e)` gives) is not sliced: the text is kept, the type is not. std::current_exception() keeps both.
  template <class E>
  requires detail::error_value<std::remove_cvref_t<E>> error(E&& value)
      : node_(detail::value_error<std::remove_cvref_t<E>>::make(std::forward<E>(value))) {}

  error(const error& other) noexcept : node_(other.node_) {
    if (node_ != nullptr) node_->retain();
  }
  error(error&& other) noexcept : node_(std::exchange(other.node_, nullptr)) {}
  error& operator=(const error& other) noexcept {
    error copy(other);
    std::swap(node_, copy.node_);
    return *this;
  }
  error& operator=(error&& other) noexcept {
    error taken(std::move(other));
    std::swap(node_, taken.node_);
    return *this;
  }
  ~error() {
    if (node_ != nullptr) detail::error_node::release(node_);
  }

  /// True when something went wrong.
  explicit operator bool() const noexcept { return node_ != nullptr; }

  /// The text; "<nil>", as Go prints it, when null.
  std::string what() const;
  /// The error and everything it came from, one per line, causes indented below what they caused, captured stacks with
  /// them.
  std::string chain() const;
  /// The traceback that with_stack() captured; empty when it was not called.
  std::string stack() const;
  /// The first std::error_code in the chain (a std::system_error's too); zero when there is none.
  std::error_code code() const;
  /// For code that speaks exceptions: the exception this error was made of, else a gofer::error_exception with this
  /// error in it; null when null.
  std::exception_ptr exception() const;

  /// The same error; or two that hold equal values of one comparable type (std::error_code is one).
  friend bool operator==(const error& a, const error& b) {
    return a.node_ == b.node_ || (a.node_ != nullptr && b.node_ != nullptr && a.node_->equals(*b.node_));
  }
  friend bool operator==(const error& a, std::nullptr_t) noexcept { return a.node_ == nullptr; }
  /// Prints what().
  friend std::ostream& operator<<(std::ostream& out, const error& err);

  /// For the library: takes over a reference, and lends its own.
  static error adopt(detail::error_node* node) noexcept {
    error e;
    e.node_ = node;
    return e;
  }
  detail::error_node* node() const noexcept { return node_; }
  detail::error_node* leave() noexcept { return std::exchange(node_, nullptr); }

 private:
  detail::error_node* node_ = nullptr;
};

/// What error::exception() throws into code that speaks exceptions; error(std::exception_ptr) gives the error back.
class error_exception : public std::exception {
 public:
  explicit error_exception(error err) : err_(std::move(err)), text_(err_.what()) {}
  const char* what() const noexcept override { return text_.c_str(); }
  const error& err() const noexcept { return err_; }

 private:
  error err_;
  std::string text_;
};

/// A new error with this text, equal to no other.
error make_error(std::string_view text);
/// The same with the text made by {fmt}: make_error("no route to {}", host).
template <class Arg, class... Args>
error make_error(fmt::format_string<const Arg&, const Args&...> format, const Arg& arg, const Args&... args) {
  return make_error(fmt::vformat(format, fmt::make_format_args(arg, args...)));
}

/// An error that holds `value`: error(value), for symmetry.
template <class E>
requires detail::error_value<std::remove_cvref_t<E>> error make_error(E&& value) {
  return error(std::forward<E>(value));
}

/// An error with the text "text: what err says", that is() and as() see through. Null when err is: `return wrap(f(),
/// "…");` is right.
inline error wrap(error err, std::string_view text) {
  return err ? detail::new_wrap(std::move(err), std::string(text)) : error();
}
/// The same with the text made by {fmt}: wrap(err, "reading {}", file).
template <class Arg, class... Args>
error wrap(error err, fmt::format_string<const Arg&, const Args&...> format, const Arg& arg, const Args&... args) {
  return err ? detail::new_wrap(std::move(err), fmt::vformat(format, fmt::make_format_args(arg, args...))) : error();
}

/// Attaches the caller's traceback to err (see error::stack and error::chain), unless it carries one: the first says
/// where it began. Its text stays as it is. Null when err is.
error with_stack(error err);

/// What err directly wraps; null when it wraps nothing, or several (join), as in Go.
error unwrap(const error& err);

/// Whether err, or anything it came from, is `target`: equal to it, or saying so by an is() of its own. Null is only
/// null.
bool is(const error& err, const error& target);
/// Whether anything in err's chain is a std::error_code equivalent to `condition`: is(err,
/// std::errc::connection_refused).
bool is(const error& err, const std::error_condition& condition);

namespace detail {
void* error_as(const error& err, const std::type_info& type);
}

/// The first value of type T (or derived from it) in err's chain, nullptr when there is none. It lives as long as err
/// does.
template <class T>
T* as(const error& err) {
  static_assert(std::is_same_v<T, std::remove_cvref_t<T>> && !std::is_pointer_v<T>, "as<T>: T is the error's own type");
  return static_cast<T*>(detail::error_as(err, typeid(T)));
}

/// All that are not null as one, its text theirs, one per line; null when all are.
error join(std::span<const error> errs);
template <std::convertible_to<error>... E>
error join(const E&... errs) {
  const error list[] = {error(errs)..., error()};
  return join(std::span<const error>(list));
}

/// What a function that can fail returns: `auto [value, err] = f();`, value being T{} when err is not null.
template <class T>
struct result {
  using value_type = T;
  T value{};
  error err{};
};
template <>
struct result<void> {
  using value_type = void;
  error err{};
};

/// The value of a call that cannot fail here; panics with the error when it did.
template <class T>
T must(result<T> r) {
  if (r.err) [[unlikely]]
    detail::must_failed(r.err);
  if constexpr (!std::is_void_v<T>) return std::move(r.value);
}
inline void must(const error& err) {
  if (err) [[unlikely]]
    detail::must_failed(err);
}

namespace detail {

template <class E>
class value_error final : public error_node {
 public:
  template <class V>
  static error_node* make(V&& value) {
    if constexpr (std::is_polymorphic_v<E> && !std::is_final_v<E>) {
      const std::type_info& actual = typeid(value);
      if (actual != typeid(E)) return new_error(std::string(value.what()));
    }
    return new value_error(std::forward<V>(value));
  }

  std::string what() const override { return std::string(value_.what()); }
  bool is(const error& target) const override {
    if constexpr (requires { bool(value_.is(target)); }) {
      return bool(value_.is(target));
    } else {
      return error_node::is(target);
    }
  }
  bool equals(const error_node& other) const override {
    if constexpr (std::equality_comparable<E>) {
      const auto* same = dynamic_cast<const value_error*>(&other);
      return same != nullptr && value_ == same->value_;
    } else {
      return error_node::equals(other);
    }
  }
  void* value(const std::type_info& type) const override { return caught_as(type, typeid(E), &value_); }
  error unwrap() const override {
    if constexpr (requires { error(value_.unwrap()); }) {
      return error(value_.unwrap());
    } else {
      return {};
    }
  }
  std::vector<error> unwrap_all() const override {
    if constexpr (
        !requires { error(value_.unwrap()); } && requires { value_.unwrap().begin(); }) {
      auto&& causes = value_.unwrap();
      return std::vector<error>(causes.begin(), causes.end());
    } else {
      return {};
    }
  }

 private:
  template <class V>
  explicit value_error(V&& value) : value_(std::forward<V>(value)) {}
  void destroy() noexcept override { delete this; }
  // mutable: as<T>() hands out T*, as Go's As does; the node itself never changes it.
  mutable E value_;
};

}  // namespace detail

}  // namespace gofer

/// Errors in {fmt} texts: what().
template <>
struct fmt::formatter<gofer::error> {
  constexpr auto parse(format_parse_context& ctx) { return ctx.begin(); }
  template <class Context>
  auto format(const gofer::error& err, Context& ctx) const {
    const std::string text = err.what();
    return std::copy(text.begin(), text.end(), ctx.out());
  }
};
