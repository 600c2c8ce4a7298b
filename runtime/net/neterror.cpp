#include "runtime/net/neterror.hpp"

#include <cerrno>
#include <gofer/context.hpp>

namespace gofer::runtime {

error syscall_error(const char* call, int errnum) { return wrap(gofer::detail::errno_error(errnum), call); }

error poll_failure(sched::poll_error failed) {
  switch (failed) {
    case sched::poll_error::closing:
      return net::err_closed;
    case sched::poll_error::timeout:
      return os::err_deadline_exceeded;
    case sched::poll_error::ended:  // whoever knows the context says why
    case sched::poll_error::none:
      break;
  }
  return {};
}

error op_failed(const char* op, const char* network, const net::addr& source, const net::addr& address, error err) {
  return net::op_error{.op = op, .net = network, .source = source, .address = address, .err = std::move(err)};
}

}  // namespace gofer::runtime

namespace gofer::net {

std::string op_error::what() const {
  std::string text = op;
  if (!net.empty()) {
    text += ' ';
    text += net;
  }
  if (source) {
    text += ' ';
    text += source.str();
  }
  if (address) {
    text += source ? "->" : " ";
    text += address.str();
  }
  text += ": ";
  text += err.what();
  return text;
}

bool is_timeout(const error& err) {
  // A context's deadline is a time-out like any other (Go's context.DeadlineExceeded is a net.Error).
  if (is(err, os::err_deadline_exceeded) || is(err, context::deadline_exceeded)) return true;
  if (const auto* dns = as<dns_error>(err)) return dns->timed_out;
  return err.code() == std::errc::timed_out || err.code() == std::errc::resource_unavailable_try_again;
}

bool is_temporary(const error& err) {
  if (is_timeout(err)) return true;
  if (const auto* dns = as<dns_error>(err)) return dns->is_temporary;
  const std::error_code code = err.code();
  if (code.category() != std::system_category()) return false;
  switch (code.value()) {
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
    case EINTR:
    case ECONNABORTED:
    case ECONNRESET:
      return true;
    default:
      return false;
  }
}

}  // namespace gofer::net
