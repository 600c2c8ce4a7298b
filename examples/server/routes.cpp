#include "routes.hpp"

#include <charconv>
#include <chrono>
#include <gofer/panic.hpp>
#include <gofer/time.hpp>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>

#include "live.hpp"
#include "page.hpp"

using gofer::http::request;
using gofer::http::response;

namespace {

/// A whole number from the query, `otherwise` when it is not there; nothing, and 400 answered, when it is none or too
/// big.
std::optional<int> number_from(response& res, const request& req, const char* name, int otherwise, int most) {
  const std::optional<std::string> text = req.query_value(name);
  if (!text) return otherwise;
  int n = 0;
  const auto [end, ec] = std::from_chars(text->data(), text->data() + text->size(), n);
  if (ec == std::errc() && end == text->data() + text->size() && n >= 0 && n <= most) return n;
  res.fail(400, std::string(name) + " must be a whole number from 0 to " + std::to_string(most) + "\n");
  return std::nullopt;
}

void echo(response& res, request& req) {
  const auto [body, err] = req.body();
  if (err) return;  // answered by the server
  const std::string_view type = req.header("Content-Type");
  res.set("Content-Type", type.empty() ? "application/octet-stream" : type);
  res.write(body);
}

void slow(response& res, request& req) {
  const auto ms = number_from(res, req, "ms", 100, 60'000);
  if (!ms) return;
  gofer::sleep(std::chrono::milliseconds(*ms));
  res.write("slept " + std::to_string(*ms) + " ms\n");
}

unsigned long long fib(int n) { return n < 2 ? static_cast<unsigned long long>(n) : fib(n - 1) + fib(n - 2); }

void fibonacci(response& res, request& req) {
  const auto n = number_from(res, req, "n", 30, 45);
  if (!n) return;
  res.write("fib(" + std::to_string(*n) + ") = " + std::to_string(fib(*n)) + "\n");
}

struct account {
  std::string owner;
  long balance;
};

/// The account of this number, or nullptr, which is easily forgotten.
const account* find_account(const std::string& number) {
  static const std::map<std::string, account> accounts = {{"1", {"gopher", 42}}};
  const auto found = accounts.find(number);
  return found == accounts.end() ? nullptr : &found->second;
}

long balance_of(const std::string& number) { return find_account(number)->balance; }

void nil(response& res, request&) { res.write("balance " + std::to_string(balance_of("2")) + "\n"); }

}  // namespace

gofer::http::serve_mux make_routes(live_stats& live) {
  gofer::http::serve_mux mux;
  mux.handle("GET /{$}", [](response& res, request&) {
    res.set("Content-Type", "text/html; charset=utf-8").set("Cache-Control", "no-cache");
    res.write(page());
  });
  mux.handle("GET /hello", [](response& res, request&) { res.write("Hello, World!\n"); });
  mux.handle("POST /echo", echo);
  mux.handle("GET /sleep", slow);
  mux.handle("GET /fib", fibonacci);
  mux.handle("/panic", [](response&, request&) { gofer::panic("the handler of /panic panics"); });
  mux.handle("/nil", nil);
  mux.handle("/throw", [](response&, request&) { throw std::runtime_error("the handler of /throw throws"); });
  mux.handle("GET /stats", [&live](response& res, request&) {
    res.set("Content-Type", "application/json").set("Cache-Control", "no-store");
    res.write(live.json());
  });
  return mux;
}
