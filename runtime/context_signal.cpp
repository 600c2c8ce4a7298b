// Signals as contexts.
//
// A signal handler may do almost nothing, certainly not cancel a context. It writes the signal's number to a pipe, and
// a thread that sleeps on the other end does the rest. Rejected: signalfd and sigwait (they need the signals blocked in
// every thread of the program, which a library cannot see to), and a goroutine on the poller (a signal must reach a
// program whose workers all compute).
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <thread>
#include <vector>

#include "runtime/context.hpp"
#include "runtime/error.hpp"

namespace gofer::detail {

namespace {

struct signal_node final : cancel_node {
  signal_node(const ctx_ref& p, std::initializer_list<int> s) : cancel_node(p), signals(s) {
    // A signal that is named twice would be given back twice.
    std::sort(signals.begin(), signals.end());
    signals.erase(std::unique(signals.begin(), signals.end()), signals.end());
  }
  void stopped() override;
  bool wants(int sig) const { return std::binary_search(signals.begin(), signals.end(), sig); }
  std::vector<int> signals;
};

// Never destroyed: signals arrive until the very end of the process.
struct registry {
  std::mutex lock;
  std::vector<signal_node*> nodes;  // each counted
  std::array<int, NSIG> users{};
  std::array<struct sigaction, NSIG> previous{};
  bool started = false;
};

registry& all() {
  static auto* r = new registry;
  return *r;
}

int pipe_write = -1;  // set before the first handler is installed
pid_t pipe_owner = 0;

void on_signal(int sig) {
  const int saved = errno;
  if (::getpid() != pipe_owner) {
    // A forked child's signal, which is none of its parent's business.
    ::sigaction(sig, &all().previous[static_cast<std::size_t>(sig)], nullptr);
    ::raise(sig);
    errno = saved;
    return;
  }
  const auto number = static_cast<unsigned char>(sig);
  // A full pipe holds thousands of signals that nobody has looked at yet: one more says nothing new.
  [[maybe_unused]] const ssize_t n = ::write(pipe_write, &number, 1);
  errno = saved;
}

error cause_of(int sig) {
  const char* name = ::sigdescr_np(sig);
  const std::string text = name != nullptr ? runtime::gos_description(name) : "signal " + std::to_string(sig);
  return make_error(text + " signal received");
}

void deliver(int sig) {
  std::vector<ctx_ref> told;
  {
    registry& r = all();
    const std::lock_guard hold(r.lock);
    for (signal_node* node : r.nodes) {
      if (!node->wants(sig)) continue;
      ctx_retain(node);
      told.emplace_back(node);
    }
  }
  if (told.empty()) return;
  const error cause = cause_of(sig);
  for (const ctx_ref& ref : told) cancel_tree(static_cast<cancel_node*>(ref.get()), context::canceled, cause);
}

void watch(int pipe_read) {
  for (;;) {
    unsigned char number = 0;
    if (::read(pipe_read, &number, 1) == 1) deliver(number);
  }
}

void start_locked(registry& r) {
  if (r.started) return;
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) must_failed(wrap(errno_error(errno), "with_signals: pipe"));
  ::fcntl(ends[1], F_SETFL, O_NONBLOCK);
  pipe_write = ends[1];
  pipe_owner = ::getpid();
  // The thread itself takes no signals: they are for the threads that expect them.
  sigset_t everything;
  sigset_t before;
  sigfillset(&everything);
  pthread_sigmask(SIG_SETMASK, &everything, &before);
  std::thread(watch, ends[0]).detach();
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  r.started = true;
}

void take_locked(registry& r, int sig) {
  const auto i = static_cast<std::size_t>(sig);
  if (r.users[i]++ > 0) return;
  struct sigaction action {};
  action.sa_handler = on_signal;
  // On the alternate stack, where there is one: a goroutine's own may be nearly full.
  action.sa_flags = SA_ONSTACK | SA_RESTART;
  ::sigaction(sig, &action, &r.previous[i]);
}

void give_back_locked(registry& r, int sig) {
  const auto i = static_cast<std::size_t>(sig);
  if (--r.users[i] == 0) ::sigaction(sig, &r.previous[i], nullptr);
}

void signal_node::stopped() {
  registry& r = all();
  {
    const std::lock_guard hold(r.lock);
    const auto at = std::find(r.nodes.begin(), r.nodes.end(), this);
    if (at == r.nodes.end()) return;
    r.nodes.erase(at);
    for (const int sig : signals) give_back_locked(r, sig);
  }
  ctx_release(this);  // the list's; the caller has one of its own
}

bool can_be_caught(int sig) {
  // The faults are the runtime's own.
  constexpr std::array<int, 6> not_these = {SIGKILL, SIGSTOP, SIGSEGV, SIGBUS, SIGFPE, SIGILL};
  return sig > 0 && sig < NSIG && std::find(not_these.begin(), not_these.end(), sig) == not_these.end();
}

}  // namespace

ctx_ref new_signal_ctx(const ctx_ref& parent, std::initializer_list<int> signals) {
  for (const int sig : signals) {
    if (!can_be_caught(sig)) must_failed(make_error("with_signals: signal {} cannot be caught", sig));
  }
  auto* node = new signal_node(parent, signals);
  ctx_ref ref(node);
  propagate(node);
  registry& r = all();
  const std::lock_guard hold(r.lock);
  start_locked(r);
  ctx_retain(node);
  r.nodes.push_back(node);
  for (const int sig : node->signals) take_locked(r, sig);
  return ref;
}

}  // namespace gofer::detail
