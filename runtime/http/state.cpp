#include "runtime/http/state.hpp"

#include <cerrno>
#include <gofer/runtime.hpp>
#include <gofer/select.hpp>
#include <mutex>
#include <utility>

#include "runtime/http/exchange.hpp"

namespace gofer::http::detail {

namespace {

/// Errors of accept(2) that are about one connection, or about resources which others give back.
bool worth_retrying(const error& err) {
  if (net::is_temporary(err)) return true;
  const int code = err.code().value();
  return code == ECONNABORTED || code == EPROTO || code == EPERM;  // the last by a firewall
}

}  // namespace

server_state::listening::listening(server_state& s, const net::listener& l) : state(s) {
  const std::lock_guard lock(state.mu_);
  place = state.listeners_.insert(state.listeners_.end(), l);
}

server_state::listening::~listening() {
  place->close();
  const std::lock_guard lock(state.mu_);
  state.listeners_.erase(place);
}

error server_state::serve(net::listener listener) {
  using namespace std::chrono_literals;
  const listening guard(*this, listener);
  std::chrono::nanoseconds back_off = 0ns;
  while (!draining()) {
    result<net::conn> accepted = listener.accept();
    if (!accepted.err) {
      back_off = 0ns;
      // What waits here is one connection; the others wait in the system's queue.
      if (!enter()) break;
      start(std::move(accepted.value));
      continue;
    }
    if (draining()) break;
    if (!worth_retrying(accepted.err)) return std::move(accepted.err);
    // Trying again at once would spin: the descriptors come back when connections end.
    if (back_off == 0ns) log("http: " + accepted.err.what() + "; waiting for connections to end\n");
    back_off = back_off == 0ns ? 5ms : std::min<std::chrono::nanoseconds>(back_off * 2, 1s);
    select(recv(stop_.both.first.done(), [](auto&&) {}), after(back_off, [] {}));
  }
  return err_server_closed;
}

bool server_state::enter() { return options.max_connections == 0 || !slots_.acquire_until(stop_.both.first); }

void server_state::start(net::conn conn) {
  const std::uint64_t number = accepted_.fetch_add(1, std::memory_order_relaxed);  // a statistic
  auto x = std::make_unique<exchange>(shared_from_this(), std::move(conn), number);
  bool too_late = false;
  {
    const std::lock_guard lock(mu_);
    x->next = first_;
    if (first_ != nullptr) first_->previous = x.get();
    first_ = x.get();
    connected_++;
    too_late = closed_;
  }
  if (too_late) return;
  go([x = std::move(x)]() mutable {
    const std::unique_ptr<exchange> own = std::move(x);
    own->serve();
  });
}

void server_state::leave(exchange& x) {
  bool last = false;
  {
    const std::lock_guard lock(mu_);
    (x.previous != nullptr ? x.previous->next : first_) = x.next;
    if (x.next != nullptr) x.next->previous = x.previous;
    connected_--;
    last = take_drained_locked();
  }
  if (options.max_connections > 0) slots_.release();
  if (last) drained_.close();
}

bool server_state::take_drained_locked() {
  return draining() && connected_ == 0 && !std::exchange(drained_closed_, true);
}

std::vector<net::conn> server_state::connections_locked(bool idle_only) const {
  std::vector<net::conn> all;
  for (const exchange* x = first_; x != nullptr; x = x->next) {
    if (!idle_only || x->idle()) all.push_back(x->connection());
  }
  return all;
}

void server_state::drain() {
  // seq_cst, with the store to idle_ in fill_idle
  const bool first = !draining_.exchange(true, std::memory_order_seq_cst);
  bool last = false;
  std::list<net::listener> listeners;
  std::vector<net::conn> idle;
  {
    const std::lock_guard lock(mu_);
    listeners = listeners_;
    idle = connections_locked(true);
    last = take_drained_locked();
  }
  if (first) stop_.both.second();
  if (last) drained_.close();
  for (net::listener& l : listeners) l.close();
  const auto soon = std::chrono::steady_clock::now() + drain_grace;
  for (net::conn& c : idle) c.set_read_deadline(soon);
}

void server_state::close() {
  drain();
  std::vector<net::conn> all;
  {
    const std::lock_guard lock(mu_);
    closed_ = true;
    all = connections_locked(false);
  }
  for (net::conn& c : all) c.close();
}

server_stats server_state::stats() {
  server_stats s;
  for (const latency_shard& shard : shards_) {
    for (std::size_t i = 0; i < latency_histogram::buckets; i++) {
      s.latency.counts[i] += shard.counts[i].load(std::memory_order_relaxed);
    }
  }
  s.requests = s.latency.total();
  s.panics = panics.load(std::memory_order_relaxed);
  s.accepted = accepted_.load(std::memory_order_relaxed);
  const std::lock_guard lock(mu_);
  s.connections = connected_;
  return s;
}

}  // namespace gofer::http::detail
