// gofer's side of the comparison; bench/peers has the others'.
#include <algorithm>
#include <array>
#include <gofer/chan.hpp>
#include <gofer/context.hpp>
#include <gofer/http.hpp>
#include <gofer/net.hpp>
#include <gofer/runtime.hpp>
#include <gofer/select.hpp>
#include <gofer/sync.hpp>
#include <gofer/time.hpp>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "common/harness.hpp"

namespace {

struct adapter {
  using wait_group = gofer::wait_group;
  using mutex = gofer::mutex;
  using timer = gofer::timer;

  class channel {
   public:
    explicit channel(std::int64_t capacity) : chan_(capacity) {}
    void send(std::int64_t v) const { chan_.send(v); }
    std::int64_t recv() const { return chan_.recv().value_or(0); }
    void close() const { chan_.close(); }

   private:
    friend adapter;
    gofer::chan<std::int64_t> chan_;
  };

  static std::int64_t recv_any(const channel (&from)[4]) {
    std::int64_t got = 0;
    const auto take = [&got](std::optional<std::int64_t> v) { got = v.value_or(0); };
    gofer::select(gofer::recv(from[0].chan_, take), gofer::recv(from[1].chan_, take), gofer::recv(from[2].chan_, take),
                  gofer::recv(from[3].chan_, take));
    return got;
  }

  class context_tree {
   public:
    explicit context_tree(std::int64_t n) : root_(gofer::with_cancel(gofer::background())) {
      nodes_.reserve(static_cast<std::size_t>(n));
      for (std::int64_t i = 0; i < n; i++) {
        const gofer::context& parent = i < 100 ? root_.first : nodes_[static_cast<std::size_t>(i % 100)];
        nodes_.push_back(gofer::with_cancel(parent).first);
      }
    }
    void cancel() const { root_.second(); }
    std::int64_t live() const {
      return std::count_if(nodes_.begin(), nodes_.end(), [](const gofer::context& ctx) { return !ctx.err(); });
    }

   private:
    std::pair<gofer::context, gofer::cancel_func> root_;
    std::vector<gofer::context> nodes_;
  };

  template <class F>
  static void run(int workers, F f) {
    gofer::run({.maxprocs = workers}, std::move(f));
  }
  template <class F>
  static void spawn(F&& f) {
    gofer::go(std::forward<F>(f));
  }
  static void yield() { gofer::gosched(); }
  static int workers() { return gofer::gomaxprocs(0); }
  static void sleep(std::chrono::milliseconds d) { gofer::sleep(d); }

  static gofer::net::listener listen(std::uint16_t port) {
    return gofer::must(gofer::net::listen("tcp", "127.0.0.1:" + std::to_string(port)));
  }

  static int echo(int workers, std::uint16_t port) {
    return gofer::run({.maxprocs = workers}, [port]() -> int {
      const gofer::net::listener listener = listen(port);
      for (;;) {
        auto [accepted, err] = listener.accept();
        if (err) return 1;
        gofer::go([conn = std::move(accepted)] {
          std::array<char, 4096> buffer;
          for (;;) {
            const auto [n, failed] = conn.read(buffer);
            if (failed) break;
            if (conn.write(std::span<const char>(buffer.data(), n)).err) break;
          }
          conn.close();
        });
      }
    });
  }

  static int http(int workers, std::uint16_t port) {
    return gofer::run({.maxprocs = workers}, [port] {
      gofer::http::serve_mux mux;
      mux.handle("GET /hello", [](gofer::http::response& res, gofer::http::request&) { res.write("Hello, World!"); });
      return gofer::http::server{mux}.serve(listen(port)) ? 1 : 0;
    });
  }
};

}  // namespace

int main(int argc, char** argv) { return bench::program<adapter>::main(argc, argv); }
