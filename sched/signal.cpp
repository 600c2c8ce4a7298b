// Signals: a fault in a goroutine becomes a panic (runtime/sigpanic.cpp, by hook), a hit guard page Go's
// stack overflow report, SIGQUIT a dump of all goroutines; everything else goes to whom it would have gone to without
// us.
#include <signal.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstring>

#include "sched/atomic.hpp"
#include "sched/proc.hpp"
#include "sched/sample.hpp"
#include "sched/schedule.hpp"
#include "sched/stack.hpp"

namespace gofer::sched {

namespace {

// The handler itself is small; a report symbolizes on this stack when the goroutine's own is full.
constexpr std::size_t altstack_size = 256 * 1024;

constexpr std::array<int, 3> fault_signals = {SIGSEGV, SIGBUS, SIGFPE};
struct sigaction previous[fault_signals.size()];
std::array<atomic<bool>, fault_signals.size()> users_own;  // previous is a handler of the program

void* stack_pointer(void* context) {
  const auto* uc = static_cast<const ucontext_t*>(context);
#if defined(__x86_64__)
  return reinterpret_cast<void*>(uc->uc_mcontext.gregs[REG_RSP]);
#else
  return reinterpret_cast<void*>(uc->uc_mcontext.sp);
#endif
}

[[noreturn]] void report_overflow(const g* gp, void* sp) {
  char line[256];
  std::snprintf(line, sizeof line, "runtime: goroutine stack exceeds %zu-byte limit\nruntime: sp=%p stack=[%p, %p]\n",
                gp->stack_size, sp, static_cast<void*>(gp->stk.lo), static_cast<void*>(gp->stk.hi));
  write_err(line);
  fatal("stack overflow");
}

void chain(int sig, siginfo_t* info, void* context) {
  for (std::size_t i = 0; i < fault_signals.size(); i++) {
    if (fault_signals[i] != sig) continue;
    const struct sigaction& old = previous[i];
    if ((old.sa_flags & SA_SIGINFO) != 0 && old.sa_sigaction != nullptr) {
      old.sa_sigaction(sig, info, context);
      return;
    }
    if (old.sa_handler != SIG_DFL && old.sa_handler != SIG_IGN && old.sa_handler != nullptr) {
      old.sa_handler(sig);
      return;
    }
  }
  // Nobody's: the instruction is run again and meets the default action.
  struct sigaction dfl {};
  dfl.sa_handler = SIG_DFL;
  ::sigaction(sig, &dfl, nullptr);
}

bool has_users_handler(int sig) {
  for (std::size_t i = 0; i < fault_signals.size(); i++) {
    if (fault_signals[i] == sig) return users_own[i].load(std::memory_order_relaxed);
  }
  return false;
}

void on_fault(int sig, siginfo_t* info, void* context) {
  g* owner = nullptr;
  if (sig != SIGFPE && guard_hit(info->si_addr, &owner)) {
    const m* mp = getm_or_null();
    if (mp != nullptr && mp->curg == owner) report_overflow(owner, stack_pointer(context));
  }
  // A thread that has never called gofer: a panic, unless the program has a handler of its own.
  const bool strange = getm_or_null() == nullptr && has_users_handler(sig);
  if (!strange && hooks.fault != nullptr && hooks.fault(sig, info, context)) return;
  chain(sig, info, context);
}

// --- SIGQUIT: sysmon writes the dump, because a handler can neither allocate nor symbolize.

quit_request quit;

void on_quit(int sig, siginfo_t* info, void* context) {
  schedt* s = the_sched.load(std::memory_order_acquire);
  if (s == nullptr || quit.asked.exchange(true)) {
    // No runtime, or one that has not answered yet: the second time is for the system.
    ::signal(sig, SIG_DFL);
    ::raise(sig);
    return;
  }
  const m* mp = getm_or_null();
  quit.pc = interrupted_pc(context);
  quit.m = mp == nullptr || mp->plain ? -1 : mp->id;
  quit.code = info->si_code;
  quit.ready.store(true, std::memory_order_release);
  wake_sysmon(s);
}

}  // namespace

const quit_request* quit_requested() { return quit.ready.load(std::memory_order_acquire) ? &quit : nullptr; }

void install_quit_handler() {
  struct sigaction current {};
  ::sigaction(SIGQUIT, nullptr, &current);
  // The program's own handler, or nohup's SIG_IGN, stays.
  if ((current.sa_flags & SA_SIGINFO) != 0 || current.sa_handler != SIG_DFL) return;
  struct sigaction sa {};
  sa.sa_sigaction = on_quit;
  sa.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART;
  sigemptyset(&sa.sa_mask);
  ::sigaction(SIGQUIT, &sa, nullptr);
}

void install_signal_handlers() {
  static atomic<bool> called{false};
  const bool first = !called.exchange(true);
  struct sigaction sa {};
  sa.sa_sigaction = on_fault;
  // NODEFER: the handler returns into a panic, which may fault again before it is over.
  sa.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
  sigemptyset(&sa.sa_mask);
  for (std::size_t i = 0; i < fault_signals.size(); i++) {
    struct sigaction current {};
    ::sigaction(fault_signals[i], nullptr, &current);
    if ((current.sa_flags & SA_SIGINFO) != 0 && current.sa_sigaction == on_fault) continue;
    // What stands there when the program is loaded is the system's default, or a sanitizer's.
    users_own[i].store(!first, std::memory_order_relaxed);
    previous[i] = current;
    ::sigaction(fault_signals[i], &sa, nullptr);
  }
}

void* ensure_altstack() {
  stack_t old{};
  if (::sigaltstack(nullptr, &old) == 0 && (old.ss_flags & SS_DISABLE) == 0) return nullptr;  // a sanitizer's
  void* mem =
      ::mmap(nullptr, altstack_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mem == MAP_FAILED) return nullptr;
  stack_t ss{};
  ss.ss_sp = mem;
  ss.ss_size = altstack_size;
  ::sigaltstack(&ss, nullptr);
  return mem;
}

void drop_altstack(void* altstack) {
  if (altstack == nullptr) return;
  stack_t off{};
  off.ss_flags = SS_DISABLE;
  ::sigaltstack(&off, nullptr);
  ::munmap(altstack, altstack_size);
}

}  // namespace gofer::sched
