#include "live.hpp"

#include <fmt/format.h>

#include <gofer/runtime.hpp>
#include <mutex>

std::string live_stats::json() {
  using seconds = std::chrono::duration<double>;
  using milliseconds = std::chrono::duration<double, std::milli>;
  constexpr auto window = std::chrono::seconds(2);
  constexpr auto spacing = std::chrono::milliseconds(100);

  const snapshot now{std::chrono::steady_clock::now(), server_->stats()};
  snapshot then{start_, {}};
  {
    const std::lock_guard lock(mu_);
    // The oldest within the window; when nobody asked for longer than that, the one before.
    while (seen_.size() > 1 && seen_[1].at <= now.at - window) seen_.pop_front();
    if (!seen_.empty()) then = seen_.front();
    if (seen_.empty() || now.at - seen_.back().at >= spacing) seen_.push_back(now);
  }
  const double elapsed = std::max(seconds(now.at - then.at).count(), 1e-3);
  const gofer::http::latency_histogram recent = now.stats.latency.since(then.stats.latency);
  return fmt::format(
      R"({{"uptime_seconds":{:.3f},"goroutines":{},"workers":{},"connections":{},"accepted":{},"requests":{},)"
      R"("requests_per_second":{:.1f},"panics":{},"latency_ms":{{"p50":{:.3f},"p99":{:.3f}}},"window_seconds":{:.3f}}})"
      "\n",
      seconds(now.at - start_).count(), gofer::num_goroutine(), gofer::gomaxprocs(0), now.stats.connections,
      now.stats.accepted, now.stats.requests, static_cast<double>(recent.total()) / elapsed, now.stats.panics,
      milliseconds(recent.quantile(0.5)).count(), milliseconds(recent.quantile(0.99)).count(), elapsed);
}
