// The pool of connections, and a request's way to one.
#include "runtime/http/client/state.hpp"

#include <mutex>
#include <utility>

namespace gofer::http::detail {

using clock = std::chrono::steady_clock;

client_state::~client_state() { close_idle(); }

void client_state::close_idle() {
  std::vector<resting> all;
  {
    const std::lock_guard lock(mu_);
    for (auto& [key, h] : hosts_) {
      for (resting& r : h.idle) all.push_back(std::move(r));
      h.idle.clear();
    }
    idle_ = 0;
  }
  for (resting& r : all) {
    r.closing.stop();
    r.connection->conn.close();
  }
}

void client_state::give_back(std::unique_ptr<client_connection> c, bool reusable) {
  std::unique_ptr<client_connection> surplus;
  const std::string key = c->key;
  {
    const std::lock_guard lock(mu_);
    host& h = hosts_[key];
    if (!reusable || h.idle.size() >= options.max_idle_per_host || idle_ >= options.max_idle) {
      surplus = std::move(c);
    } else {
      const std::uint64_t number = ++numbers_;
      resting r{std::move(c), {}, {}, number};
      r.connection->used = true;
      if (options.idle_timeout > std::chrono::nanoseconds(0)) {
        r.until = clock::now() + options.idle_timeout;
        r.closing = after_func(options.idle_timeout, [weak = weak_from_this(), key, number] {
          if (const auto self = weak.lock()) self->expire(key, number);
        });
      }
      h.idle.push_front(std::move(r));
      idle_++;
    }
  }
  if (surplus) surplus->conn.close();
  leave(key);
}

void client_state::expire(const std::string& key, std::uint64_t number) {
  std::list<resting> gone;
  {
    const std::lock_guard lock(mu_);
    std::list<resting>& idle = hosts_[key].idle;
    for (auto it = idle.begin(); it != idle.end(); ++it) {
      if (it->number != number) continue;
      gone.splice(gone.begin(), idle, it);
      idle_--;
      break;
    }
  }
  for (resting& r : gone) r.connection->conn.close();
}

std::unique_ptr<client_connection> client_state::take_idle(const std::string& key) {
  for (;;) {
    std::list<resting> taken;
    {
      const std::lock_guard lock(mu_);
      std::list<resting>& idle = hosts_[key].idle;
      if (idle.empty()) return nullptr;
      taken.splice(taken.begin(), idle, idle.begin());
      idle_--;
    }
    resting& r = taken.front();
    r.closing.stop();
    // A server that has closed, or says something unasked, is not asked again.
    const bool fresh = r.until == clock::time_point() || clock::now() < r.until;
    if (fresh && r.connection->conn.stream()->quiet()) return std::move(r.connection);
    r.connection->conn.close();
  }
}

error client_state::enter(const journey& j) {
  counting_semaphore<>* slots = nullptr;
  {
    const std::lock_guard lock(mu_);
    host& h = hosts_[j.where.key()];
    if (options.max_per_host > 0 && !h.slots) {
      h.slots = std::make_unique<counting_semaphore<>>(static_cast<std::ptrdiff_t>(options.max_per_host));
    }
    slots = h.slots.get();
  }
  return slots != nullptr ? slots->acquire_until(j.ctx) : error();
}

void client_state::leave(const std::string& key) {
  counting_semaphore<>* slots = nullptr;
  {
    const std::lock_guard lock(mu_);
    slots = hosts_[key].slots.get();
  }
  if (slots != nullptr) slots->release();
}

result<std::unique_ptr<client_connection>> client_state::connect(const journey& j) {
  const url& where = j.where;
  const std::string address = net::join_host_port(where.host, where.port);
  result<net::conn> dialled;
  if (options.dial_timeout > std::chrono::nanoseconds(0)) {
    const auto [ctx, cancel] = with_timeout(j.ctx, options.dial_timeout);
    dialled = net::dial("tcp", address, ctx);
    cancel();
  } else {
    dialled = net::dial("tcp", address, j.ctx);
  }
  if (!dialled.err && where.scheme == "https") {
    dialled = secure(std::move(dialled.value), where.host, options, j.ctx);
  }
  if (dialled.err) return {{}, std::move(dialled.err)};
  auto c = std::make_unique<client_connection>();
  c->conn = std::move(dialled.value);
  c->key = where.key();
  return {std::move(c), {}};
}

}  // namespace gofer::http::detail
