// A socket in use: descriptor, poller, and the locks that make close safe. What conn, listener and packet_conn are made
// of.
//
// Every operation is the same five lines: enter (fdmutex), try the system call, on EAGAIN wait for the poller, try
// again, leave. Whoever leaves a closed socket last gives the descriptor back.
//
// System calls are what a small request costs. Two are saved that Go makes: a read that got less than it asked for from
// a TCP socket has emptied it, and a write that was cut short has filled it, so the next try would only say EAGAIN; it
// waits at once (see poll_drained_means_empty for what has to hold). And a closed descriptor leaves epoll by itself.
#pragma once

#include <chrono>
#include <cstdint>
#include <gofer/net.hpp>
#include <span>

#include "runtime/net/address.hpp"
#include "runtime/net/fdmutex.hpp"
#include "sched/netpoll.hpp"

namespace gofer::runtime {

class file_state;

class netfd {
 public:
  /// Owns fd, which is non-blocking and of this family, from now on; nothing works before open().
  netfd(int fd, int family, const network& n) : fd_(fd), family_(family), net_(&n) {}
  netfd(const netfd&) = delete;
  netfd& operator=(const netfd&) = delete;
  /// Closes. Nobody that goes on is inside: whoever calls has a handle.
  ~netfd();

  /// Registers with the poller; null or why not.
  error open();
  /// Instead of open(): connects, or begins to (*pending). From then on a write deadline interrupts finish_connect.
  error begin_connect(const net::addr& to, bool* pending);
  /// Blocks until connected, or why not.
  error finish_connect();

  // What blocks ends when ctx, which may be null, is done.
  result<std::size_t> read(std::span<char> into, const context* ctx);
  result<std::size_t> write(std::span<const char> from, const context* ctx);
  result<std::size_t> write_all(std::span<const std::span<const char>> buffers, const context* ctx);
  result<std::string> read_line(std::size_t max, const context* ctx);
  /// Moves at most `max` bytes from the socket into a pipe, which is empty; 0 at the end. (splice.cpp)
  result<std::size_t> splice_into(int pipe, std::size_t max, const context* ctx);
  /// Moves these n bytes from a pipe into the socket, or says how many before the error.
  result<std::size_t> splice_out_of(int pipe, std::size_t n, const context* ctx);
  /// Sends the file from its position to its end. *unsupported: it cannot be sent so, and nothing was. (sendfile.cpp)
  result<std::uint64_t> send_file(file_state& file, const context* ctx, bool* unsupported);
  result<std::pair<std::size_t, net::addr>> read_from(std::span<char> into, const context* ctx);
  result<std::size_t> write_to(std::span<const char> from, const net::addr& to, const context* ctx);
  /// A new connection's descriptor, or -1 and why.
  int accept(sockaddr_buffer* peer, const context* ctx, error* err);
  error close();
  error close_write();
  /// Open, with nothing to read and no end.
  bool quiet();
  error set_deadline(std::int64_t ns, unsigned which);

  const network& net() const { return *net_; }
  const net::addr& local() const { return local_; }
  const net::addr& remote() const { return remote_; }
  void set_addresses(net::addr local, net::addr remote) {
    local_ = std::move(local);
    remote_ = std::move(remote);
  }
  /// Asks the system which address this end has.
  net::addr ask_local() const;
  /// The address of the other end, if it has one.
  net::addr ask_remote() const;
  /// For setting up, before it is shared.
  int raw() const { return fd_; }

 private:
  class inside;

  error failed(const char* op, error err) const;
  result<std::size_t> write_joined(std::span<const std::span<const char>> buffers, const context* ctx);
  error failed_call(const char* op, const char* call, int errnum) const;
  void destroy();

  fdmutex mu_;
  int fd_;
  int family_;
  bool drained_ = false;  // under the read lock: the last read emptied the socket
  const network* net_;
  sched::polldesc* pd_ = nullptr;
  net::addr local_;
  net::addr remote_;
};

/// Go's defaults for a TCP connection. Accepted sockets inherit them from the listener, which saves five calls per
/// connection.
void set_tcp_defaults(int fd);

/// Closes the descriptor; keeps errno.
void close_fd(int fd);

}  // namespace gofer::runtime
