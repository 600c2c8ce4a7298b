// Between the templates of <gofer/runtime.hpp> and the runtime.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <new>
#include <tuple>
#include <type_traits>
#include <utility>

namespace gofer {

struct options;

namespace detail {

void run_main(const options& o, void (*main)(void*), void* arg);

// Inlined even at -O0: newproc's return address then lies in the function that says `go`, which is what "created by"
// names.
#define GOFER_INLINE __attribute__((always_inline)) inline

/// A goroutine being made. Its closure is built in place, at the top of its own stack: no allocation.
struct newborn;
struct spawn_slot {
  newborn* gp;
  void* closure;
};
spawn_slot newproc(const char* name, std::size_t stack_size, std::size_t closure_size, std::size_t closure_align);
void newproc_start(newborn* gp, void (*entry)(void* closure));
void newproc_cancel(newborn* gp);
[[noreturn]] void go_nil_func();

/// Closures larger than this go to the heap.
inline constexpr std::size_t max_stack_closure = 1024;

template <class F, class... Args>
class goroutine_call {
 public:
  template <class G, class... A>
  explicit goroutine_call(G&& f, A&&... args) : f_(std::forward<G>(f)), args_(std::forward<A>(args)...) {}

  static void entry(void* closure) {
    // Destroyed when the call is over, however it ends.
    struct owner {
      goroutine_call* call;
      ~owner() { std::destroy_at(call); }
    } const own{static_cast<goroutine_call*>(closure)};
    std::apply([&](Args&... args) { std::invoke(std::forward<F>(own.call->f_), std::forward<Args>(args)...); },
               own.call->args_);
  }
  static void entry_on_heap(void* closure) {
    const std::unique_ptr<goroutine_call> own(*static_cast<goroutine_call**>(closure));
    std::apply([&](Args&... args) { std::invoke(std::forward<F>(own->f_), std::forward<Args>(args)...); }, own->args_);
  }

 private:
  [[no_unique_address]] F f_;
  [[no_unique_address]] std::tuple<Args...> args_;
};

template <class F>
bool is_null_function(const F& f) {
  if constexpr (std::is_pointer_v<F> || std::is_member_pointer_v<F> || requires { f.target_type(); }) {
    return f == nullptr;
  } else {
    return false;
  }
}

template <class F, class... Args>
GOFER_INLINE void spawn(const char* name, std::size_t stack_size, F&& f, Args&&... args) {
  static_assert(std::is_invocable_v<std::decay_t<F>, std::decay_t<Args>...>,
                "gofer::go: the function cannot be called with these arguments");
  using call = goroutine_call<std::decay_t<F>, std::decay_t<Args>...>;
  if (is_null_function<std::decay_t<F>>(f)) [[unlikely]] {
    go_nil_func();
  }
  if constexpr (sizeof(call) <= max_stack_closure) {
    // Gives the stack back should a copy throw.
    struct cancel {
      newborn* gp;
      ~cancel() {
        if (gp != nullptr) newproc_cancel(gp);
      }
    };
    const spawn_slot slot = newproc(name, stack_size, sizeof(call), alignof(call));
    if constexpr (std::is_nothrow_constructible_v<call, F, Args...>) {
      ::new (slot.closure) call(std::forward<F>(f), std::forward<Args>(args)...);
    } else {
      cancel guard{slot.gp};
      ::new (slot.closure) call(std::forward<F>(f), std::forward<Args>(args)...);
      guard.gp = nullptr;
    }
    newproc_start(slot.gp, &call::entry);
  } else {
    auto on_heap = std::make_unique<call>(std::forward<F>(f), std::forward<Args>(args)...);
    const spawn_slot slot = newproc(name, stack_size, sizeof(call*), alignof(call*));
    ::new (slot.closure)(call*)(on_heap.release());
    newproc_start(slot.gp, &call::entry_on_heap);
  }
}

/// blocking(): the P may go on without this thread between the two.
class syscall_scope {
 public:
  syscall_scope();
  ~syscall_scope();
  syscall_scope(const syscall_scope&) = delete;
  syscall_scope& operator=(const syscall_scope&) = delete;
};

}  // namespace detail
}  // namespace gofer
