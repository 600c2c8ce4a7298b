// How this package's errors are put together.
#pragma once

#include <gofer/net.hpp>

#include "sched/netpoll.hpp"

namespace gofer::runtime {

/// "read: connection reset by peer": Go's os.SyscallError.
error syscall_error(const char* call, int errnum);

/// err_closed or err_deadline_exceeded.
error poll_failure(sched::poll_error failed);

error op_failed(const char* op, const char* network, const net::addr& source, const net::addr& address, error err);

}  // namespace gofer::runtime
