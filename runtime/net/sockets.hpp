// The kernel's sockets behind net's handles.
#pragma once

#include <gofer/net.hpp>

#include "runtime/net/netfd.hpp"

namespace gofer::runtime {

class socket_stream final : public net::detail::stream {
 public:
  socket_stream(int fd, int family, const network& n) : fd_(fd, family, n) {}
  netfd& fd() { return fd_; }

  result<std::size_t> read(std::span<char> into, const context* ctx) override { return fd_.read(into, ctx); }
  result<std::size_t> write(std::span<const char> from, const context* ctx) override { return fd_.write(from, ctx); }
  result<std::string> read_line(std::size_t max, const context* ctx) override { return fd_.read_line(max, ctx); }
  result<std::size_t> write_all(std::span<const std::span<const char>> buffers, const context* ctx) override {
    return fd_.write_all(buffers, ctx);
  }
  error close() override { return fd_.close(); }
  error close_write() override { return fd_.close_write(); }
  error set_deadline(std::int64_t ns, unsigned which) override { return fd_.set_deadline(ns, which); }
  net::addr local_addr() const override { return fd_.local(); }
  net::addr remote_addr() const override { return fd_.remote(); }
  bool quiet() override { return fd_.quiet(); }

 private:
  netfd fd_;
};

class socket_packets final : public net::detail::packets {
 public:
  socket_packets(int fd, int family, const network& n) : fd_(fd, family, n) {}
  netfd& fd() { return fd_; }

  result<std::pair<std::size_t, net::addr>> read_from(std::span<char> into, const context* ctx) override {
    return fd_.read_from(into, ctx);
  }
  result<std::size_t> write_to(std::span<const char> from, const net::addr& to, const context* ctx) override {
    return fd_.write_to(from, to, ctx);
  }
  error close() override { return fd_.close(); }
  error set_deadline(std::int64_t ns, unsigned which) override { return fd_.set_deadline(ns, which); }
  net::addr local_addr() const override { return fd_.local(); }

 private:
  netfd fd_;
};

class socket_acceptor final : public net::detail::acceptor {
 public:
  socket_acceptor(int fd, int family, const network& n) : fd_(fd, family, n), family_(family) {}
  ~socket_acceptor() override;
  netfd& fd() { return fd_; }
  /// The file of a Unix socket is removed when this is closed.
  void unlink_on_close() { unlink_ = true; }

  result<net::conn> accept(const context* ctx) override;
  error close() override;
  error set_deadline(std::int64_t ns, unsigned which) override { return fd_.set_deadline(ns, which); }
  net::addr addr() const override { return fd_.local(); }

 private:
  void remove_file();

  netfd fd_;
  int family_;
  std::atomic<bool> unlink_{false};
};

/// A non-blocking socket, or -1 and why.
int new_socket(int family, int type, error* err);

}  // namespace gofer::runtime
