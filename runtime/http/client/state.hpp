// What the copies of a client share: its options and the connections that wait for a next request.
#pragma once

#include <cstdint>
#include <gofer/http/client.hpp>
#include <gofer/sync.hpp>
#include <gofer/time.hpp>
#include <list>
#include <map>
#include <memory>
#include <string>

#include "runtime/http/client/exchange.hpp"
#include "sched/futex.hpp"

namespace gofer::http::detail {

class client_state : public std::enable_shared_from_this<client_state> {
 public:
  explicit client_state(client_options o) : options(std::move(o)) {}
  ~client_state();

  const client_options options;

  result<client_response> send(client_request request);
  /// From an exchange: it needs its connection no more.
  void give_back(std::unique_ptr<client_connection> c, bool reusable);
  void close_idle();

 private:
  struct resting {
    std::unique_ptr<client_connection> connection;
    std::chrono::steady_clock::time_point until;
    timer closing;
    std::uint64_t number;
  };
  struct host {
    std::list<resting> idle;                      // the one used last comes first
    std::unique_ptr<counting_semaphore<>> slots;  // when connections are limited
  };

  result<client_response> follow(journey& j);
  result<client_response> round_trip(const std::shared_ptr<const journey>& j);
  /// Makes the journey's next request of a redirect. False: this answer is the last one, or err says why it cannot be.
  bool next_hop(journey& j, const client_response& answer, std::vector<std::string>& via, error& err) const;
  result<std::unique_ptr<client_connection>> connect(const journey& j);
  std::unique_ptr<client_connection> take_idle(const std::string& key);
  /// Waits for a place, when connections to a host are limited; leave gives it back.
  error enter(const journey& j);
  void leave(const std::string& key);
  void expire(const std::string& key, std::uint64_t number);

  sched::futex_mutex mu_;  // protects what follows
  std::map<std::string, host> hosts_;
  std::size_t idle_ = 0;
  std::uint64_t numbers_ = 0;
};

/// TLS on a connection to this host.
result<net::conn> secure(net::conn conn, const std::string& host, const client_options& options, const context& ctx);

}  // namespace gofer::http::detail
