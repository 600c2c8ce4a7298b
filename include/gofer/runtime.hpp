// Running goroutines: run, go, gosched, goexit, blocking, and what can be asked of the runtime.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <gofer/detail/boundary.hpp>
#include <gofer/detail/spawn.hpp>
#include <optional>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>

namespace gofer {

/// How a runtime is run. What is left at its default comes from the environment, then from the machine.
struct options {
  int maxprocs = 0;  ///< workers that run goroutines at once; 0: GOFER_MAXPROCS, else one per usable processor
  std::size_t stack_size = 0;       ///< bytes of address space per stack; 0: GOFER_STACK, else 256 KiB
  int max_threads = 0;              ///< worker threads at most, blocked ones included; 0: GOFER_MAXTHREADS, else 10000
  const char* traceback = nullptr;  ///< none, single, all, system or crash; nullptr: GOFER_TRACEBACK, else single
  bool pinned = false;  ///< a goroutine that has begun never changes threads; false: GOFER_PINNED, else it may
};

struct spawn_options {
  std::size_t stack_size = 0;  ///< bytes; 0: as every goroutine's
  const char* name = nullptr;  ///< shown in dumps; copied, at most 63 bytes
};

/// Runs f as goroutine 1 and blocks the calling thread until it has returned; other goroutines are then never scheduled
/// again. Returns f's int, or 0. May be called again later; fatal from a goroutine and while another run is under way.
/// Wrong options: one line on standard error that names cause and cure, exit status 2.
template <class F>
int run(const options& o, F f) {
  static_assert(std::is_invocable_v<F&>, "gofer::run: main takes no arguments");
  if constexpr (std::is_void_v<std::invoke_result_t<F&>>) {
    detail::run_main(
        o, [](void* p) { (*static_cast<F*>(p))(); }, &f);
    return 0;
  } else {
    struct call {
      F* f;
      int result;
    } c{&f, 0};
    detail::run_main(
        o, [](void* p) { static_cast<call*>(p)->result = (*static_cast<call*>(p)->f)(); }, &c);
    return c.result;
  }
}
template <class F>
int run(F f) {
  return run(options{}, std::move(f));
}

/// Starts a goroutine that calls f(args...). Both are decay-copied now, as by std::thread, and reach the call as
/// rvalues. Never blocks. Any thread; before run() it starts the runtime. Fatal for a null function and when there is
/// no memory for a stack.
template <class F, class... Args>
requires(!std::is_same_v<std::decay_t<F>, spawn_options>) GOFER_INLINE void go(F&& f, Args&&... args) {
  detail::spawn(nullptr, 0, std::forward<F>(f), std::forward<Args>(args)...);
}
template <class F, class... Args>
GOFER_INLINE void go(const spawn_options& o, F&& f, Args&&... args) {
  detail::spawn(o.name, o.stack_size, std::forward<F>(f), std::forward<Args>(args)...);
}

/// Lets other goroutines run; the caller goes to the end of its queue. On a plain thread: sched_yield.
void gosched();

/// Ends the calling goroutine: runs its deferred calls and destructors, youngest first, and no recover() stops it.
/// Fatal on a plain thread.
[[noreturn]] void goexit();

/// Sets how many workers run goroutines at once, and returns the previous setting; n < 1 only reports.
int gomaxprocs(int n);

/// Goroutines that exist, the caller's included.
int num_goroutine();

/// The calling goroutine's number: 1 for main's, 0 off the runtime.
std::uint64_t goid();

/// Binds the calling goroutine to its thread, which then runs no other, until as many unlock_os_thread() or the
/// goroutine's end (Go ends the thread then as well; gofer unbinds it). For libraries with state per thread. Nothing on
/// a plain thread.
void lock_os_thread();
void unlock_os_thread();

/// While it lives its goroutine stays on its thread, which runs no other: what belongs to the thread (a thread_local
/// variable, a std::mutex that is held) may be kept across what parks. As lock_os_thread, and apart from it; they nest.
/// Free until the goroutine parks; then its thread sleeps too, and going on is a change of threads by the system.
/// With options.pinned it does nothing: the goroutine stays, and so do others on its thread. Nothing on a plain thread.
class [[nodiscard]] pin {
 public:
  pin();
  ~pin();
  pin(const pin&) = delete;
  pin& operator=(const pin&) = delete;
};

/// Runs f, which may block the thread (a system call, a file, a library that waits), without holding up other
/// goroutines: after 20 us another thread goes on with them. Returns f's result; what f throws or panics with passes
/// through. f must not use gofer.
template <class F>
auto blocking(F&& f) -> std::invoke_result_t<F> {
  const detail::syscall_scope scope;
  return std::forward<F>(f)();
}

/// Waits until every other goroutine has ended, or until limit has gone by, and returns the tracebacks of those that
/// are still there, as Go prints them; empty when none is. For the end of main, after everybody has been told to stop:
///   if (const std::string left = gofer::shutdown(5s); !left.empty()) std::cerr << left;
/// Ends none of them. Any goroutine or plain thread.
std::string shutdown(std::chrono::nanoseconds limit);

/// The calling goroutine's traceback, or everybody's, as Go prints it. Symbolizes: milliseconds, not microseconds.
std::string stack(bool all = false);

}  // namespace gofer
