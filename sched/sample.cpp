#include "sched/sample.hpp"

#include <signal.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>
#include <unwind.h>

#include <algorithm>
#include <cerrno>
#include <mutex>

#include "sched/atomic.hpp"
#include "sched/clock.hpp"
#include "sched/futex.hpp"
#include "sched/traceback.hpp"

namespace gofer::sched {

namespace {

constexpr int sample_signal = SIGURG;
constexpr std::int64_t patience_ns = 100'000'000;

// asked -> answering is the thread's, by compare-and-swap; whoever asked takes the question back in the same way, so
// that an answer that comes too late is not written into the next one's place.
enum class state : std::uint32_t { none, asked, answering, answered };

struct question {
  futex_mutex one_at_a_time;
  atomic<state> at{state::none};
  atomic<pid_t> tid{0};
  void** pcs = nullptr;
  int max = 0;
  int n = 0;
};
constinit question asked;
struct sigaction previous;

struct walk {
  const void* interrupted;
  bool found = false;
};

_Unwind_Reason_Code visit(_Unwind_Context* context, void* arg) {
  auto& w = *static_cast<walk*>(arg);
  int exact = 0;
  auto pc = static_cast<std::uintptr_t>(_Unwind_GetIPInfo(context, &exact));
  if (pc == 0) return _URC_END_OF_STACK;
  // What comes before is this handler.
  if (!w.found && reinterpret_cast<const void*>(pc) != w.interrupted) return _URC_NO_REASON;
  w.found = true;
  if (exact != 0) pc++;
  if (asked.n == asked.max) return _URC_END_OF_STACK;
  asked.pcs[asked.n++] = reinterpret_cast<void*>(pc);
  return _URC_NO_REASON;
}

void on_sample(int sig, siginfo_t* info, void* context) {
  const int saved = errno;
  state expected = state::asked;
  if (asked.tid.load(std::memory_order_relaxed) == ::gettid() &&
      asked.at.compare_exchange_strong(expected, state::answering, std::memory_order_acquire)) {
    walk w{interrupted_pc(context)};
    // libgcc finds unwind tables without a lock (_dl_find_object, glibc 2.35 and newer); an older one may wait here for
    // the loader's, which the report can do without.
    _Unwind_Backtrace(visit, &w);
    asked.at.store(state::answered, std::memory_order_release);
  } else if ((previous.sa_flags & SA_SIGINFO) != 0 && previous.sa_sigaction != nullptr) {
    previous.sa_sigaction(sig, info, context);
  } else if (previous.sa_handler != SIG_DFL && previous.sa_handler != SIG_IGN && previous.sa_handler != nullptr) {
    previous.sa_handler(sig);
  }
  errno = saved;
}

void install() {
  static std::once_flag once;
  std::call_once(once, [] {
    struct sigaction sa {};
    sa.sa_sigaction = on_sample;
    sa.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART;
    sigemptyset(&sa.sa_mask);
    ::sigaction(sample_signal, &sa, &previous);
  });
}

}  // namespace

void* interrupted_pc(void* context) {
  const auto* uc = static_cast<const ucontext_t*>(context);
#if defined(__x86_64__)
  return reinterpret_cast<void*>(uc->uc_mcontext.gregs[REG_RIP]);
#else
  return reinterpret_cast<void*>(uc->uc_mcontext.pc);
#endif
}

int sample_thread(pid_t tid, void** pcs, int max) {
  install();
  const std::lock_guard only(asked.one_at_a_time);
  asked.pcs = pcs;
  asked.max = max;
  asked.n = 0;
  asked.tid.store(tid, std::memory_order_relaxed);
  asked.at.store(state::asked, std::memory_order_release);
  const std::int64_t until = nanotime() + patience_ns;
  if (::syscall(SYS_tgkill, ::getpid(), tid, sample_signal) == 0) {
    while (asked.at.load(std::memory_order_acquire) == state::asked && nanotime() < until) ::usleep(50);
  }
  state expected = state::asked;
  if (asked.at.compare_exchange_strong(expected, state::none, std::memory_order_relaxed)) return 0;
  // It is at it: some microseconds more, unless it hangs (see on_sample).
  while (asked.at.load(std::memory_order_acquire) != state::answered) {
    if (nanotime() > until + patience_ns) return 0;
    ::usleep(50);
  }
  asked.at.store(state::none, std::memory_order_relaxed);
  return asked.n;
}

}  // namespace gofer::sched
