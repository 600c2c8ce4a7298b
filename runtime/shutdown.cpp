// shutdown: wait for goroutines that nobody counts.
//
// Goroutines are counted per P, without an atomic operation, so that no one of them knows that it is the last. So this
// looks, in steps that grow from a tenth of a millisecond to ten: the end of a program is late by a hundredth of what
// it took at most.
#include <algorithm>
#include <chrono>
#include <gofer/runtime.hpp>
#include <gofer/time.hpp>

#include "runtime/traceback.hpp"
#include "sched/park.hpp"

namespace gofer {

std::string shutdown(std::chrono::nanoseconds limit) {
  using clock = std::chrono::steady_clock;
  const clock::time_point begin = clock::now();
  const sched::g* self = sched::getg();
  const int own = self->plain ? 0 : 1;
  std::chrono::nanoseconds step = std::chrono::microseconds(100);
  while (num_goroutine() > own) {
    const std::chrono::nanoseconds left = limit - (clock::now() - begin);
    if (left <= std::chrono::nanoseconds::zero()) {
      return runtime::all_goroutines(self, runtime::running_ones::interrupted);
    }
    sleep(std::min(step, left));
    step = std::min<std::chrono::nanoseconds>(2 * step, std::chrono::milliseconds(10));
  }
  return {};
}

}  // namespace gofer
