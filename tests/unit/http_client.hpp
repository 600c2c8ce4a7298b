// What the HTTP tests share: a client that sends bytes and looks at bytes, and a server with a log.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <gofer/gofer.hpp>
#include <gofer/http.hpp>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

namespace http_testing {

using namespace std::chrono_literals;
using gofer::http::request;
using gofer::http::response;
using gofer::http::server_options;

/// One answer, taken apart.
struct reply {
  int status = 0;
  std::string version;
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;
  bool complete = false;  // its end came as announced

  std::string header(const std::string& name) const {
    const auto found = headers.find(name);
    return found == headers.end() ? "" : found->second;
  }
};

class client {
 public:
  explicit client(const std::string& address) : conn_(gofer::must(gofer::net::dial("tcp", address))) {
    conn_.set_deadline(std::chrono::steady_clock::now() + 20s);
  }
  ~client() { conn_.close(); }

  bool send(std::string_view text) { return !conn_.write(text).err; }
  void close() { conn_.close(); }
  gofer::net::conn& conn() { return conn_; }

  /// The next answer; status 0 when the connection ends instead.
  reply receive(bool to_head = false) {
    reply r;
    while (buffer_.find("\r\n\r\n") == std::string::npos) {
      if (!more()) return r;
    }
    const std::size_t end = buffer_.find("\r\n\r\n") + 2;
    std::string head = buffer_.substr(0, end);
    buffer_.erase(0, end + 2);
    r.version = head.substr(0, 8);
    r.status = std::stoi(head.substr(9, 3));
    for (std::size_t at = head.find("\r\n") + 2; at < head.size();) {
      const std::size_t next = head.find("\r\n", at);
      const std::size_t colon = head.find(": ", at);
      std::string name = head.substr(at, colon - at);
      std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::tolower(c); });
      r.headers[name] = head.substr(colon + 2, next - colon - 2);
      at = next + 2;
    }
    if (to_head || r.status == 204 || r.status == 304 || r.status < 200) {
      r.complete = true;
    } else if (r.headers.contains("content-length")) {
      r.complete = take(std::stoul(r.header("content-length")), r.body);
    } else if (r.header("transfer-encoding") == "chunked") {
      r.complete = take_chunks(r.body);
    } else {
      while (more()) {
      }
      r.body = std::exchange(buffer_, "");
      r.complete = true;
    }
    return r;
  }

  reply get(const std::string& path) {
    send("GET " + path + " HTTP/1.1\r\nHost: x\r\n\r\n");
    return receive();
  }

  /// Whether the server has closed, with nothing left unread.
  bool closed() { return buffer_.empty() && !more(); }

 private:
  bool more() {
    char chunk[4096];
    const auto r = conn_.read(chunk);
    buffer_.append(chunk, r.value);
    return r.value > 0;
  }
  bool take(std::size_t n, std::string& into) {
    while (buffer_.size() < n) {
      if (!more()) return into = std::exchange(buffer_, ""), false;
    }
    into += buffer_.substr(0, n);
    buffer_.erase(0, n);
    return true;
  }
  bool take_chunks(std::string& into) {
    for (;;) {
      while (buffer_.find("\r\n") == std::string::npos) {
        if (!more()) return false;
      }
      const std::size_t n = std::stoul(buffer_, nullptr, 16);
      buffer_.erase(0, buffer_.find("\r\n") + 2);
      std::string end;
      if (!take(n, into) || !take(2, end) || end != "\r\n") return false;
      if (n == 0) return true;
    }
  }

  gofer::net::conn conn_;
  std::string buffer_;
};

/// A server with a log that can be looked at, and an address.
class service {
 public:
  explicit service(gofer::http::handler h, server_options options = {})
      : listener_(gofer::must(gofer::net::listen("tcp", "127.0.0.1:0"))),
        address(listener_.addr().str()),
        server(std::move(h), with_log(std::move(options))) {
    gofer::go([this, served = served, listener = listener_] { served.send(server.serve(listener)); });
  }
  ~service() {
    server.close();
    if (!joined_) join();
  }
  gofer::error join() {
    joined_ = true;
    return *served.recv();
  }
  std::string log() {
    const std::lock_guard lock(mu_);
    return log_;
  }

 private:
  server_options with_log(server_options options) {
    options.log = [this](std::string_view record) {
      const std::lock_guard lock(mu_);
      log_ += record;
    };
    return options;
  }
  gofer::net::listener listener_;
  gofer::mutex mu_;
  std::string log_;
  bool joined_ = false;

 public:
  const std::string address;
  gofer::chan<gofer::error> served{1};
  gofer::http::server server;
};

/// Runs body in a goroutine, with 1 worker and with 4, and sees that no goroutine is left.
inline void in_goroutine(const std::function<void()>& body) {
  for (const int procs : {1, 4}) {
    SCOPED_TRACE("maxprocs " + std::to_string(procs));
    gofer::run({.maxprocs = procs}, [&] {
      const int before = gofer::num_goroutine();
      body();
      for (int i = 0; i < 2000 && gofer::num_goroutine() > before; i++) gofer::sleep(1ms);
      EXPECT_EQ(gofer::num_goroutine(), before) << gofer::stack(true);
    });
  }
}

inline void hello(response& res, request&) { res.write("Hello, World!\n"); }

inline void echo(response& res, request& req) {
  const auto [body, err] = req.body();
  if (err) return;
  res.write(body);
}

}  // namespace http_testing
