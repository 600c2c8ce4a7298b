// Virtual threads: stacks, switches, beginning and end of a schedule.
#include <cxxabi.h>
#include <sys/mman.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <new>
#include <utility>

#include "sched/m.hpp"
#include "state.hpp"
#include "world.hpp"

#if GOFER_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

namespace gofer::explore {

namespace fctx = boost::context::detail;

engine* e = nullptr;

namespace {

constexpr std::uintptr_t stacks_at = 0x2200'0000'0000;  // as in world.cpp: the same in every process

sched::eh_globals* os_eh() { return reinterpret_cast<sched::eh_globals*>(__cxxabiv1::__cxa_get_globals()); }

void left_by(fctx::transfer_t t) { static_cast<vthread*>(t.data)->context = t.fctx; }

void thread_main(fctx::transfer_t t) {
#if GOFER_ASAN
  const void* lo = nullptr;
  std::size_t size = 0;
  __sanitizer_finish_switch_fiber(nullptr, &lo, &size);
  if (t.data == &e->driver) {
    e->driver.lo = static_cast<char*>(const_cast<void*>(lo));
    e->driver.size = size;
  }
#endif
  left_by(t);
  (*self().body)();
  vthread& me = self();
  if (e->current == 0) back_to_driver();
  if (me.end != nullptr) me.end(me.end_arg);
  drain(me);
  me.st = vthread::state::over;
  wake(&me, max_threads);
  decide(why::waits, true);
  std::abort();
}

void on_signal(int sig) {
  if (e != nullptr && e->live) {
    const char* name = sig == SIGABRT ? "abort" : sig == SIGFPE ? "division by zero" : "bad memory access";
    fail("%s (signal %d)", name, sig);
  }
  std::signal(sig, SIG_DFL);
}

}  // namespace

void jump(vthread& from, vthread& to, [[maybe_unused]] bool dies) {
  from.tls = *sched::tls();
  from.eh = *os_eh();
  from.err = errno;
  *sched::tls() = to.tls;
  *os_eh() = to.eh;
  errno = to.err;
#if GOFER_ASAN
  const sched::m* mp = from.tls.mp;
  if (&from != &e->driver) {
    const bool on_g = mp != nullptr && mp->curg != &mp->g0;
    from.lo = on_g ? mp->curg->stk.lo : from.stack;
    from.size = on_g ? static_cast<std::size_t>(mp->curg->stk.hi - mp->curg->stk.lo) : stack_size;
  }
  __sanitizer_start_switch_fiber(dies ? nullptr : &from.fake_stack, to.lo, to.size);
#endif
  left_by(fctx::jump_fcontext(to.context, &from));
#if GOFER_ASAN
  __sanitizer_finish_switch_fiber(from.fake_stack, nullptr, nullptr);
#endif
}

[[noreturn]] void back_to_driver() {
  world::leave();
  vthread& from = self();
  e->live = false;
  jump(from, e->driver, true);
  std::abort();
}

void engine_init() {
  void* memory = ::mmap(nullptr, sizeof(engine), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) std::abort();
  auto* made = new (memory) engine;
  std::uintptr_t at = stacks_at;
  for (vthread& t : made->threads) {
    void* stack = ::mmap(reinterpret_cast<void*>(at), stack_size, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
    if (stack == MAP_FAILED) std::abort();
    t.stack = static_cast<char*>(stack);
    at += stack_size;
  }
  e = made;
  struct sigaction sa {};
  sa.sa_handler = on_signal;
  sa.sa_flags = SA_NODEFER;
  for (const int sig : {SIGSEGV, SIGBUS, SIGFPE, SIGABRT, SIGILL}) ::sigaction(sig, &sa, nullptr);
  world::save();
}

outcome run(const scenario& s, strategy& how, const settings& set) {
  world::restore();
  outcome result;
  e->choosing = false;
  e->may_wake = false;
  e->sysmon = true;
  e->pauses_per_spin = 1;
  e->pauses = 0;
  e->expected_exit = -1;
  e->checking = false;
  e->current = 0;
  e->n = 0;
  e->now = 1'000'000'000;
  e->idle_rounds = 0;
  e->all_steps = 0;
  e->on_end = 0;
  e->slice = longest_slice;
  e->set = set;
  e->how = &how;
  e->result = &result;
  e->rest_check = nullptr;
  e->step_check = nullptr;
  e->ntrace = 0;
  e->schedule++;
  e->nuses = 0;
  world::enter();
  start_thread(
      "main", [body = s.body] { body(); }, false);
  e->live = true;
  jump(e->driver, thread(0), false);
  return result;
}

bool live() { return e != nullptr && e->live && !e->checking; }

int start_thread(const char* name, std::function<void()> f, bool lazy) {
  if (e->n == max_threads) fail("more than %d threads", max_threads);
  const int id = e->n++;
  vthread& t = thread(id);
  char* stack = t.stack;
#if GOFER_ASAN
  __asan_unpoison_memory_region(stack, stack_size);
#endif
  t = vthread{};
  t.stack = stack;
  t.st = vthread::state::ready;
  t.name = name;
  t.lazy = lazy;
  t.body = new std::function<void()>(std::move(f));
  t.context = fctx::make_fcontext(stack + stack_size, stack_size, thread_main);
#if GOFER_ASAN
  t.lo = stack;
  t.size = stack_size;
#endif
  return id;
}

int current_thread() { return e->current; }

bool thread_over(int i) { return thread(i).st == vthread::state::over; }

void thread_bounds(char** lo, std::size_t* size) {
  *lo = self().stack;
  *size = stack_size;
}

int threads_alive() {
  int alive = 0;
  for (int i = 0; i < e->n; i++) alive += thread(i).st != vthread::state::over ? 1 : 0;
  return alive;
}

void at_thread_end(void (*f)(void*), void* arg) {
  self().end = f;
  self().end_arg = arg;
}

}  // namespace gofer::explore
