// Boost.Asio with awaitables, which are stackless coroutines: what its io_context has a line for. It has no channels in
// Boost 1.74, and no locks.
// clang-format off
#include <utility>  // Boost 1.74's awaitable.hpp needs it and does not include it
// clang-format on
#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <memory>
#include <thread>
#include <vector>

#include "common/measure.hpp"

namespace {

namespace asio = boost::asio;
using asio::use_awaitable;
using boost::asio::ip::tcp;

/// Runs what is posted, on so many threads, until nothing is left.
void run(asio::io_context& io, int workers) {
  std::vector<std::thread> threads;
  for (int i = 1; i < workers; i++) threads.emplace_back([&io] { io.run(); });
  io.run();
  for (std::thread& t : threads) t.join();
}

void yields(asio::io_context& io, int workers, std::int64_t n) {
  const auto loop = [&io, n]() -> asio::awaitable<void> {
    for (std::int64_t i = 0; i < n; i++) co_await asio::post(io, use_awaitable);
  };
  for (int i = 0; i < 2; i++) asio::co_spawn(io, loop, asio::detached);
  const bench::stopwatch time;
  run(io, workers);
  bench::print("switch", time.ns_per(2 * n), "ns/yield");
}

void spawn_one(asio::io_context& io, int workers, std::int64_t n) {
  const auto nothing = []() -> asio::awaitable<void> { co_return; };
  const auto loop = [&]() -> asio::awaitable<void> {
    for (std::int64_t i = 0; i < n; i++) co_await asio::co_spawn(io, nothing, use_awaitable);
  };
  asio::co_spawn(io, loop, asio::detached);
  const bench::stopwatch time;
  run(io, workers);
  bench::print("spawn1", time.ns_per(n), "ns/task");
}

/// The thousandth to end starts the next thousand.
struct batches {
  asio::io_context& io;
  std::int64_t left;
  std::atomic<int> living{0};

  void start() {
    if (left-- == 0) return;
    living = 1000;
    for (int i = 0; i < 1000; i++) {
      asio::co_spawn(
          io,
          [this]() -> asio::awaitable<void> {
            if (--living == 0) start();
            co_return;
          },
          asio::detached);
    }
  }
};

void spawn_many(asio::io_context& io, int workers, std::int64_t n) {
  const std::int64_t count = n < 1000 ? 1 : n / 1000;
  batches b{io, count};
  asio::post(io, [&b] { b.start(); });
  const bench::stopwatch time;
  run(io, workers);
  bench::print("spawn1000", time.ns_per(count * 1000), "ns/task");
}

void sleepers(asio::io_context& io, int workers, std::int64_t n) {
  const double cpu_before = bench::cpu_ms();
  const bench::stopwatch time;
  const auto sleeper = [&io]() -> asio::awaitable<void> {
    asio::steady_timer timer(io);
    for (int k = 0; k < 10; k++) {
      timer.expires_after(std::chrono::milliseconds(1));
      co_await timer.async_wait(use_awaitable);
    }
  };
  asio::post(io, [&] {
    for (std::int64_t i = 0; i < n; i++) asio::co_spawn(io, sleeper, asio::detached);
  });
  run(io, workers);
  bench::print("sleep_total", time.ms(), "ms");
  bench::print("sleep_cpu", bench::cpu_ms() - cpu_before, "cpu-ms");
}

/// n coroutines that wait for a timer which never expires. They stay so: the process ends.
void parked(asio::io_context& io, int, std::int64_t n) {
  const double before = bench::resident_bytes();
  const bench::stopwatch time;
  asio::steady_timer never(io, std::chrono::hours(1000));
  const auto waiter = [&never]() -> asio::awaitable<void> { co_await never.async_wait(use_awaitable); };
  for (std::int64_t i = 0; i < n; i++) asio::co_spawn(io, waiter, asio::detached);
  io.poll();
  const double ns = time.ns_per(n);
  bench::print("mem_rss", (bench::resident_bytes() - before) / static_cast<double>(n), "B/goroutine");
  bench::print("mem_create", ns, "ns/goroutine");
  std::_Exit(0);
}

asio::awaitable<void> serve(tcp::socket conn) {
  char buffer[4096];
  for (;;) {
    const std::size_t n = co_await conn.async_read_some(asio::buffer(buffer), use_awaitable);
    co_await asio::async_write(conn, asio::buffer(buffer, n), use_awaitable);
  }
}

void echo(asio::io_context& io, int workers, std::int64_t port) {
  tcp::acceptor listener(io, {asio::ip::address_v4::loopback(), static_cast<std::uint16_t>(port)});
  const auto accepting = [&]() -> asio::awaitable<void> {
    for (;;) {
      tcp::socket conn = co_await listener.async_accept(use_awaitable);
      conn.set_option(tcp::no_delay(true));
      asio::co_spawn(io, serve(std::move(conn)), asio::detached);  // its exception is the connection's end
    }
  };
  asio::co_spawn(io, accepting, asio::detached);
  run(io, workers);
}

struct entry {
  std::string_view name;
  std::int64_t n;
  void (*work)(asio::io_context&, int workers, std::int64_t n);
};

constexpr entry table[] = {
    {"switch", 5'000'000, yields}, {"spawn1", 1'000'000, spawn_one}, {"spawn1000", 1'000'000, spawn_many},
    {"sleep", 100'000, sleepers},  {"mem", 1'000'000, parked},       {"echo", 0, echo},
};

}  // namespace

int main(int argc, char** argv) {
  bench::arguments asked;
  if (!asked.read(argc, argv)) return bench::no_such_bench;
  for (const entry& e : table) {
    if (e.name != asked.bench) continue;
    asio::io_context io(asked.workers);
    e.work(io, asked.workers, asked.n != 0 ? asked.n : e.n);
    return 0;
  }
  return bench::no_such_bench;
}
