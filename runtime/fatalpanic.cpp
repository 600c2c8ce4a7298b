// Reports: what ends the process when a panic is recovered by nobody, when it meets noexcept, when the runtime gives
// up.
#include <cxxabi.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <gofer/defer.hpp>
#include <gofer/panic.hpp>

#include "runtime/crashimage.hpp"
#include "runtime/hooks.hpp"
#include "runtime/knobs.hpp"
#include "runtime/panic.hpp"
#include "runtime/traceback.hpp"
#include "sched/fatal.hpp"
#include "sched/park.hpp"
#include "sched/traceback.hpp"

namespace gofer::runtime {

namespace {

const char* signal_text(int sig) {
  switch (sig) {
    case SIGSEGV:
      return "SIGSEGV: segmentation violation";
    case SIGBUS:
      return "SIGBUS: bus error";
    case SIGFPE:
      return "SIGFPE: floating-point exception";
    default:
      return "signal";
  }
}

// Go indents the lines of a value that has several, so that the chain stays readable.
void append_indented(std::string& out, const std::string& text) {
  for (const char c : text) {
    out += c;
    if (c == '\n') out += '\t';
  }
}

[[noreturn]] void die() {
  if (get_traceback_level() == traceback_level::crash) {
    ::signal(SIGABRT, SIG_DFL);
    std::abort();
  }
  ::_exit(2);
}

void append_running(std::string& out, const sched::g* gp, void* const* pcs, int n) {
  out += "\n" + goroutine_header(gp, "running") + format_frames(pcs, n, true);
  append_created_by(out, gp);
}

// Whose panic values are being asked for their texts; for on_terminate, because std::exception's what() is noexcept.
std::atomic<const sched::g*> printing{nullptr};

[[noreturn]] void panicked_while_printing(const detail::panic_data& inside) {
  const bool string = inside.box && inside.box->type() == typeid(std::string);
  const std::string why = string ? inside.box->text() : "type " + detail::type_text(inside);
  fatal(("panic while printing panic value: " + why).c_str());
}

// A what() or operator<< that panics ends the process there and then: the report that would follow is about the very
// value that cannot be printed, and would ask it again.
std::string text_to_print(const detail::panic_data& data) {
  return func([&](std::string& text) {
    defer d{[] {
      if (const panic_value inside = recover()) panicked_while_printing(*inside.data());
    }};
    text = data.text();
  });
}

// The newest fault of the chain: one that a deferred call's own panic has replaced is still what began it all. Where
// Go's compiler checks, and no signal is raised (a division by zero), its report has no such line.
const detail::panic_data* fault_of(const _panic* p) {
  for (; p != nullptr; p = p->link) {
    if (!p->goexit && p->data->sig != 0) break;
  }
  if (p == nullptr || (p->data->sig == SIGFPE && p->data->sig_code == FPE_INTDIV)) return nullptr;
  return p->data.get();
}

}  // namespace

std::string signal_line(int sig, int code, const void* addr, const void* pc) {
  char line[160];
  std::snprintf(line, sizeof line, "[signal %s code=0x%x addr=0x%lx pc=0x%lx]", signal_text(sig),
                static_cast<unsigned>(code), reinterpret_cast<unsigned long>(addr),
                reinterpret_cast<unsigned long>(pc));
  return line;
}

std::vector<std::string> preprintpanics(const _panic* p) {
  std::vector<std::string> texts;
  for (; p != nullptr; p = p->link) texts.push_back(p->goexit ? std::string() : text_to_print(*p->data));
  return texts;
}

void printpanics(std::string& out, const _panic* p, const std::string* text) {
  if (p->link != nullptr) {
    printpanics(out, p->link, text + 1);
    if (!p->link->goexit) out += '\t';
  }
  if (p->goexit) return;
  out += "panic: ";
  append_indented(out, *text);
  if (p->recovered) out += " [recovered]";
  out += '\n';
}

std::string panic_report(const sched::g* gp) {
  std::string out;
  printing = gp;
  const std::vector<std::string> texts = preprintpanics(gp->_panic);
  printing = nullptr;
  printpanics(out, gp->_panic, texts.data());
  if (const detail::panic_data* fault = fault_of(gp->_panic); fault != nullptr) {
    out += signal_line(fault->sig, fault->sig_code, fault->sig_addr, fault->sig_pc) + "\n";
  }
  return out;
}

void fatalpanic(sched::g* gp) {
  // The values' texts may run user code, which may panic in turn: before anything is promised to the terminal.
  std::string out = panic_report(gp);
  sched::begin_report();
  std::fflush(nullptr);
  const traceback_level level = get_traceback_level();
  if (level != traceback_level::none) {
    const detail::call_stack& pcs = gp->_panic->data->pcs;
    append_running(out, gp, pcs.data(), static_cast<int>(pcs.size()));
    if (level != traceback_level::single) out += all_goroutines(gp, running_ones::interrupted);
  }
  sched::write_err(out);
  if (level == traceback_level::crash && gp->_panic->image != nullptr) abort_on(gp->_panic->image);
  die();
}

void print_traceback(sched::g* gp, bool all) {
  const traceback_level level = get_traceback_level();
  if (level == traceback_level::none) return;
  std::string out;
  if (gp != nullptr) {
    void* pcs[sched::max_traceback];
    const int n = sched::callers(pcs, sched::max_traceback, 2);
    append_running(out, gp, pcs, n);
  }
  if (all || level != traceback_level::single) out += all_goroutines(gp, running_ones::interrupted);
  sched::write_err(out);
  if (level == traceback_level::crash) die();
}

void on_terminate() {
  sched::m* mp = sched::getm_or_null();
  sched::g* gp = mp == nullptr ? nullptr : mp->curg;
  vehicle* v = gp == nullptr ? nullptr : in_flight(gp);
  const std::type_info* type = abi::__cxa_current_exception_type();
  // Clang's noexcept functions catch what they end the program for.
  if (v == nullptr && gp != nullptr && type != nullptr && *type == vehicle_type()) v = gp->vehicles;
  std::string out;
  const char* why = nullptr;
  if (v != nullptr && riding(gp, v) != nullptr && !gp->_panic->goexit) {
    if (printing == gp) panicked_while_printing(*gp->_panic->data);
    out = panic_report(gp);
    why = gp->_panic->data->sig == 0
              ? "panic cannot unwind: a noexcept function or a destructor is in its way\n"
              : "panic cannot unwind: a noexcept function, a destructor, or code that was built without "
                "-fnon-call-exceptions (Clang has no such flag, see docs/building.md) is in its way\n";
  } else if (v != nullptr) {
    why = "goexit cannot unwind: a noexcept function or a destructor is in its way\n";
  } else if (type != nullptr) {
    out = std::string("terminate: an exception of type ") + detail::text_of_type(*type) + " cannot unwind";
    try {
      throw;
    } catch (const std::exception& e) {
      out += std::string(": ") + e.what();
    } catch (...) {
    }
    out += "\n";
    why = "std::terminate called: an exception met noexcept, left a destructor, or had no handler\n";
  } else {
    why = "std::terminate called\n";
  }
  sched::begin_report();
  std::fflush(nullptr);
  out += std::string("fatal error: ") + why;
  if (get_traceback_level() != traceback_level::none && gp != nullptr) {
    void* pcs[sched::max_traceback];
    const int n = sched::callers(pcs, sched::max_traceback, 1);
    append_running(out, gp, pcs, n);
  }
  sched::write_err(out);
  die();
}

}  // namespace gofer::runtime

namespace gofer::detail {

std::string panic_stack(const panic_data& data) {
  return runtime::format_frames(data.pcs.data(), static_cast<int>(data.pcs.size()), true);
}

}  // namespace gofer::detail
