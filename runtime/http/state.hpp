// What a server and its connections share: the handler, the options, the counters, and who is connected.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <gofer/chan.hpp>
#include <gofer/context.hpp>
#include <gofer/http.hpp>
#include <gofer/sync.hpp>
#include <list>
#include <memory>
#include <string_view>
#include <vector>

#include "sched/futex.hpp"

namespace gofer::http::detail {

class exchange;

/// Latencies of a part of the connections, so that workers do not count on the same cache lines.
struct alignas(64) latency_shard {
  std::array<std::atomic<std::uint64_t>, latency_histogram::buckets> counts{};

  void record(std::chrono::nanoseconds latency) {
    // relaxed: a statistic; nothing is published by it
    counts[latency_histogram::bucket_of(latency)].fetch_add(1, std::memory_order_relaxed);
  }
};

/// Done when draining begins.
struct live_stop {
  std::pair<context, cancel_func> both = with_cancel(background());
};

class server_state : public std::enable_shared_from_this<server_state> {
 public:
  server_state(handler h, server_options o)
      : handle(std::move(h)), options(std::move(o)), slots_(static_cast<std::ptrdiff_t>(options.max_connections)) {}

  const handler handle;
  const server_options options;
  std::atomic<std::uint64_t> panics{0};

  error serve(net::listener listener);

  /// No more connections; those that wait for a request get a moment for one that is on its way.
  void drain();
  void close();
  bool draining() const { return draining_.load(std::memory_order_seq_cst); }
  /// Closed when draining and the last connection is gone.
  const chan<>& drained() const { return drained_; }

  latency_shard& shard_of(std::uint64_t number) { return shards_[number % shards_.size()]; }
  server_stats stats();
  void log(std::string_view record) const;

  /// From an exchange's destructor: it is gone.
  void leave(exchange& x);

 private:
  struct listening {  // a place in listeners_, for as long as serve() runs
    server_state& state;
    std::list<net::listener>::iterator place;
    listening(server_state& s, const net::listener& l);
    ~listening();
  };

  /// Waits for a place for a connection, when there is a limit. False: draining.
  bool enter();
  void start(net::conn conn);
  std::vector<net::conn> connections_locked(bool idle_only) const;
  bool take_drained_locked();

  std::atomic<bool> draining_{false};
  std::atomic<std::uint64_t> accepted_{0};
  std::array<latency_shard, 8> shards_;
  counting_semaphore<> slots_;  // when connections are limited
  live_stop stop_;
  chan<> drained_ = make_chan<>(0);

  sched::futex_mutex mu_;  // protects what follows
  std::list<net::listener> listeners_;
  exchange* first_ = nullptr;
  std::size_t connected_ = 0;
  bool closed_ = false;
  bool drained_closed_ = false;
};

}  // namespace gofer::http::detail
