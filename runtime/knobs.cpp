#include "runtime/knobs.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

#include "runtime/traceback.hpp"
#include "sched/config.hpp"

namespace gofer::runtime {

namespace {

std::atomic<traceback_level> level{traceback_level::single};

struct level_name {
  const char* name;
  traceback_level value;
};
// The digits are Go's GOTRACEBACK=0, 1, 2.
constexpr std::array<level_name, 8> level_names = {{{"none", traceback_level::none},
                                                    {"single", traceback_level::single},
                                                    {"all", traceback_level::all},
                                                    {"system", traceback_level::system},
                                                    {"crash", traceback_level::crash},
                                                    {"0", traceback_level::none},
                                                    {"1", traceback_level::all},
                                                    {"2", traceback_level::system}}};

[[noreturn]] void bad_knob(const char* name, const char* value, const char* wanted) {
  std::fprintf(stderr, "gofer: %s=%s: want %s\n", name, value, wanted);
  std::exit(2);
}

// A whole number in [least, most], or the end of the process. 0 when the variable is unset or empty.
long long number(const char* name, long long least, long long most, const char* wanted) {
  const char* value = std::getenv(name);
  if (value == nullptr || *value == 0) return 0;
  long long n = 0;
  const char* end = value + std::strlen(value);
  const auto [stop, err] = std::from_chars(value, end, n);
  if (err != std::errc() || stop != end || n < least || n > most) bad_knob(name, value, wanted);
  return n;
}

traceback_level parse_level(const char* name, const char* value) {
  for (const level_name& l : level_names) {
    if (std::string_view(value) == l.name) return l.value;
  }
  bad_knob(name, value, "none, single, all, system or crash");
}

struct debug_key {
  const char* name;
  std::int64_t knobs::*value;
  std::int64_t most;
  const char* wanted;
};
constexpr std::int64_t a_day_in_ms = 86'400'000;
constexpr std::array<debug_key, 6> debug_keys = {{
    {"schedtrace", &knobs::schedtrace_ms, a_day_in_ms, "schedtrace=MILLISECONDS"},
    {"scheddetail", &knobs::scheddetail, 1, "scheddetail=0 or scheddetail=1"},
    {"watchdog", &knobs::watchdog_ms, a_day_in_ms, "watchdog=MILLISECONDS"},
    {"lockcheck", &knobs::lockcheck, 1, "lockcheck=0 or lockcheck=1"},
    {"stackhigh", &knobs::stackhigh, 1, "stackhigh=0 or stackhigh=1"},
    {"sysunwind", &knobs::system_unwinder, 1, "sysunwind=0 or sysunwind=1"},
}};

// "key=value,key=value". Keys of other versions are passed over, as Go does with GODEBUG.
void read_debug_knobs(knobs& k) {
  const char* env = std::getenv("GOFER_DEBUG");
  if (env == nullptr) return;
  for (std::string_view rest = env; !rest.empty();) {
    const std::string_view item = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(item.size() + 1, rest.size()));
    const std::size_t equals = item.find('=');
    const auto* key = std::find_if(debug_keys.begin(), debug_keys.end(),
                                   [&](const debug_key& d) { return item.substr(0, equals) == d.name; });
    if (key == debug_keys.end()) continue;
    const std::string_view value = equals == item.npos ? std::string_view() : item.substr(equals + 1);
    std::int64_t n = 0;
    const auto [stop, err] = std::from_chars(value.data(), value.data() + value.size(), n);
    if (err != std::errc() || stop != value.data() + value.size() || n < 0 || n > key->most) {
      bad_knob("GOFER_DEBUG", env, key->wanted);
    }
    k.*key->value = n;
  }
}

}  // namespace

knobs read_knobs(const options& o) {
  knobs k;
  if (o.maxprocs < 0 || o.maxprocs > sched::max_procs) {
    bad_knob("options.maxprocs", std::to_string(o.maxprocs).c_str(),
             "a number of workers from 1 to 1024, or 0 for the default");
  }
  k.maxprocs = o.maxprocs;
  if (k.maxprocs == 0)
    k.maxprocs = static_cast<int>(number("GOFER_MAXPROCS", 1, sched::max_procs, "a number of workers from 1 to 1024"));
  constexpr int most_threads = 1'000'000;
  if (o.max_threads < 0 || o.max_threads > most_threads) {
    bad_knob("options.max_threads", std::to_string(o.max_threads).c_str(),
             "a number of threads from 1 to 1000000, or 0 for the default");
  }
  k.max_threads = o.max_threads;
  if (k.max_threads == 0) {
    k.max_threads =
        static_cast<int>(number("GOFER_MAXTHREADS", 1, most_threads, "a number of threads from 1 to 1000000"));
  }
  k.stack_size = o.stack_size;
  if (k.stack_size == 0) {
    k.stack_size = static_cast<std::size_t>(number("GOFER_STACK", static_cast<long long>(sched::min_stack_size),
                                                   static_cast<long long>(sched::max_stack_size),
                                                   "a stack size in bytes from 16384 to 1073741824"));
  }
  const char* env = std::getenv("GOFER_TRACEBACK");
  if (o.traceback != nullptr) {
    k.traceback = parse_level("options.traceback", o.traceback);
  } else if (env != nullptr && *env != 0) {
    k.traceback = parse_level("GOFER_TRACEBACK", env);
  }
  k.pinned = o.pinned || number("GOFER_PINNED", 0, 1, "0 or 1") != 0;
  read_debug_knobs(k);
  return k;
}

void set_traceback_level(traceback_level l) {
  level.store(l, std::memory_order_relaxed);
  show_runtime(l >= traceback_level::system);
}

traceback_level get_traceback_level() { return level.load(std::memory_order_relaxed); }

}  // namespace gofer::runtime
