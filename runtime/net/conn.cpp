// The handles: what they do when they are empty, and how clocks become deadlines.
#include <gofer/net.hpp>
#include <limits>

#include "runtime/net/neterror.hpp"
#include "sched/clock.hpp"

namespace gofer::net {

namespace {

error empty_handle(const char* op) { return runtime::op_failed(op, "", {}, {}, err_closed); }

constexpr std::int64_t far_future = std::numeric_limits<std::int64_t>::max() - 1;

}  // namespace

std::int64_t detail::deadline_ns(std::chrono::steady_clock::time_point t) {
  // libstdc++'s steady_clock is CLOCK_MONOTONIC, as nanotime() is.
  const std::int64_t ns = std::chrono::duration_cast<std::chrono::nanoseconds>(t.time_since_epoch()).count();
  if (ns == 0) return 0;
  if (ns < 0) return 1;
  return ns < far_future ? ns : far_future;
}

std::int64_t detail::deadline_ns(std::chrono::system_clock::time_point t) {
  if (t == std::chrono::system_clock::time_point{}) return 0;
  const auto now = std::chrono::system_clock::now();
  if (t <= now) return 1;
  const std::int64_t left = std::chrono::duration_cast<std::chrono::nanoseconds>(t - now).count();
  const std::int64_t mono = sched::nanotime();
  return left < far_future - mono ? mono + left : far_future;
}

result<std::size_t> conn::read(std::span<char> into) const {
  detail::stream* s = stream_.get();
  return s != nullptr ? s->read(into, nullptr) : result<std::size_t>{0, empty_handle("read")};
}

result<std::size_t> conn::read(const context& ctx, std::span<char> into) const {
  detail::stream* s = stream_.get();
  return s != nullptr ? s->read(into, &ctx) : result<std::size_t>{0, empty_handle("read")};
}

result<std::size_t> conn::write(std::span<const char> from) const {
  detail::stream* s = stream_.get();
  return s != nullptr ? s->write(from, nullptr) : result<std::size_t>{0, empty_handle("write")};
}

result<std::size_t> conn::write(const context& ctx, std::span<const char> from) const {
  detail::stream* s = stream_.get();
  return s != nullptr ? s->write(from, &ctx) : result<std::size_t>{0, empty_handle("write")};
}

result<std::size_t> detail::stream::write_all(std::span<const std::span<const char>> buffers, const context* ctx) {
  std::size_t done = 0;
  for (const std::span<const char> one : buffers) {
    const auto [n, err] = write(one, ctx);
    done += n;
    if (err) return {done, err};
  }
  return {done, {}};
}

result<std::size_t> conn::write(std::span<const std::span<const char>> buffers) const {
  detail::stream* s = stream_.get();
  return s != nullptr ? s->write_all(buffers, nullptr) : result<std::size_t>{0, empty_handle("write")};
}

result<std::size_t> conn::write(const context& ctx, std::span<const std::span<const char>> buffers) const {
  detail::stream* s = stream_.get();
  return s != nullptr ? s->write_all(buffers, &ctx) : result<std::size_t>{0, empty_handle("write")};
}

result<std::string> conn::read_line(std::size_t max) const {
  detail::stream* s = stream_.get();
  return s != nullptr ? s->read_line(max, nullptr) : result<std::string>{{}, empty_handle("read")};
}

result<std::string> conn::read_line(const context& ctx, std::size_t max) const {
  detail::stream* s = stream_.get();
  return s != nullptr ? s->read_line(max, &ctx) : result<std::string>{{}, empty_handle("read")};
}

error conn::close() const {
  detail::stream* s = stream_.get();
  return s != nullptr ? s->close() : empty_handle("close");
}

error conn::close_write() const {
  detail::stream* s = stream_.get();
  return s != nullptr ? s->close_write() : empty_handle("close");
}

error conn::set_deadline_ns(std::int64_t ns, unsigned which) const {
  detail::stream* s = stream_.get();
  return s != nullptr ? s->set_deadline(ns, which) : empty_handle("set");
}

addr conn::local_addr() const {
  const detail::stream* s = stream_.get();
  return s != nullptr ? s->local_addr() : addr();
}

addr conn::remote_addr() const {
  const detail::stream* s = stream_.get();
  return s != nullptr ? s->remote_addr() : addr();
}

result<conn> listener::accept() const {
  detail::acceptor* a = acceptor_.get();
  return a != nullptr ? a->accept(nullptr) : result<conn>{{}, empty_handle("accept")};
}

result<conn> listener::accept(const context& ctx) const {
  detail::acceptor* a = acceptor_.get();
  return a != nullptr ? a->accept(&ctx) : result<conn>{{}, empty_handle("accept")};
}

error listener::close() const {
  detail::acceptor* a = acceptor_.get();
  return a != nullptr ? a->close() : empty_handle("close");
}

addr listener::addr() const {
  const detail::acceptor* a = acceptor_.get();
  return a != nullptr ? a->addr() : net::addr();
}

error listener::set_deadline_ns(std::int64_t ns, unsigned which) const {
  detail::acceptor* a = acceptor_.get();
  return a != nullptr ? a->set_deadline(ns, which) : empty_handle("set");
}

namespace {

result<std::pair<std::size_t, addr>> read_from(detail::packets* p, std::span<char> into, const context* ctx) {
  return p != nullptr ? p->read_from(into, ctx) : result<std::pair<std::size_t, addr>>{{}, empty_handle("read")};
}

result<std::size_t> write_to(detail::packets* p, std::span<const char> from, const addr& to, const context* ctx) {
  return p != nullptr ? p->write_to(from, to, ctx) : result<std::size_t>{0, empty_handle("write")};
}

}  // namespace

result<std::pair<std::size_t, addr>> packet_conn::read_from(std::span<char> into) const {
  return net::read_from(packets_.get(), into, nullptr);
}

result<std::pair<std::size_t, addr>> packet_conn::read_from(const context& ctx, std::span<char> into) const {
  return net::read_from(packets_.get(), into, &ctx);
}

result<std::size_t> packet_conn::write_to(std::span<const char> from, const addr& to) const {
  return net::write_to(packets_.get(), from, to, nullptr);
}

result<std::size_t> packet_conn::write_to(const context& ctx, std::span<const char> from, const addr& to) const {
  return net::write_to(packets_.get(), from, to, &ctx);
}

error packet_conn::close() const {
  detail::packets* p = packets_.get();
  return p != nullptr ? p->close() : empty_handle("close");
}

addr packet_conn::local_addr() const {
  const detail::packets* p = packets_.get();
  return p != nullptr ? p->local_addr() : addr();
}

error packet_conn::set_deadline_ns(std::int64_t ns, unsigned which) const {
  detail::packets* p = packets_.get();
  return p != nullptr ? p->set_deadline(ns, which) : empty_handle("set");
}

}  // namespace gofer::net
