// dial: the addresses of a name one after the other, each with its share of the time that is left; for tcp both
// families beside each other (RFC 8305, "happy eyeballs", as Go does it).
//
// A machine may believe that it has IPv6 while its packets get lost, and a name's first address may be of that family.
// So the addresses are parted into those of the first one's family and the others, and the others have a head start of
// 300 ms against them; or none when the first ones have failed earlier. Who connects first wins. The loser's context is
// cancelled, and if he has connected all the same, he closes.
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <gofer/chan.hpp>
#include <gofer/context.hpp>
#include <gofer/runtime.hpp>
#include <gofer/select.hpp>
#include <gofer/time.hpp>

#include "runtime/net/interrupt.hpp"
#include "runtime/net/lookup.hpp"
#include "runtime/net/neterror.hpp"
#include "runtime/net/sockets.hpp"
#include "sched/clock.hpp"

namespace gofer::runtime {

namespace {

using stream_handle = net::detail::handle<net::detail::stream>;

// TCP has no listener to speak of here: a socket whose system-chosen port is the one it dials has connected to itself.
bool connected_to_itself(const network& n, const netfd& fd) { return n.is_tcp() && fd.local() == fd.remote(); }

struct attempt {
  net::conn conn;
  error err;
  bool retry = false;  // the failure was an accident of port numbers
};

attempt dial_once(const network& n, const net::addr& to, const patience& limit) {
  const int family = n.family == AF_UNIX ? AF_UNIX : to.is_ip4() ? AF_INET : AF_INET6;
  error err;
  const int raw = new_socket(family, n.type, &err);
  if (raw < 0) return {{}, err};
  if (n.is_ip() && n.type == SOCK_DGRAM) {
    const int on = 1;
    ::setsockopt(raw, SOL_SOCKET, SO_BROADCAST, &on, sizeof on);
  }
  auto* s = new socket_stream(raw, family, n);
  const stream_handle handle(s);
  bool pending = false;
  if (error failed = s->fd().begin_connect(to, &pending)) {
    return {{}, failed, n.is_tcp() && is(failed, std::errc::address_not_available)};
  }
  if (pending) {
    if (limit.deadline != 0) s->fd().set_deadline(limit.deadline, net::detail::deadline_write);
    {
      const interrupt on_done(limit.ctx, [s] { s->fd().set_deadline(-1, net::detail::deadline_write); });
      err = s->fd().finish_connect();
    }
    if (err) {
      error why = context_failure(limit.ctx);
      return {{}, why ? why : err, n.is_tcp() && is(err, std::errc::address_not_available)};
    }
    s->fd().set_deadline(0, net::detail::deadline_write);
  }
  if (n.is_tcp()) set_tcp_defaults(raw);
  s->fd().set_addresses(s->fd().ask_local(), to);
  if (connected_to_itself(n, s->fd())) return {{}, syscall_error("connect", ECONNREFUSED), true};
  return {net::conn(handle), {}};
}

attempt dial_address(const network& n, const net::addr& to, const patience& limit) {
  // Go's number: a port collision is not likely to repeat.
  for (int left = 2;; left--) {
    attempt a = dial_once(n, to, limit);
    if (!a.err || !a.retry || left == 0) return a;
  }
}

// What is left, divided by the addresses that are left, but at least 2 s while there are as many (Go's
// partialDeadline).
std::int64_t share_of(std::int64_t deadline, std::size_t addresses_left) {
  if (deadline == 0) return 0;
  constexpr std::int64_t sane_minimum = 2'000'000'000;
  const std::int64_t now = sched::nanotime();
  const std::int64_t left = deadline - now;
  if (left <= 0) return deadline;
  std::int64_t share = left / static_cast<std::int64_t>(addresses_left);
  if (share < sane_minimum) share = std::min(left, sane_minimum);
  return now + share;
}

error dial_failed(std::string_view name, const net::addr& to, error err) {
  return net::op_error{"dial", std::string(name), {}, to, std::move(err)};
}

using addrs = std::vector<net::addr>;

result<net::conn> dial_serial(const network& n, const addrs& to, const patience& limit) {
  error first;
  for (std::size_t i = 0; i < to.size(); i++) {
    error over = context_failure(limit.ctx);
    if (!over && limit.deadline != 0 && sched::nanotime() >= limit.deadline) over = os::err_deadline_exceeded;
    if (over) return {{}, first ? first : dial_failed(n.name, to[i], over)};
    attempt a = dial_address(n, to[i], {share_of(limit.deadline, to.size() - i), limit.ctx});
    if (!a.err) return {std::move(a.conn), {}};
    if (!first) first = dial_failed(n.name, to[i], a.err);
  }
  return {{}, first};
}

constexpr auto fallback_delay = std::chrono::milliseconds(300);  // RFC 6555's suggestion, and Go's choice

struct outcome {
  net::conn conn;
  error err;
  bool primary;
};

/// Two dials, of which the first to connect counts.
class race {
 public:
  race(const network& n, const patience& limit)
      : net_(n), deadline_(limit.deadline), ctx_(with_cancel(limit.ctx != nullptr ? *limit.ctx : background())) {}
  race(const race&) = delete;
  race& operator=(const race&) = delete;
  ~race() {
    ctx_.second();
    over_.close();
  }

  void start(addrs to, bool primary) {
    go([&n = net_, deadline = deadline_, ctx = ctx_.first, results = results_, over = over_, to = std::move(to),
        primary] {
      const auto [conn, err] = dial_serial(n, to, {deadline, &ctx});
      select(send(results, outcome{conn, err, primary}), recv(over, [&c = conn](auto) { c.close(); }));
    });
  }
  const chan<outcome>& results() const { return results_; }

 private:
  const network& net_;
  std::int64_t deadline_;
  std::pair<context, cancel_func> ctx_;
  chan<outcome> results_{0};
  chan<> over_{0};
};

result<net::conn> dial_parallel(const network& n, addrs primaries, addrs fallbacks, const patience& limit) {
  race r(n, limit);
  error first;
  int racing = 1;
  bool fallback_started = false;
  const auto start_fallback = [&] {
    if (std::exchange(fallback_started, true)) return;
    racing++;
    r.start(std::move(fallbacks), false);
  };
  r.start(std::move(primaries), true);
  const timer head_start(fallback_delay);
  result<net::conn> won;
  while (racing > 0 && !won.value) {
    select(recv(head_start.c(), [&](auto) { start_fallback(); }), recv(r.results(), [&](std::optional<outcome> got) {
             racing--;
             won.value = std::move(got->conn);
             if (!got->err) return;
             // The first family's error is the one to report.
             if (got->primary) first = std::move(got->err);
             start_fallback();
           }));
  }
  if (!won.value) won.err = std::move(first);
  return won;
}

result<net::conn> dial(std::string_view name, std::string_view address, const patience& limit) {
  const network* n = find_network(name);
  if (n == nullptr) return {{}, dial_failed(name, {}, make_error("unknown network {}", name))};
  auto [to, unresolved] = resolve(*n, address, false, limit);
  if (unresolved) return {{}, dial_failed(name, {}, unresolved)};
  if (!n->is_tcp() || n->family != AF_UNSPEC) return dial_serial(*n, to, limit);
  const bool ip4_first = to.front().is_ip4();
  const auto others =
      std::stable_partition(to.begin(), to.end(), [&](const net::addr& a) { return a.is_ip4() == ip4_first; });
  if (others == to.end()) return dial_serial(*n, to, limit);
  return dial_parallel(*n, {to.begin(), others}, {others, to.end()}, limit);
}

}  // namespace

}  // namespace gofer::runtime

namespace gofer::net {

result<conn> dial(std::string_view network, std::string_view address) { return runtime::dial(network, address, {}); }

result<conn> dial(std::string_view network, std::string_view address, std::chrono::nanoseconds timeout) {
  std::int64_t deadline = 0;
  if (__builtin_add_overflow(sched::nanotime(), std::max<std::int64_t>(timeout.count(), 0), &deadline)) deadline = 0;
  return runtime::dial(network, address, {deadline, nullptr});
}

result<conn> dial(std::string_view network, std::string_view address, const context& ctx) {
  return runtime::dial(network, address, {runtime::context_deadline(&ctx), &ctx});
}

namespace {

result<std::vector<std::string>> lookup(std::string_view host, const runtime::patience& limit) {
  const auto [addrs, err] = runtime::lookup_ip(*runtime::find_network("tcp"), host, 0, limit);
  std::vector<std::string> texts;
  for (const addr& a : addrs) texts.push_back(a.ip());
  return {std::move(texts), err};
}

}  // namespace

result<std::vector<std::string>> lookup_host(std::string_view host) { return lookup(host, {}); }

result<std::vector<std::string>> lookup_host(std::string_view host, const context& ctx) {
  return lookup(host, {runtime::context_deadline(&ctx), &ctx});
}

}  // namespace gofer::net
