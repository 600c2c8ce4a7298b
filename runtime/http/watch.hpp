// What goes on beside a handler: watching whether the client leaves, and the handler's time limit.
//
// Both may outlive the exchange, which belongs to its goroutine alone; so they share small objects with it.
#pragma once

#include <array>
#include <atomic>
#include <gofer/chan.hpp>
#include <gofer/context.hpp>
#include <gofer/net.hpp>

namespace gofer::http::detail {

/// A request's context and the way to end it.
struct live_context {
  context ctx;
  cancel_cause_func cancel;
};

/// Reads on a connection while its handler runs. What comes is the next request's beginning, or the client's leaving.
struct watcher {
  net::conn conn;
  chan<> ended{0};  // closed; what follows is the exchange's then
  std::array<char, 512> bytes{};
  std::size_t got = 0;
};

/// Who answers: the handler, or the time that it has taken. Decided once, by whoever is first.
class time_limit {
 public:
  /// Whether the handler may answer.
  bool handler_first() { return take(by_handler); }
  bool time_first() { return take(by_time); }

 private:
  enum : int { open, by_handler, by_time };
  bool take(int who) {
    int expected = open;
    // acq_rel: who loses sees what the other one did before
    return who_.compare_exchange_strong(expected, who, std::memory_order_acq_rel) || expected == who;
  }
  std::atomic<int> who_{open};
};

}  // namespace gofer::http::detail
