// Why a goroutine waits: one reason per place that parks, printed in every dump. The texts are Go's (runtime2.go), so
// that tools for Go dumps read ours.
#pragma once

#include <cstdint>

namespace gofer::sched {

enum class wait_reason : std::uint8_t {
  none,
  chan_receive,
  chan_send,
  chan_receive_nil,
  chan_send_nil,
  select,
  select_no_cases,
  sleep,
  io_wait,
  sync_mutex_lock,
  sync_rwmutex_rlock,
  sync_rwmutex_lock,
  sync_cond_wait,
  sync_waitgroup_wait,
  semacquire,
  sync_once,
  finalizer_wait,  // the runtime's own helpers
  panicwait,
  syscall,
  count_,
};

const char* wait_reason_text(wait_reason r);

}  // namespace gofer::sched
