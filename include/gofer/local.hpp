// local: a variable of which every goroutine has its own. What thread_local is to threads, which goroutines outgrow.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

namespace gofer {

namespace detail {

/// What the runtime has to know of a local's type.
struct local_type {
  std::size_t size;
  std::size_t align;
  void (*build)(void* where, void* factory);
  void (*destroy)(void* object) noexcept;
};

/// The untyped half of a local: names a place in every goroutine's table of values.
class local_key {
 public:
  constexpr local_key() noexcept = default;
  local_key(const local_key&) = delete;
  local_key& operator=(const local_key&) = delete;
  ~local_key();

  /// The calling goroutine's value, or nullptr. A call and a few loads.
  void* find() const noexcept;
  /// Makes the calling goroutine's value, which is not there yet.
  void* make(const local_type& type, void* factory);

 private:
  std::uint64_t assigned();

  // 0 until the first value is made. A number that no other local ever had, and the index of the place below it.
  std::atomic<std::uint64_t> id_{0};
};

template <class T>
struct local_factory {
  virtual ~local_factory() = default;
  virtual void build(void* where) = 0;
};

}  // namespace detail

/// A variable of which every goroutine has its own, and every thread that the runtime does not own. A value is made
/// when its goroutine first asks for it: T{}, or what the factory returns. It lives at one address until its goroutine
/// ends, whichever threads that runs on: a reference to it stays good across everything that parks.
///
/// The values are destroyed on their goroutine, the youngest first, after its deferred calls and destructors, and
/// however it ended: returned, recovered or by goexit. A destructor may block and may use other locals; one that is
/// gone already is made anew, and destroyed in its turn. What leaves a destructor ends the process, as from any
/// destructor. A thread's values are destroyed with its thread_locals, the main thread's by std::exit. Those of
/// goroutines that the end of run() leaves behind are not.
///
/// The local itself is usually a global or static one, which costs nothing to make and can be used before main. When it
/// is destroyed, so is its value on the goroutine that does it; those of other goroutines are, at the latest, when they
/// end. Nobody may use it by then. Up to a million at a time.
template <class T>
class local {
  static_assert(std::is_object_v<T> && !std::is_array_v<T> && !std::is_const_v<T> && !std::is_volatile_v<T>,
                "gofer::local: the type of a plain variable");

 public:
  constexpr local() noexcept requires std::is_default_constructible_v<T>
  = default;

  /// Values are what factory() returns. Several goroutines may call it at once; it may block and panic, and may use
  /// other locals, not this one.
  template <class F>
  requires(std::is_invocable_r_v<T, F&> && !std::is_same_v<F, local>) explicit local(F factory)
      : factory_(new made_by<F>(std::move(factory))) {}

  local(const local&) = delete;
  local& operator=(const local&) = delete;
  ~local() = default;

  /// The calling goroutine's value. Panics with what the factory panics with; the next call tries again.
  T& get() {
    void* object = key_.find();
    if (object == nullptr) [[unlikely]]
      object = key_.make(type, factory_.get());
    return *std::launder(static_cast<T*>(object));
  }
  T& operator*() { return get(); }
  T* operator->() { return std::addressof(get()); }

 private:
  template <class F>
  struct made_by final : detail::local_factory<T> {
    explicit made_by(F f) : make(std::move(f)) {}
    void build(void* where) override { ::new (where) T(make()); }
    F make;
  };

  static void build(void* where, void* factory) {
    if (factory != nullptr) {
      static_cast<detail::local_factory<T>*>(factory)->build(where);
    } else if constexpr (std::is_default_constructible_v<T>) {
      ::new (where) T{};
    }
  }
  static void destroy(void* object) noexcept { static_cast<T*>(object)->~T(); }

  static constexpr detail::local_type type{sizeof(T), alignof(T), &build, &destroy};

  std::unique_ptr<detail::local_factory<T>> factory_;
  detail::local_key key_;  // goes first, and with it the value that is here
};

template <class F>
local(F) -> local<std::invoke_result_t<F&>>;

}  // namespace gofer
