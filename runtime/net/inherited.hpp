// Sockets that exist already.
#pragma once

#include <gofer/net.hpp>
#include <vector>

namespace gofer::runtime {

/// net::listen_fds for descriptors that begin at `first`.
std::vector<net::listen_fd> listen_fds_from(int first);

}  // namespace gofer::runtime
