// The numbers behind /stats: totals since the start, rate and latency of the last two seconds.
#pragma once

#include <chrono>
#include <deque>
#include <gofer/http.hpp>
#include <gofer/sync.hpp>
#include <string>

class live_stats {
 public:
  /// From now on about this server.
  void watch(const gofer::http::server& server) { server_ = &server; }

  /// Any goroutine.
  std::string json();

 private:
  struct snapshot {
    std::chrono::steady_clock::time_point at;
    gofer::http::server_stats stats;
  };

  const gofer::http::server* server_ = nullptr;
  const std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  gofer::mutex mu_;
  std::deque<snapshot> seen_;  // oldest first; taken when somebody asks, so that a server nobody looks at does nothing
};
