// The network, as goroutines see it: calls that block the goroutine and nothing else.
//
// Names, texts of errors and defaults are those of Go's package net: TCP_NODELAY on, keep-alive every 15 s, as long a
// backlog as the system allows, SIGPIPE never. A call that blocks can be interrupted by a deadline or by close() from
// elsewhere.
//
//   auto listener = gofer::must(gofer::net::listen("tcp", "127.0.0.1:8080"));
//   for (;;) {
//     auto [conn, err] = listener.accept();
//     if (err) break;
//     gofer::go([conn = conn] { gofer::io::copy(conn, conn); conn.close(); });
//   }
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <gofer/error.hpp>
#include <gofer/io.hpp>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace gofer {

class context;

namespace os {
class file;
}

namespace net {

inline constinit gofer::detail::sentinel_error err_closed_node{"use of closed network connection"};
/// The connection or listener was closed on this side, before the call or while it blocked.
inline constinit const error err_closed{err_closed_node};

/// The address of one end: an IP address and port, or a path. A value.
class addr {
 public:
  enum class family : std::uint8_t { none, ip4, ip6, unix_path };

  /// No address; str() is empty.
  addr() = default;
  /// 16 bytes of which an IPv4 address uses the first four.
  addr(const char* network, family f, const std::array<std::uint8_t, 16>& ip, std::uint16_t port,
       std::uint32_t scope = 0)
      : network_(network), family_(f), port_(port), scope_(scope), ip_(ip) {}
  addr(const char* network, std::string path) : network_(network), family_(family::unix_path), path_(std::move(path)) {}

  /// "127.0.0.1:80", "[::1]:80", "[fe80::1%eth0]:80", "/run/socket", "@" for an unnamed Unix socket.
  std::string str() const;
  /// "127.0.0.1", "fe80::1%eth0"; empty for a path.
  std::string ip() const;
  std::uint16_t port() const { return port_; }
  const std::string& path() const { return path_; }
  /// "tcp", "udp", "unix", …
  std::string_view network() const { return network_; }
  explicit operator bool() const { return family_ != family::none; }
  bool is_ip4() const { return family_ == family::ip4; }

  family kind() const { return family_; }
  const std::array<std::uint8_t, 16>& bytes() const { return ip_; }
  std::uint32_t scope() const { return scope_; }

  friend bool operator==(const addr& a, const addr& b) {
    return a.family_ == b.family_ && a.port_ == b.port_ && a.scope_ == b.scope_ && a.ip_ == b.ip_ &&
           a.path_ == b.path_ && a.network() == b.network();
  }
  friend std::ostream& operator<<(std::ostream& out, const addr& a);

 private:
  const char* network_ = "";  // a literal
  family family_ = family::none;
  std::uint16_t port_ = 0;
  std::uint32_t scope_ = 0;
  std::array<std::uint8_t, 16> ip_{};
  std::string path_;
};

/// What failed and between whom; every error of this package that is neither io::eof nor a wrong argument is one. is()
/// sees through it: is(err, net::err_closed), is(err, os::err_deadline_exceeded), is(err,
/// std::errc::connection_refused).
struct op_error {
  std::string op;   // "dial", "listen", "accept", "read", "write", "close", "set"
  std::string net;  // "tcp", …
  addr source;      // this end, if it has one
  addr address;     // the other end, or the one that was asked for
  error err;

  /// "read tcp 127.0.0.1:1->127.0.0.1:2: i/o timeout"
  std::string what() const;
  error unwrap() const { return err; }
};

/// A name that could not be resolved.
struct dns_error {
  std::string text;  // "no such host", …
  std::string name;
  bool not_found = false;  // there is no such name, as opposed to nobody to ask
  bool timed_out = false;
  bool is_temporary = false;

  /// "lookup nosuch.example: no such host"
  std::string what() const { return "lookup " + name + ": " + text; }
};

/// A deadline or a time-out was reached; the operation may succeed when it is tried again.
bool is_timeout(const error& err);
/// A time-out, or the process or the system is short of descriptors or memory: worth trying again later. What accept
/// says when there are no descriptors left is one.
bool is_temporary(const error& err);

namespace detail {

/// Counts handles; the last one that goes closes.
class handle_base {
 public:
  handle_base() = default;
  handle_base(const handle_base&) = delete;
  handle_base& operator=(const handle_base&) = delete;
  virtual ~handle_base() = default;

  void retain() noexcept { refs_.fetch_add(1, std::memory_order_relaxed); }
  void release() noexcept {
    // acq_rel: the last one destroys what the others have finished with
    if (refs_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
  }

 private:
  std::atomic<std::uint32_t> refs_{1};
};

template <class T>
class handle {
 public:
  handle() = default;
  /// Takes the reference that the object was born with.
  explicit handle(T* object) : object_(object) {}
  handle(const handle& other) noexcept : object_(other.object_) {
    if (object_ != nullptr) object_->retain();
  }
  handle(handle&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
  handle& operator=(handle other) noexcept {
    std::swap(object_, other.object_);
    return *this;
  }
  ~handle() {
    if (object_ != nullptr) object_->release();
  }
  T* get() const { return object_; }
  friend bool operator==(const handle&, const handle&) = default;

 private:
  T* object_ = nullptr;
};

// Deadlines cross the interface as nanoseconds on the steady clock: 0 for none. A time point of zero means none as
// well, so what has passed since long ago must not become 0.
std::int64_t deadline_ns(std::chrono::steady_clock::time_point t);
std::int64_t deadline_ns(std::chrono::system_clock::time_point t);

template <class Clock, class Duration>
std::int64_t deadline_ns(std::chrono::time_point<Clock, Duration> t) {
  if constexpr (std::is_same_v<Clock, std::chrono::steady_clock> || std::is_same_v<Clock, std::chrono::system_clock>) {
    return deadline_ns(std::chrono::time_point_cast<typename Clock::duration>(t));
  } else {
    if (t == decltype(t){}) return 0;
    const auto left = std::chrono::duration_cast<std::chrono::nanoseconds>(t - Clock::now());
    return deadline_ns(std::chrono::steady_clock::now() + left);
  }
}

enum : unsigned { deadline_read = 1, deadline_write = 2 };

/// What is behind a conn: a socket here, a TLS session on one elsewhere. A context may be null, and ends what blocks.
class stream : public handle_base {
 public:
  virtual result<std::size_t> read(std::span<char> into, const context* ctx) = 0;
  virtual result<std::size_t> write(std::span<const char> from, const context* ctx) = 0;
  virtual result<std::string> read_line(std::size_t max, const context* ctx) = 0;
  /// One write after the other, unless there is something better.
  virtual result<std::size_t> write_all(std::span<const std::span<const char>> buffers, const context* ctx);
  virtual error close() = 0;
  virtual error close_write() = 0;
  virtual error set_deadline(std::int64_t ns, unsigned which) = 0;
  virtual addr local_addr() const = 0;
  virtual addr remote_addr() const = 0;
  /// What has to be settled before the first byte, within this time (zero or less: any): a TLS session's handshake.
  virtual error handshake(std::chrono::nanoseconds) { return {}; }
  /// Whether it is open with nothing to read, not even its end. Does not block.
  virtual bool quiet() = 0;
};

class packets : public handle_base {
 public:
  virtual result<std::pair<std::size_t, addr>> read_from(std::span<char> into, const context* ctx) = 0;
  virtual result<std::size_t> write_to(std::span<const char> from, const addr& to, const context* ctx) = 0;
  virtual error close() = 0;
  virtual error set_deadline(std::int64_t ns, unsigned which) = 0;
  virtual addr local_addr() const = 0;
};

class acceptor;
struct asio_layer;

/// The three set_…deadline functions of everything that has deadlines.
template <class Derived>
class deadlines {
 public:
  friend bool operator==(const deadlines&, const deadlines&) = default;
  /// From t on, reads and writes, blocked ones too, fail with os::err_deadline_exceeded. t{} is no deadline; a later
  /// call moves it, so that a connection can be used again. Any thread, at any time. Fails with err_closed.
  error set_deadline(std::chrono::steady_clock::time_point t) const {
    return self().set_deadline_ns(deadline_ns(t), deadline_read | deadline_write);
  }
  error set_read_deadline(std::chrono::steady_clock::time_point t) const {
    return self().set_deadline_ns(deadline_ns(t), deadline_read);
  }
  error set_write_deadline(std::chrono::steady_clock::time_point t) const {
    return self().set_deadline_ns(deadline_ns(t), deadline_write);
  }
  /// On another clock: converted now, so that a later step of the wall clock changes nothing.
  template <class Clock, class Duration>
  error set_deadline(std::chrono::time_point<Clock, Duration> t) const {
    return self().set_deadline_ns(deadline_ns(t), deadline_read | deadline_write);
  }
  template <class Clock, class Duration>
  error set_read_deadline(std::chrono::time_point<Clock, Duration> t) const {
    return self().set_deadline_ns(deadline_ns(t), deadline_read);
  }
  template <class Clock, class Duration>
  error set_write_deadline(std::chrono::time_point<Clock, Duration> t) const {
    return self().set_deadline_ns(deadline_ns(t), deadline_write);
  }

 private:
  const Derived& self() const { return static_cast<const Derived&>(*this); }
};

}  // namespace detail

/// A connection: a cheap handle that copies share. Closed by close(), or when the last handle goes. One goroutine may
/// read while another writes; several readers, or several writers, take turns. All functions may be called from any
/// goroutine and thread; on a plain thread they block the thread. On an empty handle everything fails with err_closed.
///
/// What blocks has a form that takes a context, which ends it at once: "operation was canceled", or a time-out when it
/// was the context's deadline; is(err, context::canceled) finds the context's own error. Deadlines are another matter
/// and stay as they are, and the connection can be used again: nothing that arrived is lost.
class conn : public detail::deadlines<conn> {
 public:
  conn() = default;
  explicit conn(detail::handle<detail::stream> s) : stream_(std::move(s)) {}

  /// Blocks until there is at least one byte, the peer has closed its side (io::eof), the deadline is reached or the
  /// connection is closed here. An empty `into` reads nothing.
  result<std::size_t> read(std::span<char> into) const;
  result<std::size_t> read(const context& ctx, std::span<char> into) const;
  /// Writes all of it; blocks while the peer does not keep up. With an error, value says how much was accepted before.
  result<std::size_t> write(std::span<const char> from) const;
  result<std::size_t> write(const context& ctx, std::span<const char> from) const;
  /// A string literal, without its terminating zero.
  template <std::size_t N>
  result<std::size_t> write(const char (&text)[N]) const {
    return write(io::detail::literal(text));
  }
  template <std::size_t N>
  result<std::size_t> write(char (&from)[N]) const {
    return write(std::span<const char>(from));
  }
  template <std::size_t N>
  result<std::size_t> write(const context& ctx, const char (&text)[N]) const {
    return write(ctx, io::detail::literal(text));
  }
  template <std::size_t N>
  result<std::size_t> write(const context& ctx, char (&from)[N]) const {
    return write(ctx, std::span<const char>(from));
  }
  /// Several buffers as one write: sockets send them without copying them together, and with no other write in between
  /// (Go's net.Buffers). On a datagram socket they are one datagram.
  result<std::size_t> write(std::span<const std::span<const char>> buffers) const;
  result<std::size_t> write(const context& ctx, std::span<const std::span<const char>> buffers) const;
  /// What io::copy(*this, src) does. From one socket to another (stream sockets, no TLS) the bytes do not pass through
  /// the process: splice(2), through a pipe. A regular file is sent by sendfile(2), from its position. Else a buffer.
  result<std::uint64_t> copy_from(const conn& src) const;
  result<std::uint64_t> copy_from(const context& ctx, const conn& src) const;
  result<std::uint64_t> copy_from(const os::file& src) const;
  result<std::uint64_t> copy_from(const context& ctx, const os::file& src) const;
  /// See io::read_line. Takes no more from the connection than the line. When a context or deadline ends it, what it
  /// has taken of the line is lost.
  result<std::string> read_line(std::size_t max) const;
  result<std::string> read_line(const context& ctx, std::size_t max) const;

  /// Closes; blocked reads and writes, and later ones, fail with err_closed. Does not block. Closing again is
  /// err_closed.
  error close() const;
  /// The peer reads to the end of what was written and then io::eof; reading goes on here.
  error close_write() const;

  addr local_addr() const;
  addr remote_addr() const;

  /// Whether this is a connection at all, open or closed.
  explicit operator bool() const { return stream_.get() != nullptr; }
  friend bool operator==(const conn&, const conn&) = default;

  // Asio's SyncReadStream and SyncWriteStream: defined in <gofer/asio.hpp>.
  template <class MutableBuffers>
  std::size_t read_some(const MutableBuffers& buffers) const;
  template <class MutableBuffers, class ErrorCode>
  std::size_t read_some(const MutableBuffers& buffers, ErrorCode& ec) const;
  template <class ConstBuffers>
  std::size_t write_some(const ConstBuffers& buffers) const;
  template <class ConstBuffers, class ErrorCode>
  std::size_t write_some(const ConstBuffers& buffers, ErrorCode& ec) const;
  using lowest_layer_type = detail::asio_layer;
  detail::asio_layer& lowest_layer() const;
  template <class Layer = detail::asio_layer>
  typename Layer::executor_type get_executor() const;

  /// For the library.
  detail::stream* stream() const { return stream_.get(); }

 private:
  friend class detail::deadlines<conn>;
  error set_deadline_ns(std::int64_t ns, unsigned which) const;
  detail::handle<detail::stream> stream_;
};

namespace detail {

class acceptor : public handle_base {
 public:
  virtual result<conn> accept(const context* ctx) = 0;
  virtual error close() = 0;
  virtual error set_deadline(std::int64_t ns, unsigned which) = 0;
  virtual net::addr addr() const = 0;
};

}  // namespace detail

/// A listening socket: a cheap handle that copies share. Closed by close(), or when the last handle goes. Several
/// goroutines may accept at once.
class listener : public detail::deadlines<listener> {
 public:
  listener() = default;
  explicit listener(detail::handle<detail::acceptor> a) : acceptor_(std::move(a)) {}

  /// Blocks until somebody connects, the deadline is reached or the listener is closed. An error for which
  /// is_temporary() holds (no descriptors left, say) leaves the caller in the queue: try again a little later.
  result<conn> accept() const;
  /// The same until ctx is done, as in conn. Who connects at that moment stays in the queue.
  result<conn> accept(const context& ctx) const;
  /// Closes; a blocked accept fails with err_closed. Connections that were accepted live on. The address is free again
  /// when it returns. The file of a Unix socket is removed.
  error close() const;
  /// Where it listens, with the port that the system chose if 0 was asked for.
  net::addr addr() const;

  explicit operator bool() const { return acceptor_.get() != nullptr; }
  friend bool operator==(const listener&, const listener&) = default;

  /// For the library.
  detail::acceptor* acceptor() const { return acceptor_.get(); }

 private:
  friend class detail::deadlines<listener>;
  error set_deadline_ns(std::int64_t ns, unsigned which) const;
  detail::handle<detail::acceptor> acceptor_;
};

/// A socket for datagrams to and from anybody: a cheap handle that copies share.
class packet_conn : public detail::deadlines<packet_conn> {
 public:
  packet_conn() = default;
  explicit packet_conn(detail::handle<detail::packets> p) : packets_(std::move(p)) {}

  /// Blocks until there is a datagram; gives its length and sender. What does not fit into `into` is lost.
  result<std::pair<std::size_t, addr>> read_from(std::span<char> into) const;
  /// Sends one datagram.
  result<std::size_t> write_to(std::span<const char> from, const addr& to) const;
  // The same until ctx is done, as in conn.
  result<std::pair<std::size_t, addr>> read_from(const context& ctx, std::span<char> into) const;
  result<std::size_t> write_to(const context& ctx, std::span<const char> from, const addr& to) const;
  error close() const;
  addr local_addr() const;

  explicit operator bool() const { return packets_.get() != nullptr; }
  friend bool operator==(const packet_conn&, const packet_conn&) = default;

 private:
  friend class detail::deadlines<packet_conn>;
  error set_deadline_ns(std::int64_t ns, unsigned which) const;
  detail::handle<detail::packets> packets_;
};

/// Listens on "host:port" for tcp, tcp4, tcp6 (host empty: every address of the machine, for tcp both families; port 0:
/// one that is free), or on a path for unix and unixpacket ("@name": Linux's abstract names). A host name is looked up,
/// which may block.
result<listener> listen(std::string_view network, std::string_view address);

/// Connects to "host:port" (tcp, tcp4, tcp6, udp, udp4, udp6) or a path (unix, unixpacket, unixgram). A name's
/// addresses are tried in the order in which the system gives them, for tcp those of the other family than the first
/// one's beside them from 300 ms on, or from when they have failed (RFC 8305). Blocks until connected or refused, as
/// long as the system tries.
result<conn> dial(std::string_view network, std::string_view address);
/// The same, for at most `timeout` (the look-up included); then the error is a time-out.
result<conn> dial(std::string_view network, std::string_view address, std::chrono::nanoseconds timeout);
/// The same, until ctx is done: "operation was canceled", or a time-out. The connection does not depend on ctx later.
result<conn> dial(std::string_view network, std::string_view address, const context& ctx);

/// How to listen, where listen() and listen_packet() do not suit.
struct listen_config {
  /// How many connections may wait to be accepted; 0: as many as the system allows, which caps it in any case.
  int backlog = 0;
  /// Several sockets may listen on the port (all with this set), and the kernel spreads connections over them.
  bool reuse_port = false;
  /// Called with the socket before it is bound, to set its options: the network is "tcp4" or "tcp6" for "tcp". An error
  /// is listen's. The descriptor stays gofer's.
  std::function<error(std::string_view network, const addr& at, int fd)> control = {};

  result<listener> listen(std::string_view network, std::string_view address) const;
  result<packet_conn> listen_packet(std::string_view network, std::string_view address) const;
};

/// A listener, connection or datagram socket out of a socket that exists already: inherited, from systemd, from
/// socketpair(2). They work on a duplicate: `fd` stays the caller's, to close when he likes. It becomes non-blocking.
/// The file of a Unix socket is left alone.
result<listener> file_listener(int fd);
result<conn> file_conn(int fd);
result<packet_conn> file_packet_conn(int fd);

/// A descriptor that the process was started with.
struct listen_fd {
  int fd;
  std::string name;  // systemd's FileDescriptorName, or "unknown"
};
/// The sockets that systemd (LISTEN_PID, LISTEN_FDS, LISTEN_FDNAMES) has opened for this process, for file_listener and
/// its like; none when it was started by other means. Marks them close-on-exec and takes the variables out of the
/// environment, so it answers once; call it before there are threads that use the environment.
std::vector<listen_fd> listen_fds();

/// A socket for datagrams: udp, udp4, udp6 on "host:port", unixgram on a path.
result<packet_conn> listen_packet(std::string_view network, std::string_view address);

/// The IP addresses of a name, as text, by the system's resolver (/etc/hosts, DNS). Blocks the goroutine only; an
/// address stands for itself.
result<std::vector<std::string>> lookup_host(std::string_view host);
result<std::vector<std::string>> lookup_host(std::string_view host, const context& ctx);

/// "host:port" and back, with brackets around IPv6 addresses.
result<std::pair<std::string, std::string>> split_host_port(std::string_view address);
std::string join_host_port(std::string_view host, std::string_view port);

}  // namespace net
}  // namespace gofer
