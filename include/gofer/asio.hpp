// net::conn as Asio's SyncReadStream and SyncWriteStream, so that code written for those runs on goroutines:
// Boost.Beast's HTTP and WebSocket, boost::asio::ssl::stream, boost::asio::read_until. What blocks is the goroutine.
//
//   gofer::net::conn conn = …;
//   boost::beast::flat_buffer buffer;
//   boost::beast::http::request<boost::beast::http::string_body> request;
//   boost::beast::http::read(conn, buffer, request);
//
// Only the synchronous functions: there is no io_context that anybody runs, and async_… does not compile.
#pragma once

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/system/error_code.hpp>
#include <boost/system/system_error.hpp>
#include <cstddef>
#include <cstring>
#include <gofer/io.hpp>
#include <gofer/net.hpp>
#include <span>

#if __has_include(<boost/beast/core/role.hpp>)
#include <boost/beast/core/role.hpp>
#define GOFER_HAS_BEAST 1
#endif

namespace gofer::net {

/// What Asio calls it: io::eof is error::eof, a deadline error::timed_out, closing here error::operation_aborted,
/// anything else the system's code.
inline boost::system::error_code to_asio(const error& err) {
  if (!err) return {};
  if (is(err, io::eof)) return boost::asio::error::eof;
  if (is(err, os::err_deadline_exceeded)) return boost::asio::error::timed_out;
  if (is(err, err_closed)) return boost::asio::error::operation_aborted;
  const std::error_code code = err.code();
  if (code.category() == std::system_category() || code.category() == std::generic_category()) {
    if (code) return {code.value(), boost::system::system_category()};
  }
  return boost::asio::error::fault;
}

namespace detail {

/// Asio's objects want an executor when they are made, if only to never use it.
struct asio_layer {
  using executor_type = boost::asio::io_context::executor_type;
  using lowest_layer_type = asio_layer;
  executor_type get_executor() const {
    static boost::asio::io_context never_run(1);
    return never_run.get_executor();
  }
  asio_layer& lowest_layer() { return *this; }
};

inline asio_layer& the_asio_layer() {
  static asio_layer layer;
  return layer;
}

}  // namespace detail

inline detail::asio_layer& conn::lowest_layer() const { return detail::the_asio_layer(); }

template <class Layer>
typename Layer::executor_type conn::get_executor() const {
  return detail::the_asio_layer().get_executor();
}

/// Reads into the first buffer that is not empty; a short read is always right.
template <class MutableBuffers, class ErrorCode>
std::size_t conn::read_some(const MutableBuffers& buffers, ErrorCode& ec) const {
  ec = {};
  const auto end = boost::asio::buffer_sequence_end(buffers);
  for (auto it = boost::asio::buffer_sequence_begin(buffers); it != end; ++it) {
    const boost::asio::mutable_buffer b(*it);
    if (b.size() == 0) continue;
    const result<std::size_t> got = read(std::span<char>(static_cast<char*>(b.data()), b.size()));
    if (got.err) ec = to_asio(got.err);
    return got.value;
  }
  return 0;
}

template <class MutableBuffers>
std::size_t conn::read_some(const MutableBuffers& buffers) const {
  boost::system::error_code ec;
  const std::size_t n = read_some(buffers, ec);
  if (ec) throw boost::system::system_error(ec, "read_some");
  return n;
}

/// Writes all the buffers: small ones together, so that a message's head and body leave as one.
template <class ConstBuffers, class ErrorCode>
std::size_t conn::write_some(const ConstBuffers& buffers, ErrorCode& ec) const {
  constexpr std::size_t together = 4096;  // fits a goroutine's smallest stack
  ec = {};
  std::size_t total = 0;
  char joined[together];
  std::size_t held = 0;
  const auto put = [&](const char* data, std::size_t size) {
    const result<std::size_t> done = write(std::span<const char>(data, size));
    total += done.value;
    if (done.err) ec = to_asio(done.err);
    return !done.err;
  };
  const auto end = boost::asio::buffer_sequence_end(buffers);
  for (auto it = boost::asio::buffer_sequence_begin(buffers); it != end; ++it) {
    const boost::asio::const_buffer b(*it);
    const auto* data = static_cast<const char*>(b.data());
    if (held + b.size() <= together) {
      if (b.size() > 0) std::memcpy(joined + held, data, b.size());
      held += b.size();
      continue;
    }
    if (held > 0 && !put(joined, held)) return total;
    held = 0;
    if (!put(data, b.size())) return total;
  }
  if (held > 0) put(joined, held);
  return total;
}

template <class ConstBuffers>
std::size_t conn::write_some(const ConstBuffers& buffers) const {
  boost::system::error_code ec;
  const std::size_t n = write_some(buffers, ec);
  if (ec) throw boost::system::system_error(ec, "write_some");
  return n;
}

#if defined(GOFER_HAS_BEAST)
/// How Beast's WebSocket ends a connection: the server closes its side first, then both read to the end.
inline void teardown(boost::beast::role_type role, conn& c, boost::system::error_code& ec) {
  ec = {};
  if (role == boost::beast::role_type::server) {
    if (const error err = c.close_write()) {
      ec = to_asio(err);
      return;
    }
  }
  char rest[2048];
  for (;;) {
    const result<std::size_t> got = c.read(rest);
    if (!got.err) continue;
    if (got.err != io::eof) ec = to_asio(got.err);
    break;
  }
  if (role == boost::beast::role_type::client) c.close_write();
  c.close();
}

/// The same for WebSocket over TLS, where Beast asks for the lowest layer.
inline void beast_close_socket(const conn& c) { c.close(); }
#endif

}  // namespace gofer::net
