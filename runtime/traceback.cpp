// Go's traceback format (runtime/traceback.go, printpanics excepted), from program counters.
//
// A dump of all goroutines is made in two passes: first everything is copied that can change under our eyes, quickly
// and without a lock, then the copies are symbolized and written. Stopping the world instead would take a way to stop
// C++ code at an arbitrary place, which there is not. A goroutine that runs is interrupted to look where it is when the
// process is about to end anyway, and else shown without frames, as Go shows one that does not stop.
#include "runtime/traceback.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <gofer/runtime.hpp>
#include <vector>

#include "runtime/symbolize.hpp"
#include "sched/clock.hpp"
#include "sched/park.hpp"
#include "sched/sample.hpp"
#include "sched/schedt.hpp"
#include "sched/stack.hpp"
#include "sched/traceback.hpp"
#include "sched/waitreason.hpp"

namespace gofer::runtime {

namespace {

constexpr std::size_t shown_at_each_end = 50;  // Go's tracebackInnerFrames and tracebackOuterFrames
constexpr std::size_t longest_name = 64;

std::atomic<bool> runtime_shown{false};

void append_hex(std::string& out, std::uintptr_t value) {
  std::array<char, 20> digits;
  const int n = std::snprintf(digits.data(), digits.size(), "0x%zx", value);
  out.append(digits.data(), static_cast<std::size_t>(n));
}

void append_place(std::string& out, const frame& f) {
  ((out += '\t') += f.file.empty() ? "?" : f.file) += ':';
  out += std::to_string(f.line);
  if (!f.inlined) append_hex(out += " +", f.offset);
  out += '\n';
}

void append_frame(std::string& out, const frame& f) {
  (out += f.function) += "(...)\n";
  append_place(out, f);
}

// The frames to show, each kept alive by the answer it is part of.
struct shown_frame {
  frames_at owner;
  const frame* f;
};

std::vector<shown_frame> frames_to_show(void* const* pcs, int n, bool hide) {
  std::vector<shown_frame> shown;
  for (int i = 0; i < n; i++) {
    const frames_at at = symbolize(pcs[i]);
    for (const frame& f : *at) {
      if (!hide || !f.internal) shown.push_back({at, &f});
    }
  }
  return shown;
}

// What a header says, copied from a g that may change meanwhile.
struct status_line {
  std::uint64_t goid;
  sched::gstatus status;
  sched::wait_reason reason;
  std::int64_t waitsince;
  bool locked;
  std::array<char, longest_name + 1> name;
};

// Of another goroutine perhaps, whose name lies on its stack.
__attribute__((no_sanitize("thread", "address"))) status_line read_status(const sched::g* gp) {
  status_line s{
      gp->goid, gp->status.load(std::memory_order_acquire), gp->waitreason, gp->waitsince, gp->lockedm != nullptr, {}};
  if (const char* name = gp->name) {
    for (std::size_t i = 0; i < longest_name && name[i] != '\0'; i++) s.name[i] = name[i];
  }
  return s;
}

const char* status_text(const status_line& s) {
  switch (s.status) {
    case sched::gstatus::idle:
      return "idle";
    case sched::gstatus::runnable:
      return "runnable";
    case sched::gstatus::running:
      return "running";
    case sched::gstatus::syscall:
      return "syscall";
    case sched::gstatus::waiting:
      return s.reason == sched::wait_reason::none ? "waiting" : sched::wait_reason_text(s.reason);
  }
  return "???";
}

// In quotes; what would end the header or confuse who splits it at commas and brackets is escaped.
void append_quoted(std::string& out, const char* text) {
  out += '"';
  for (; *text != '\0'; text++) {
    const auto c = static_cast<unsigned char>(*text);
    if (c >= ' ' && c < 0x7f && c != '"' && c != '\\' && c != ']' && c != '[' && c != ',') {
      out += *text;
      continue;
    }
    std::array<char, 5> escape;
    std::snprintf(escape.data(), escape.size(), "\\x%02x", unsigned{c});
    out += escape.data();
  }
  out += '"';
}

std::string header(const status_line& s, const char* status_override) {
  std::string out = "goroutine " + std::to_string(s.goid) + " [";
  out += status_override != nullptr ? status_override : status_text(s);
  const bool waits = s.status == sched::gstatus::waiting || s.status == sched::gstatus::syscall;
  if (status_override == nullptr && waits && s.waitsince != 0) {
    const std::int64_t minutes = (sched::nanotime() - s.waitsince) / 60'000'000'000;
    if (minutes >= 1) (out += ", ") += std::to_string(minutes) + " minutes";
  }
  if (s.locked) out += ", locked to thread";
  if (s.name[0] != '\0') append_quoted(out += ", name ", s.name.data());
  return out += "]:\n";
}

void append_creator(std::string& out, std::uint64_t goid, void* gopc, std::uint64_t parent) {
  if (gopc == nullptr || goid == 1) return;
  // `go` itself may have been inlined there: whoever called it is meant.
  const frames_at at = symbolize(gopc);
  const auto creator = std::find_if(at->begin(), at->end(), [](const frame& f) { return !f.internal; });
  frame f = creator != at->end() ? *creator : at->back();
  f.inlined = false;
  (out += "created by ") += f.function;
  if (parent != 0) (out += " in goroutine ") += std::to_string(parent);
  out += '\n';
  append_place(out, f);
}

struct snapshot {
  status_line status;
  void* gopc;
  std::uint64_t parent;
  std::vector<void*> pcs;
};

struct dump {
  const sched::g* except;
  const sched::schedt* of;
  bool system;
  running_ones running;
  std::vector<snapshot> goroutines;
};

__attribute__((no_sanitize("thread", "address"))) void add_snapshot(sched::g* gp, void* arg) {
  auto& d = *static_cast<dump*>(arg);
  if (gp == d.except || gp->sched != d.of || (gp->system && !d.system)) return;
  snapshot s{read_status(gp), gp->gopc, gp->parent_goid, {}};
  if (s.status.status == sched::gstatus::idle) return;
  if (s.status.status == sched::gstatus::waiting || s.status.status == sched::gstatus::runnable) {
    std::array<void*, sched::max_traceback> pcs;
    const int n = sched::parked_callers(gp, pcs.data(), sched::max_traceback);
    s.pcs.assign(pcs.data(), pcs.data() + n);
  } else if (d.running == running_ones::interrupted && gp->mp != nullptr) {
    std::array<void*, sched::max_traceback> pcs;
    const int n = sched::sample_thread(gp->mp->tid, pcs.data(), sched::max_traceback);
    s.pcs.assign(pcs.data(), pcs.data() + n);
  }
  d.goroutines.push_back(std::move(s));
}

bool stack_unavailable(const snapshot& s) {
  return s.pcs.empty() && (s.status.status == sched::gstatus::running || s.status.status == sched::gstatus::syscall);
}

}  // namespace

void show_runtime(bool on) { runtime_shown.store(on, std::memory_order_relaxed); }

std::string format_frames(void* const* pcs, int n, bool hide_runtime) {
  const bool hide = hide_runtime && !runtime_shown.load(std::memory_order_relaxed);
  std::vector<shown_frame> shown = frames_to_show(pcs, n, hide);
  if (shown.empty()) shown = frames_to_show(pcs, n, false);
  const bool cut_off = n >= sched::max_traceback;
  const std::size_t all = shown.size();
  const std::size_t first = cut_off ? 2 * shown_at_each_end : shown_at_each_end;
  std::string out;
  for (std::size_t i = 0; i < all; i++) {
    if (all > 2 * shown_at_each_end && i == first) {
      if (cut_off) break;
      const std::size_t elided = all - 2 * shown_at_each_end;
      (out += "...") += std::to_string(elided) + " frames elided...\n";
      i += elided;
    }
    append_frame(out, *shown[i].f);
  }
  if (cut_off) out += "...additional frames elided...\n";
  return out;
}

std::string goroutine_header(const sched::g* gp, const char* status_override) {
  return header(read_status(gp), status_override);
}

void append_created_by(std::string& out, const sched::g* gp) {
  append_creator(out, gp->goid, gp->gopc, gp->parent_goid);
}

std::string all_goroutines(const sched::g* except, running_ones running) {
  dump d{except,
         sched::the_sched.load(std::memory_order_acquire),
         runtime_shown.load(std::memory_order_relaxed),
         running,
         {}};
  if (d.of == nullptr) return {};
  sched::for_each_g(add_snapshot, &d);
  std::sort(d.goroutines.begin(), d.goroutines.end(),
            [](const snapshot& a, const snapshot& b) { return a.status.goid < b.status.goid; });
  std::string out;
  for (const snapshot& s : d.goroutines) {
    (out += '\n') += header(s.status, nullptr);
    if (stack_unavailable(s)) {
      out += "\tgoroutine running on other thread; stack unavailable\n";
    } else {
      out += format_frames(s.pcs.data(), static_cast<int>(s.pcs.size()), true);
    }
    append_creator(out, s.status.goid, s.gopc, s.parent);
  }
  return out;
}

}  // namespace gofer::runtime

namespace gofer {

std::string stack(bool all) {
  std::array<void*, sched::max_traceback> pcs;
  const int n = sched::callers(pcs.data(), sched::max_traceback, 0);
  const sched::g* gp = sched::getg();
  std::string out = runtime::goroutine_header(gp, "running");
  out += runtime::format_frames(pcs.data(), n, true);
  runtime::append_created_by(out, gp);
  if (all) out += runtime::all_goroutines(gp, runtime::running_ones::undisturbed);
  return out;
}

}  // namespace gofer
