// A deferred function with its arguments, and the records that defer_list keeps them in.
#pragma once

#include <cstddef>
#include <functional>
#include <gofer/detail/boundary.hpp>
#include <gofer/panic.hpp>
#include <memory>
#include <new>
#include <tuple>
#include <type_traits>
#include <utility>

namespace gofer {

class defer_list;

namespace detail {

[[noreturn]] void panic_nil_function();

template <class F, class... Args>
class deferred_call {
 public:
  template <class G, class... A>
  explicit deferred_call(G&& f, A&&... args) : f_(std::forward<G>(f)), args_(std::forward<A>(args)...) {
    static_assert(std::is_invocable_v<F, Args...>, "gofer::defer: the function cannot be called with these arguments");
  }

  /// The scope ends normally: recover() has nothing to recover, so that everything may be inlined here.
  void run() {
    if constexpr (std::is_nothrow_invocable_v<F, Args...>) {
      invoke(std::index_sequence_for<Args...>{});
    } else {
      try {
        invoke(std::index_sequence_for<Args...>{});
      } catch (boundary_tag&) {
        landed();
      }
    }
  }

  using function = void (*)(void* self);

  /// What the unwinding calls: the deferred function, directly and out of line.
  static constexpr function thunk() { return thunk_of(std::index_sequence_for<Args...>{}); }

 private:
  template <std::size_t... I>
  void invoke(std::index_sequence<I...>) {
    check();
    std::invoke(std::forward<F>(f_), std::forward<Args>(std::get<I>(args_))...);
  }

  template <std::size_t... I>
  static constexpr function thunk_of(std::index_sequence<I...>) {
    if constexpr (std::is_member_function_pointer_v<F>) {
      return &call_member<I...>;
    } else {
      return &call<I...>;
    }
  }

  template <std::size_t... I>
  GOFER_THUNK static void call(void* arg) {
    auto* self = static_cast<deferred_call*>(arg);
    self->check();
    static_cast<F&&>(self->f_)(static_cast<Args&&>(std::get<I>(self->args_))...);
  }

  template <std::size_t First, std::size_t... I>
  GOFER_THUNK static void call_member(void* arg) {
    auto* self = static_cast<deferred_call*>(arg);
    auto& object = std::get<First>(self->args_);
    using object_type = std::remove_cvref_t<decltype(object)>;
    if constexpr (requires {
                    (object.*(self->f_))(
                        static_cast<std::tuple_element_t<I, std::tuple<Args...>>&&>(std::get<I>(self->args_))...);
                  }) {
      (object.*(self->f_))(static_cast<std::tuple_element_t<I, std::tuple<Args...>>&&>(std::get<I>(self->args_))...);
    } else if constexpr (requires {
                           (static_cast<object_type&&>(object).*
                            (self->f_))(static_cast<std::tuple_element_t<I, std::tuple<Args...>>&&>(
                               std::get<I>(self->args_))...);
                         }) {
      (static_cast<object_type&&>(object).*
       (self->f_))(static_cast<std::tuple_element_t<I, std::tuple<Args...>>&&>(std::get<I>(self->args_))...);
    } else if constexpr (requires {
                           object.get();
                           ((object.get()).*(self->f_));
                         }) {
      (object.get().*
       (self->f_))(static_cast<std::tuple_element_t<I, std::tuple<Args...>>&&>(std::get<I>(self->args_))...);
    } else {
      ((*object).*(self->f_))(static_cast<std::tuple_element_t<I, std::tuple<Args...>>&&>(std::get<I>(self->args_))...);
    }
  }

  // A null function pointer or an empty std::function is a nil dereference when it is called.
  void check() const {
    if constexpr (std::is_pointer_v<F> || requires(const F& f) { f.target_type(); }) {
      if (f_ == nullptr) [[unlikely]] {
        panic_nil_function();
      }
    }
  }

  [[no_unique_address]] F f_;
  [[no_unique_address]] std::tuple<Args...> args_;
};

using gorecover_function = decltype(&::gofer::recover);

/// Go's `defer recover()`, made by a function that returns to `caller`. A panic that runs it is not recovered: it is
/// the deferred function then, and nobody called it. But when a deferred function that has made it ends, this is that
/// function's own recover (go/test/recover.go, test2 and test4).
class deferred_recover {
 public:
  explicit deferred_recover(void* caller) : caller_(caller) {}
  void run() noexcept { run_at_end(caller_); }
  static constexpr void (*thunk())(void*) { return &run_by_unwinding; }

 private:
  static void run_at_end(void* caller) noexcept;
  static void run_by_unwinding(void* self);

  void* caller_;
};

/// How a record's closure is handled; one constant per type of closure.
struct defer_ops {
  void (*run)(void* closure);
  void (*thunk)(void* closure);
  void (*destroy)(void* closure) noexcept;  // null: nothing to do
  std::size_t offset;                       // of the closure in the record
  std::size_t size;                         // of the record
  std::size_t align;
};

/// Go's _defer: a record of defer_list. The closure follows.
struct alignas(16) _defer {
  _defer* link;
  const defer_ops* ops;
};
static_assert(sizeof(_defer) == 16);

inline constexpr std::size_t inline_record_size = 64;
inline constexpr std::size_t pooled_record_size = 128;

/// Records of pooled_record_size bytes from the P's pool, linked; as many as a list is given at once, at least one.
/// Throws std::bad_alloc. Fatal on a system stack.
_defer* deferproc();
/// One record for a closure that is larger or more aligned than the pool's, from the heap.
_defer* deferproc_large(const defer_ops* ops);
/// The same in memory of the caller's, inline_record_size bytes.
inline _defer* deferprocStack(void* record, const defer_ops* ops) {
  auto* d = static_cast<_defer*>(record);
  d->ops = ops;
  return d;
}
void freedefer_large(_defer* d) noexcept;

[[noreturn]] void push_while_running();

/// Runs what a list holds, youngest first: its scope ends.
void deferreturn(defer_list& list);

struct defer_list_runner;

template <class Call>
inline constexpr std::size_t closure_offset = (sizeof(_defer) + alignof(Call) - 1) / alignof(Call) * alignof(Call);

template <class Call>
constexpr void (*destroyer_of())(void*) noexcept {
  if constexpr (std::is_trivially_destructible_v<Call>) {
    return nullptr;
  } else {
    return [](void* closure) noexcept { std::destroy_at(static_cast<Call*>(closure)); };
  }
}

inline bool is_pooled(const defer_ops* ops) { return ops->size <= pooled_record_size && ops->align <= alignof(_defer); }

template <class Call>
inline constexpr defer_ops ops_of = {
    [](void* closure) { static_cast<Call*>(closure)->run(); },
    Call::thunk(),
    destroyer_of<Call>(),
    closure_offset<Call>,
    closure_offset<Call> + sizeof(Call),
    alignof(Call) > alignof(_defer) ? alignof(Call) : alignof(_defer),
};

inline void* closure_of(_defer* d) { return reinterpret_cast<std::byte*>(d) + d->ops->offset; }

}  // namespace detail
}  // namespace gofer
