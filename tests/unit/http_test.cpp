// Requests and answers of the HTTP server, over the loopback interface.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "http_client.hpp"

namespace {

using namespace http_testing;

TEST(http, hello_is_answered_and_the_connection_kept) {
  in_goroutine([] {
    service s(hello);
    client c(s.address);
    for (int i = 0; i < 3; i++) {
      const reply r = c.get("/hello");
      EXPECT_EQ(r.status, 200);
      EXPECT_EQ(r.version, "HTTP/1.1");
      EXPECT_EQ(r.body, "Hello, World!\n");
      EXPECT_EQ(r.header("content-length"), "14");
      EXPECT_EQ(r.header("content-type"), "text/plain; charset=utf-8");
      EXPECT_EQ(r.header("connection"), "");
      EXPECT_THAT(r.header("date"), testing::MatchesRegex("..., .. ... .... ..:..:.. GMT"));
    }
    for (int i = 0; i < 2000 && s.server.stats().requests < 3; i++) gofer::sleep(1ms);
    EXPECT_EQ(s.server.stats().requests, 3U);
    EXPECT_EQ(s.server.stats().accepted, 1U);
    EXPECT_EQ(s.server.stats().connections, 1U);
    EXPECT_GT(s.server.stats().latency.quantile(0.5), 0ns);
  });
}

TEST(http, what_a_request_says) {
  in_goroutine([] {
    service s([](response& res, request& req) {
      res.write(std::string(req.method()) + "|" + std::string(req.target()) + "|" + std::string(req.path()) + "|" +
                std::string(req.query()) + "|" + req.query_value("q").value_or("none") + "|" +
                std::string(req.header("x-a")) + "|" + std::to_string(req.headers().size()) + "|" +
                std::to_string(req.version()) + "|" +
                (req.remote_addr().starts_with("127.0.0.1:") ? "local" : req.remote_addr()));
    });
    client c(s.address);
    c.send("\r\n\r\nGET /a%20b?q=1+2%21 HTTP/1.1\r\nHost: x\r\nX-A: 1\r\nx-a: 2\r\n\r\n");
    EXPECT_EQ(c.receive().body, "GET|/a%20b?q=1+2%21|/a b|q=1+2%21|1 2!|1|3|11|local");
    c.send("GET http://x/p HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    EXPECT_EQ(c.receive().body, "GET|http://x/p|/p||none||1|10|local");
    c.send("GET /%zz HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_EQ(c.receive().status, 400);
    EXPECT_TRUE(c.closed());
  });
}

TEST(http, pipelined_requests_are_answered_in_order) {
  in_goroutine([] {
    service s(echo);
    client c(s.address);
    std::string all;
    for (int i = 0; i < 100; i++) {
      const std::string body = "request " + std::to_string(i);
      all += "POST / HTTP/1.1\r\nHost: x\r\n";
      if (i % 2 == 0) {
        all += "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
      } else {
        const char size = "0123456789abcdef"[body.size() - 2];
        all += "Transfer-Encoding: chunked\r\n\r\n2\r\nre\r\n" + std::string(1, size) + "\r\n" + body.substr(2) +
               "\r\n0\r\n\r\n";
      }
    }
    gofer::wait_group sender;
    sender.go([&] { c.send(all); });
    for (int i = 0; i < 100; i++) EXPECT_EQ(c.receive().body, "request " + std::to_string(i));
    sender.wait();
  });
}

TEST(http, requests_that_come_byte_by_byte) {
  in_goroutine([] {
    service s(echo);
    client c(s.address);
    for (const std::string text :
         {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello",
          "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"}) {
      for (const char byte : text) {
        c.send({&byte, 1});
        gofer::sleep(200us);
      }
      EXPECT_EQ(c.receive().body, "hello");
    }
  });
}

TEST(http, head_is_told_the_length_without_the_body) {
  in_goroutine([] {
    service s(hello);
    client c(s.address);
    c.send("HEAD / HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_EQ(c.receive(true).header("content-length"), "14");
    EXPECT_EQ(c.get("/").body, "Hello, World!\n");
  });
}

TEST(http, version_1_0_closes_unless_asked_to_keep) {
  in_goroutine([] {
    service s(hello);
    client keeping(s.address);
    keeping.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    const reply kept = keeping.receive();
    EXPECT_EQ(kept.version, "HTTP/1.0");
    EXPECT_EQ(kept.header("connection"), "keep-alive");
    keeping.send("GET / HTTP/1.0\r\n\r\n");
    const reply last = keeping.receive();
    EXPECT_EQ(last.header("connection"), "close");
    EXPECT_EQ(last.body, "Hello, World!\n");
    EXPECT_TRUE(keeping.closed());
    client closing(s.address);
    closing.send("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    EXPECT_EQ(closing.receive().header("connection"), "close");
    EXPECT_TRUE(closing.closed());
  });
}

TEST(http, expect_continue) {
  in_goroutine([] {
    service s([](response& res, request& req) { req.path() == "/read" ? echo(res, req) : hello(res, req); });
    client c(s.address);
    c.send("POST /read HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
    EXPECT_EQ(c.receive().status, 100);
    c.send("hello");
    EXPECT_EQ(c.receive().body, "hello");
    // A handler that does not want the body: no 100, and nobody knows whether the body comes.
    c.send("POST /leave HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
    const reply r = c.receive();
    EXPECT_EQ(r.status, 200);
    EXPECT_EQ(r.header("connection"), "close");
    EXPECT_TRUE(c.closed());
  });
}

TEST(http, bad_requests_get_a_status_and_the_connection_ends) {
  in_goroutine([] {
    service s(echo, {.max_body_bytes = 10});
    const std::pair<int, std::string> cases[] = {
        {400, "nonsense\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\n\r\n"},
        {505, "GET / HTTP/3.0\r\nHost: x\r\n\r\n"},
        {431, "GET / HTTP/1.1\r\nHost: x\r\nA: " + std::string(20000, 'a') + "\r\n\r\n"},
        {413, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\n\r\nhello world"},
        {413, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nb\r\nhello world\r\n0\r\n\r\n"},
        {400, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n"},
        {400, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1;" + std::string(20000, 'a')},
        {501, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n"},
        {417, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nExpect: magic\r\n\r\n"},
    };
    for (const auto& [status, text] : cases) {
      client c(s.address);
      c.send(text);
      const reply r = c.receive();
      EXPECT_EQ(r.status, status) << text.substr(0, 100);
      EXPECT_EQ(r.header("connection"), "close");
      EXPECT_TRUE(c.closed());
    }
    EXPECT_EQ(s.log(), "");
  });
}

TEST(http, header_lines_without_end_are_limited_too) {
  in_goroutine([] {
    service s(hello);
    client c(s.address);
    c.send("GET / HTTP/1.1\r\nHost: x\r\n");
    for (int i = 0; i < 10000; i++) {
      if (!c.send("A: b\r\n")) break;
    }
    EXPECT_EQ(c.receive().status, 431);
  });
}

TEST(http, a_body_left_unread_does_not_disturb_the_next_request) {
  in_goroutine([] {
    service s(hello);
    client c(s.address);
    c.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n");
    EXPECT_EQ(c.receive().status, 200);
    c.send(std::string(100000, 'x') + "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_EQ(c.receive().status, 200);
    c.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n");
    EXPECT_EQ(c.receive().header("connection"), "close");
  });
}

// body() used to give the body of the connection's last request that had one.
TEST(http, a_request_without_a_body_does_not_see_the_one_before) {
  in_goroutine([] {
    service s(echo);
    client c(s.address);
    c.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n\r\nsecret");
    EXPECT_EQ(c.receive().body, "secret");
    EXPECT_EQ(c.get("/").body, "");
    c.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n");
    EXPECT_EQ(c.receive().body, "");
  });
}

TEST(http, answers_that_do_not_fit_are_streamed) {
  const std::string big(100'000, 'x');
  in_goroutine([&] {
    gofer::http::serve_mux mux;
    mux.handle("/one", [&](response& res, request&) { res.write(big); });
    mux.handle("/many", [&](response& res, request&) {
      for (std::size_t i = 0; i < big.size(); i += 1000) res.write(std::string_view(big).substr(i, 1000));
    });
    mux.handle("/known", [&](response& res, request&) {
      res.set("Content-Length", std::to_string(big.size()));
      for (std::size_t i = 0; i < big.size(); i += 1000) res.write(std::string_view(big).substr(i, 1000));
      EXPECT_TRUE(res.write("more").err);
    });
    mux.handle("/short", [&](response& res, request&) {
      res.set("Content-Length", std::to_string(big.size() + 1));
      res.write(big);
    });
    mux.handle("/flushed", [&](response& res, request&) {
      res.write("a");
      res.flush();
      EXPECT_TRUE(res.head_sent());
      res.status(404).set("X", "y");
      res.fail(500, "no");
      res.flush();
      res.write("b");
    });
    service s(mux);
    client c(s.address);
    for (const char* path : {"/one", "/many", "/known"}) {
      const reply r = c.get(path);
      EXPECT_TRUE(r.complete) << path;
      EXPECT_TRUE(r.body == big) << path << r.body.size();
      EXPECT_EQ(r.headers.contains("content-length"), path == std::string("/known"));
    }
    const reply flushed = c.get("/flushed");
    EXPECT_EQ(flushed.status, 200);
    EXPECT_EQ(flushed.body, "ab");
    c.send("HEAD /many HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_EQ(c.receive(true).header("content-length"), "100000");
    EXPECT_EQ(c.get("/flushed").body, "ab");
    c.send("GET /many HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    const reply old = c.receive();
    EXPECT_EQ(old.header("connection"), "close");
    EXPECT_TRUE(old.body == big);
    client d(s.address);
    const reply cut = d.get("/short");
    EXPECT_FALSE(cut.complete);
    EXPECT_TRUE(cut.body == big);
  });
}

TEST(http, headers_cannot_be_smuggled_into_an_answer) {
  in_goroutine([] {
    service s([](response& res, request&) {
      res.set("X-A", "1\r\nX-B: 2").set("Bad name", "x").set("", "y").set("Content-Type", "text/x");
      res.add("X-C", "1").add("X-C", "2").set("x-d", "1").set("X-D", "2");
      res.set("Date", "never")
          .set("Transfer-Encoding", "gzip")
          .set("Connection", "keep-alive")
          .status(99)
          .status(204)
          .status(203);
      res.write("x");
    });
    client c(s.address);
    const reply r = c.get("/");
    EXPECT_EQ(r.status, 203);
    EXPECT_EQ(r.header("x-a"), "1  X-B: 2");
    EXPECT_EQ(r.header("x-b"), "");
    EXPECT_EQ(r.header("x-d"), "2");
    EXPECT_EQ(r.header("content-type"), "text/x");
    EXPECT_EQ(r.header("transfer-encoding"), "");
    EXPECT_EQ(r.headers.size(), 6U);  // date, x-a, content-type, x-c, x-d, content-length
  });
}

TEST(http, answers_without_a_body) {
  in_goroutine([] {
    service s([](response& res, request& req) {
      res.status(req.path() == "/304" ? 304 : 204);
      res.write("ignored");
    });
    client c(s.address);
    for (const char* path : {"/204", "/304", "/204"}) {
      const reply r = c.get(path);
      EXPECT_EQ(std::to_string(r.status), path == std::string("/304") ? "304" : "204");
      EXPECT_EQ(r.header("transfer-encoding"), "");
    }
  });
}

}  // namespace
