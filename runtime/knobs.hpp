// Every knob that a user can turn, from code or from the environment: one row each in knobs.cpp's table and in
// docs/knobs.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <gofer/runtime.hpp>

namespace gofer::runtime {

enum class traceback_level { none, single, all, system, crash };

struct knobs {
  int maxprocs = 0;
  std::size_t stack_size = 0;
  int max_threads = 0;
  traceback_level traceback = traceback_level::single;
  bool pinned = false;

  // GOFER_DEBUG's; 0: off
  std::int64_t schedtrace_ms = 0;
  std::int64_t scheddetail = 0;
  std::int64_t watchdog_ms = 0;
  std::int64_t stackhigh = 0;
  std::int64_t system_unwinder = 0;
  std::int64_t lockcheck = 0;
};

/// Options from code win; what they leave open comes from the environment. Exits with status 2 and one line on bad
/// values.
knobs read_knobs(const options& o);

void set_traceback_level(traceback_level level);
traceback_level get_traceback_level();

}  // namespace gofer::runtime
