// The socket's side of an exchange: reading and sending under deadlines.
#include <time.h>

#include <algorithm>

#include "runtime/http/exchange.hpp"
#include "sched/clock.hpp"

namespace gofer::http::detail {

namespace {

/// Good enough for time-outs (4 ms) and a quarter of the price.
std::int64_t coarse_now() {
  timespec ts;
  ::clock_gettime(CLOCK_MONOTONIC_COARSE, &ts);
  return std::int64_t{ts.tv_sec} * 1'000'000'000 + ts.tv_nsec;
}

std::chrono::steady_clock::time_point at(std::int64_t nanoseconds) {
  return std::chrono::steady_clock::time_point(std::chrono::nanoseconds(nanoseconds));
}

}  // namespace

void exchange::set_read_timeout(std::chrono::nanoseconds timeout) {
  if (const auto deadline = read_deadline_.move(coarse_now(), timeout)) conn_.set_read_deadline(at(*deadline));
}

error exchange::receive_into(std::span<char> into, std::size_t& got) {
  for (;;) {
    result<std::size_t> r = conn_.read(into);
    got = r.value;
    if (!r.err || got > 0) return {};
    // A drain shortens the deadline of whoever it finds idle. If a request came in that very moment, this one's own
    // deadline holds.
    if (is(r.err, os::err_deadline_exceeded) && !idle_.load(std::memory_order_relaxed) && server_->draining() &&
        read_deadline_.pending(sched::nanotime())) {
      conn_.set_read_deadline(at(read_deadline_.time()));
      continue;
    }
    return std::move(r.err);
  }
}

error exchange::fill() {
  std::size_t got = 0;
  error err = receive_into(in_.room(), got);
  in_.received(got);
  return err;
}

error exchange::fill_idle() {
  set_read_timeout(server_->options.idle_timeout);
  // seq_cst, with the load in draining(): either we see the drain, or it sees us idle and shortens our deadline
  idle_.store(true, std::memory_order_seq_cst);
  if (server_->draining()) set_read_timeout(drain_grace);
  error err = fill();
  idle_.store(false, std::memory_order_relaxed);
  return err;
}

error exchange::fill_head(bool first) {
  if (first) set_read_timeout(server_->options.read_header_timeout);
  return fill();
}

error exchange::send(std::string_view data) {
  constexpr std::size_t slice = 256 * 1024;
  if (too_late_) {
    broken_ = true;
    return err_handler_timeout;
  }
  while (!data.empty() && !broken_) {
    const std::string_view part = data.substr(0, slice);
    data.remove_prefix(part.size());
    if (const auto deadline = write_deadline_.move(coarse_now(), server_->options.write_timeout)) {
      conn_.set_write_deadline(at(*deadline));
    }
    if (result<std::size_t> r = conn_.write(part); r.err) {
      broken_ = true;
      if (context_) context_->cancel(r.err);
      return std::move(r.err);
    }
  }
  return broken_ ? net::err_closed : error();
}

}  // namespace gofer::http::detail
