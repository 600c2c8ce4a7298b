// The HTTP server as a whole: panics in handlers, time-outs, shutdown, routes, many clients.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <stdexcept>
#include <string>
#include <utility>

#include "http_client.hpp"

namespace {

using namespace http_testing;

TEST(http_server, panics_cost_their_request_only) {
  in_goroutine([] {
    gofer::http::serve_mux mux;
    mux.handle("/panic", [](response& res, request&) {
      res.status(201).set("X-Gone", "1");
      res.write("gone too");
      gofer::panic("as the test wants");
    });
    mux.handle("/throw", [](response&, request&) { throw std::runtime_error("thrown by the test"); });
    mux.handle("/late", [](response& res, request&) {
      res.write("half");
      res.flush();
      gofer::panic("too late");
    });
    mux.handle("/hello", hello);
    service s(mux);
    client c(s.address);
    for (int i = 0; i < 3; i++) {
      const reply r = c.get("/panic");
      EXPECT_EQ(r.status, 500);
      EXPECT_EQ(r.body, "Internal Server Error\n");
      EXPECT_EQ(r.header("x-gone"), "");
      EXPECT_EQ(c.get("/throw").status, 500);
      EXPECT_EQ(c.get("/hello").status, 200);
    }
    c.send("HEAD /panic HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_EQ(c.receive(true).status, 500);
    EXPECT_EQ(c.get("/hello").status, 200);
    const reply half = c.get("/late");
    EXPECT_EQ(half.body, "half");
    EXPECT_FALSE(half.complete);
    EXPECT_TRUE(c.closed());
    EXPECT_EQ(s.server.stats().panics, 8U);
    EXPECT_THAT(s.log(), testing::HasSubstr("http: panic serving 127.0.0.1:"));
    EXPECT_THAT(s.log(), testing::HasSubstr(", GET /panic: as the test wants\n"));
    EXPECT_THAT(s.log(), testing::HasSubstr("http_server_test.cpp"));
    EXPECT_THAT(s.log(), testing::HasSubstr("thrown by the test"));
  });
}

TEST(http_server, goexit_in_a_handler_ends_its_connection) {
  in_goroutine([] {
    service s([](response&, request&) { gofer::goexit(); });
    for (int i = 0; i < 3; i++) {
      client c(s.address);
      EXPECT_EQ(c.get("/").status, 0);
    }
    for (int i = 0; i < 2000 && s.server.stats().connections > 0; i++) gofer::sleep(1ms);
    EXPECT_EQ(s.server.stats().connections, 0U);
  });
}

TEST(http_server, time_outs) {
  in_goroutine([] {
    gofer::chan<gofer::error> write_error{1};
    gofer::http::serve_mux mux;
    mux.handle("/", echo);
    mux.handle("/endless", [&](response& res, request&) {
      const std::string piece(100'000, 'x');
      for (;;) {
        if (auto r = res.write(piece); r.err) {
          write_error.send(r.err);
          return;
        }
      }
    });
    service s(mux, {.read_header_timeout = 50ms, .read_timeout = 50ms, .write_timeout = 100ms, .idle_timeout = 150ms});
    auto took = [start = std::chrono::steady_clock::now()]() mutable {
      const auto now = std::chrono::steady_clock::now();
      return now - std::exchange(start, now);
    };
    client head(s.address);
    head.send("GET / HT");
    EXPECT_EQ(head.receive().status, 408);
    EXPECT_GE(took(), 45ms);
    client body(s.address);
    body.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhel");
    EXPECT_EQ(body.receive().status, 408);
    EXPECT_GE(took(), 45ms);
    client idle(s.address);
    EXPECT_EQ(idle.get("/").status, 200);
    EXPECT_TRUE(idle.closed());
    EXPECT_GE(took(), 145ms);
    client endless(s.address);
    endless.send("GET /endless HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_TRUE(gofer::is(*write_error.recv(), gofer::os::err_deadline_exceeded));
    EXPECT_GE(took(), 95ms);
  });
}

TEST(http_server, a_slow_handler_is_not_cut_off_by_time_outs) {
  in_goroutine([] {
    service s(
        [](response& res, request&) {
          gofer::sleep(100ms);
          res.write("late");
        },
        {.read_header_timeout = 20ms, .read_timeout = 20ms, .write_timeout = 20ms, .idle_timeout = 40ms});
    client c(s.address);
    for (int i = 0; i < 2; i++) EXPECT_EQ(c.get("/").body, "late");
  });
}

TEST(http_server, shutdown_lets_requests_finish) {
  in_goroutine([] {
    gofer::chan<> begun{1};
    service s([&](response& res, request&) {
      begun.send();
      gofer::sleep(100ms);
      res.write("finished");
    });
    client busy(s.address), idle(s.address), fresh(s.address);
    idle.get("/");
    begun.recv();
    busy.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    begun.recv();
    EXPECT_FALSE(s.server.shutdown(10s));
    EXPECT_EQ(s.server.stats().connections, 0U);
    const reply r = busy.receive();
    EXPECT_EQ(r.body, "finished");
    EXPECT_EQ(r.header("connection"), "close");
    EXPECT_TRUE(busy.closed());
    EXPECT_TRUE(idle.closed());
    EXPECT_TRUE(fresh.closed());
    EXPECT_EQ(s.join(), gofer::http::err_server_closed);
    EXPECT_TRUE(gofer::net::dial("tcp", s.address).err);
    EXPECT_FALSE(s.server.shutdown(10s));
  });
}

TEST(http_server, shutdown_ends_with_its_time_and_close_ends_the_rest) {
  in_goroutine([] {
    gofer::chan<> begun{1}, go_on{0};
    service s([&](response&, request&) {
      begun.send();
      go_on.recv();
    });
    client c(s.address);
    c.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    begun.recv();
    EXPECT_EQ(s.server.shutdown(30ms), gofer::os::err_deadline_exceeded);
    auto [ctx, cancel] = gofer::with_cancel(gofer::background());
    cancel();
    EXPECT_EQ(s.server.shutdown(ctx).what(), "context canceled");
    s.server.close();
    EXPECT_EQ(c.receive().status, 0);
    go_on.close();
    EXPECT_FALSE(s.server.shutdown(10s));
  });
}

TEST(http_server, a_request_that_meets_the_shutdown_is_answered) {
  in_goroutine([] {
    for (int round = 0; round < 20; round++) {
      service s(hello);
      client c(s.address);
      c.get("/");
      gofer::chan<gofer::error> down{1};
      gofer::go([&] { down.send(s.server.shutdown(10s)); });
      EXPECT_EQ(c.get("/").status, 200);
      EXPECT_FALSE(*down.recv());
    }
  });
}

TEST(http_server, the_server_may_go_before_its_connections) {
  in_goroutine([] {
    gofer::chan<> begun{1}, go_on{0}, done{1};
    {
      service s([&](response& res, request&) {
        begun.send();
        go_on.recv();
        res.write("x");
        done.send();
      });
      client c(s.address);
      c.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
      begun.recv();
    }
    go_on.close();
    done.recv();
  });
}

TEST(http_server, mux_chooses_by_path_and_method) {
  in_goroutine([] {
    gofer::http::serve_mux mux;
    for (const char* pattern :
         {"GET /{$}", "GET /a", "POST /a", "HEAD /h", "GET /h", "/a/", "/a/b", "GET /a/{x}", "GET /a/{x}/c",
          "/a/b/{rest...}", "GET /items/{id}/parts/{part}", "DELETE /items/{id}", "/a/{$}"}) {
      mux.handle(pattern, [pattern](response& res, request& req) {
        std::string values;
        for (const char* name : {"x", "rest", "id", "part"}) {
          if (!req.path_value(name).empty())
            values += std::string(" ") + name + "=" + std::string(req.path_value(name));
        }
        res.set("X", pattern + values);
      });
    }
    service s(mux);
    client c(s.address);
    const std::pair<std::string, std::string> cases[] = {
        {"GET /", "GET /{$}"},
        {"GET /a", "GET /a"},
        {"POST /a", "POST /a"},
        {"HEAD /a", "GET /a"},
        {"HEAD /h", "HEAD /h"},
        {"PUT /a", "405 GET, HEAD, POST"},
        {"GET /a/", "/a/{$}"},
        {"GET /a/b", "/a/b"},
        {"GET /a/%62", "/a/b"},
        {"GET /a/q", "GET /a/{x} x=q"},
        {"POST /a/q", "/a/"},
        {"GET /a/x%2Fy", "GET /a/{x} x=x/y"},
        {"GET /a/q/c", "GET /a/{x}/c x=q"},
        {"GET /a/q/d/e", "/a/"},
        {"PUT /a/b/c/d%20e", "/a/b/{rest...} rest=c/d e"},
        {"GET /items/7/parts/8", "GET /items/{id}/parts/{part} id=7 part=8"},
        {"GET /items/7", "405 DELETE"},
        {"DELETE /items/", "404 "},
        {"GET /nowhere", "404 "},
        {"OPTIONS *", "404 "},
        {"CONNECT host:443", "404 "},
    };
    for (const auto& [line, expected] : cases) {
      c.send(line + " HTTP/1.1\r\nHost: x\r\n\r\n");
      const reply r = c.receive(line.starts_with("HEAD"));
      EXPECT_EQ(r.status == 200 ? r.header("x") : std::to_string(r.status) + " " + r.header("allow"), expected) << line;
    }
  });
}

TEST(http_server, mux_panics_about_patterns_at_once) {
  gofer::http::serve_mux mux;
  const auto complaint = [&](const char* pattern, gofer::http::handler h) {
    return gofer::func([&](std::string& text) {
      gofer::defer d{[&] {
        if (auto p = gofer::recover()) text = p.what();
      }};
      mux.handle(pattern, std::move(h));
    });
  };
  EXPECT_EQ(complaint("GET /{x}", hello), "");
  EXPECT_THAT(complaint("GET /{y}", hello), testing::HasSubstr("is registered already"));
  EXPECT_THAT(complaint("hello", hello), testing::HasSubstr("no path"));
  EXPECT_THAT(complaint("/x", nullptr), testing::HasSubstr("no handler"));
  const gofer::http::serve_mux copy = mux;
  mux.handle("/only/here", hello);
  EXPECT_EQ(complaint("POST /only/here", hello), "");
}

TEST(http_server, many_connections_with_panicking_handlers) {
  in_goroutine([] {
    service s([](response& res, request& req) {
      if (req.path() == "/panic") gofer::panic("one in seven");
      res.write("fine");
    });
    constexpr int clients = 50, requests = 70;
    gofer::wait_group all;
    std::atomic<int> good{0}, bad{0};
    for (int i = 0; i < clients; i++) {
      all.go([&] {
        client c(s.address);
        for (int k = 0; k < requests; k++) (c.get(k % 7 == 0 ? "/panic" : "/").status == 200 ? good : bad)++;
      });
    }
    all.wait();
    EXPECT_EQ(bad, clients * requests / 7);
    EXPECT_EQ(good, clients * requests - clients * requests / 7);
    EXPECT_EQ(s.server.stats().panics, static_cast<std::uint64_t>(bad));
    // An answer is counted when it is sent, which is when the client may have it already.
    for (int i = 0; i < 2000 && s.server.stats().requests < clients * requests; i++) gofer::sleep(1ms);
    EXPECT_EQ(s.server.stats().requests, static_cast<std::uint64_t>(clients * requests));
  });
}

}  // namespace
