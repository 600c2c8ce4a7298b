// What a panic carries, behind panic_value.
#pragma once

#include <atomic>
#include <complex>
#include <concepts>
#include <cstddef>
#include <exception>
#include <memory>
#include <sstream>
#include <string>
#include <string_view>
#include <type_traits>
#include <typeinfo>
#include <utility>
#include <vector>

// GCC 12's ipa-modref drops the stores of a [[noreturn]] function that moves its parameter away and throws (seen at -O1
// and up, with a shared_ptr); tests/unit/panic_test.cpp keeps the case.
#if defined(__clang__)
#define GOFER_NOIPA
#else
#define GOFER_NOIPA __attribute__((noipa))
#endif

namespace gofer {

class panic_value;

namespace detail {

/// The value, its type forgotten.
class panic_box {
 public:
  panic_box() = default;
  panic_box(const panic_box&) = delete;
  panic_box& operator=(const panic_box&) = delete;
  virtual ~panic_box();
  virtual const std::type_info& type() const = 0;
  virtual void* get() = 0;
  /// As Go's printpanicval would.
  virtual std::string text() const = 0;
  /// Throws a pointer to the value, for as<Base>().
  [[noreturn]] virtual void throw_pointer() = 0;
  virtual bool is_runtime_error() const { return false; }
};

/// Return addresses, innermost first. Most stacks fit without an allocation.
class call_stack {
 public:
  void assign(void* const* first, void* const* last) {
    size_ = static_cast<std::size_t>(last - first);
    if (size_ <= few) {
      for (std::size_t i = 0; i < size_; i++) few_[i] = first[i];
    } else {
      many_.assign(first, last);
    }
  }
  bool empty() const { return size_ == 0; }
  std::size_t size() const { return size_; }
  void* const* data() const { return size_ <= few ? few_ : many_.data(); }

 private:
  static constexpr std::size_t few = 24;
  std::size_t size_ = 0;
  void* few_[few];
  std::vector<void*> many_;
};

struct panic_data {
  panic_data() = default;
  explicit panic_data(panic_box* value) : box(value) {}
  panic_data(const panic_data&) = delete;
  panic_data& operator=(const panic_data&) = delete;
  virtual ~panic_data() = default;

  std::atomic<unsigned> refs{1};
  panic_box* const box = nullptr;  // in the same object (panic_data_of); null for an exception
  std::exception_ptr exception;
  std::string exception_text;  // its what(), or its type
  int sig = 0;                 // of the fault that raised it, 0 for none
  int sig_code = 0;
  const void* sig_addr = nullptr;
  const void* sig_pc = nullptr;
  call_stack pcs;  // where it began

  std::string text() const { return box != nullptr ? box->text() : exception_text; }
};

/// Counted reference to a panic_data.
class panic_ref {
 public:
  panic_ref() = default;
  explicit panic_ref(panic_data* adopted) : data_(adopted) {}
  panic_ref(const panic_ref& other) : data_(other.data_) {
    if (data_ != nullptr) data_->refs.fetch_add(1, std::memory_order_relaxed);
  }
  panic_ref(panic_ref&& other) noexcept : data_(std::exchange(other.data_, nullptr)) {}
  panic_ref& operator=(panic_ref other) noexcept {
    std::swap(data_, other.data_);
    return *this;
  }
  ~panic_ref() {
    // acq_rel: the last one to let go sees what the others did with it
    if (data_ != nullptr && data_->refs.fetch_sub(1, std::memory_order_acq_rel) == 1) delete data_;
  }
  explicit operator bool() const { return data_ != nullptr; }
  panic_data& operator*() const { return *data_; }
  panic_data* operator->() const { return data_; }
  panic_data* get() const { return data_; }

 private:
  panic_data* data_ = nullptr;
};

/// Takes over one reference. data->pcs says where the panic began (a fault), or is empty: here.
[[noreturn]] void gopanic(panic_data* data);
[[noreturn]] void panic_index(long long index, unsigned long long length);
std::string panic_stack(const panic_data& data);

// Texts of values, as Go's printpanicval prints them.
/// A type's name as Go would write it: main.T for one outside all namespaces, *T, []T, func(), int64.
std::string text_of_type(const std::type_info& type);
/// That of the value's type.
std::string type_text(const panic_data& data);
std::string text_of(bool value);
std::string text_of(long long value);
std::string text_of(unsigned long long value);
std::string text_of(double value);
std::string text_of_pointer(const std::type_info& type, const void* value);
std::string text_of_other(const std::type_info& type, const void* address);
/// For a type that is another one by a new name (Go's `type T int`): main.T(5).
std::string text_of_named(const std::type_info& type, const std::string& value);

template <class T>
concept has_what = requires(const T& v) {
  { v.what() } -> std::convertible_to<std::string>;
};
template <class T>
concept streamable = requires(std::ostream& os, const T& v) {
  os << v;
};
// Found by argument-dependent lookup alone: an operator<< of the type's own, and not that of int or bool, to which an
// enumeration or a captureless lambda converts.
template <class T>
concept streams_itself = requires(std::ostream& os, const T& v) {
  operator<<(os, v);
};
template <class T>
concept function_object = requires {
  &T::operator();
};

template <class T>
inline constexpr bool is_complex = false;
template <class T>
inline constexpr bool is_complex<std::complex<T>> = true;

template <class T>
std::string panic_text(const T& v) {
  if constexpr (has_what<T>) {
    return v.what();
  } else if constexpr (std::is_same_v<T, bool>) {
    return text_of(v);
  } else if constexpr (std::is_enum_v<T> && !streams_itself<T>) {
    return text_of_named(typeid(T), panic_text(static_cast<std::underlying_type_t<T>>(v)));
  } else if constexpr (std::is_base_of_v<std::string, T> && !std::is_same_v<T, std::string>) {
    return text_of_named(typeid(T), '"' + std::string(v) + '"');
  } else if constexpr (std::is_convertible_v<const T&, std::string_view>) {
    return std::string(std::string_view(v));
  } else if constexpr (std::is_floating_point_v<T>) {
    return text_of(static_cast<double>(v));
  } else if constexpr (is_complex<T>) {
    return "(" + text_of(static_cast<double>(v.real())) + text_of(static_cast<double>(v.imag())) + "i)";
  } else if constexpr (std::is_integral_v<T> && std::is_signed_v<T>) {
    return text_of(static_cast<long long>(v));
  } else if constexpr (std::is_integral_v<T>) {
    return text_of(static_cast<unsigned long long>(v));
  } else if constexpr (std::is_pointer_v<T>) {
    return text_of_pointer(typeid(T), reinterpret_cast<const void*>(v));
  } else if constexpr (streamable<T> && (streams_itself<T> || !function_object<T>)) {
    std::ostringstream os;
    os << v;
    return std::move(os).str();
  } else {
    return text_of_other(typeid(T), static_cast<const void*>(&v));
  }
}

template <class T>
class panic_box_of final : public panic_box {
 public:
  explicit panic_box_of(T&& value) : value_(std::move(value)) {}
  const std::type_info& type() const override { return typeid(T); }
  void* get() override { return &value_; }
  std::string text() const override { return panic_text(value_); }
  [[noreturn]] void throw_pointer() override { throw &value_; }

 private:
  T value_;
};

template <class T>
struct panic_data_of final : panic_data {
  explicit panic_data_of(T&& v) : panic_data(&value), value(std::move(v)) {}
  panic_box_of<T> value;
};

[[noreturn]] void panic_nil();

/// Not inlined, and a plain pointer, one reference to the data: so the frames between panic() and the unwinder have
/// nothing to clean up. Each one that has costs a landing: 20 ns, with the system's unwinder half a us.
template <class T>
__attribute__((noinline)) panic_data* new_panic_data(T&& value) {
  if constexpr (has_what<std::decay_t<T>> && std::is_constructible_v<bool, const std::decay_t<T>&>) {
    if (!static_cast<bool>(value)) panic_nil();  // a nil error is Go's nil interface
  }
  return new panic_data_of<std::decay_t<T>>(std::move(value));
}

template <class T>
void* panic_as(panic_data& data) {
  if (data.box != nullptr) {
    if (data.box->type() == typeid(T)) return data.box->get();
    if constexpr (std::is_class_v<T>) {
      try {
        data.box->throw_pointer();
      } catch (T* value) {
        return const_cast<std::remove_cv_t<T>*>(value);
      } catch (...) {
        return nullptr;
      }
    }
    return nullptr;
  }
  try {
    std::rethrow_exception(data.exception);
  } catch (T& value) {
    return const_cast<std::remove_cv_t<T>*>(std::addressof(value));
  } catch (...) {
    return nullptr;
  }
}

// T& of a callable that takes exactly one: func's named result.
template <class Callable>
struct named_result : named_result<decltype(&Callable::operator())> {};
template <class C, class R, class T>
struct named_result<R (C::*)(T&)> {
  using type = T;
};
template <class C, class R, class T>
struct named_result<R (C::*)(T&) const> {
  using type = T;
};
template <class C, class R, class T>
struct named_result<R (C::*)(T&) noexcept> {
  using type = T;
};
template <class C, class R, class T>
struct named_result<R (C::*)(T&) const noexcept> {
  using type = T;
};
template <class R, class T>
struct named_result<R (*)(T&)> {
  using type = T;
};
template <class Callable>
using named_result_t = typename named_result<Callable>::type;

}  // namespace detail
}  // namespace gofer
