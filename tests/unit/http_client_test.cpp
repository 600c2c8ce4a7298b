// The HTTP client: against gofer's server, and against servers that misbehave.
#include "http_client.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <vector>

namespace {

using namespace http_testing;
namespace http = gofer::http;
namespace net = gofer::net;
namespace io = gofer::io;
using testing::HasSubstr;
using testing::StartsWith;

/// Answers each connection with these bytes, whatever it is asked, and closes it. A request is waited for first.
class canned {
 public:
  explicit canned(std::string answer, bool close = true)
      : listener_(gofer::must(net::listen("tcp", "127.0.0.1:0"))), url("http://" + listener_.addr().str() + "/") {
    gofer::go([l = listener_, answer = std::move(answer), close, left = left_] {
      std::vector<net::conn> kept;
      for (;;) {
        const auto [c, err] = l.accept();
        if (err) break;
        char piece[1024];
        if (c.read(piece).err) continue;
        c.write(answer);
        if (close) c.close();
        kept.push_back(c);
      }
      for (const net::conn& c : kept) c.close();
      left.close();
    });
  }
  ~canned() {
    listener_.close();
    left_.recv();
  }

 private:
  net::listener listener_;
  gofer::chan<> left_{0};

 public:
  const std::string url;
};

std::string text_of(gofer::result<http::client_response> r) {
  if (r.err) return r.err.what();
  const auto [text, err] = r.value.body();
  return err ? err.what() : text;
}

TEST(http_client, asks_and_uses_connections_again) {
  in_goroutine([] {
    http::serve_mux mux;
    mux.handle("/hello", hello);
    mux.handle("/echo", echo);
    mux.handle("/head", [](response& res, request& req) {
      std::string text;
      for (const auto& [name, value] : req.headers()) text += std::string(name) + ": " + std::string(value) + "\n";
      res.set("X-Many", "1").add("X-Many", "2");
      res.status(203).write(text);
    });
    service s(mux);
    const std::string base = "http://" + s.address;
    const http::client c;
    for (int i = 0; i < 20; i++) {
      auto r = gofer::must(c.get(base + "/hello"));
      EXPECT_EQ(r.status, 200);
      EXPECT_EQ(r.reason, "OK");
      EXPECT_EQ(r.content_length, 14U);
      EXPECT_EQ(r.url, base + "/hello");
      EXPECT_EQ(gofer::must(r.body()), "Hello, World!\n");
      EXPECT_EQ(text_of(c.post(base + "/echo", "text/plain", "some text")), "some text");
    }
    auto head = gofer::must(c.head(base + "/hello"));
    EXPECT_EQ(head.content_length, 14U);
    EXPECT_EQ(gofer::must(head.body()), "");
    EXPECT_EQ(s.server.stats().accepted, 1U);
    auto r = gofer::must(c.send({.method = "PUT",
                                 .url = "http://me:pw%21@" + s.address + "/head?q=a b#not this",
                                 .headers = {{"X-A", "1"}, {"x-a", "2"}, {"Host", "elsewhere"}}}));
    EXPECT_EQ(r.status, 203);
    EXPECT_EQ(r.headers.get("x-MANY"), "1");
    EXPECT_THAT(r.headers.values("X-Many"), testing::ElementsAre("1", "2"));
    EXPECT_EQ(gofer::must(r.body()),
              "Host: elsewhere\nUser-Agent: gofer-http-client/1.1\nContent-Length: 0\nX-A: 1\nx-a: 2\n"
              "Authorization: Basic bWU6cHch\n");
    EXPECT_EQ(s.server.stats().accepted, 1U);
    c.close_idle();
  });
}

TEST(http_client, bodies_of_every_size_both_ways) {
  in_goroutine([] {
    http::serve_mux mux;
    mux.handle("/echo", [](response& res, request& req) { EXPECT_FALSE(io::copy(res, req).err); });
    service s(mux, {.max_body_bytes = 64 << 20});
    const http::client c;
    for (const std::size_t size : {0U, 1U, 32768U, 32769U, 100'000U, 3'000'000U}) {
      std::string sent(size, '\0');
      for (std::size_t i = 0; i < size; i++) sent[i] = static_cast<char>(i * 7 + size);
      EXPECT_TRUE(text_of(c.post("http://" + s.address + "/echo", "x/y", sent)) == sent) << size;
      for (const bool known : {false, true}) {
        const auto at = std::make_shared<std::size_t>(0);
        http::client_request r{.method = "POST", .url = "http://" + s.address + "/echo"};
        r.body_stream = [=](std::span<char> into) -> gofer::result<std::size_t> {
          const std::size_t n = std::min({into.size(), sent.size() - *at, std::size_t{10'000}});
          std::copy_n(sent.data() + *at, n, into.data());
          *at += n;
          return {n, n == 0 ? io::eof : gofer::error()};
        };
        if (known) r.content_length = size;
        EXPECT_TRUE(text_of(c.send(std::move(r))) == sent) << size;
      }
    }
    c.close_idle();
  });
}

TEST(http_client, streams_are_seen_as_they_come) {
  in_goroutine([] {
    gofer::chan<> more{0};
    service s([&](response& res, request&) {
      res.write("first");
      res.flush();
      more.recv();
      res.write("second");
    });
    auto r = gofer::must(http::client().get("http://" + s.address));
    EXPECT_FALSE(r.content_length);
    char piece[100];
    EXPECT_EQ(gofer::must(r.read(piece)), 5U);
    more.close();
    EXPECT_EQ(gofer::must(r.read(piece)), 6U);
    EXPECT_EQ(r.read(piece).err, io::eof);
    EXPECT_EQ(r.read(piece).err, io::eof);
  });
}

TEST(http_client, a_body_that_nobody_reads_costs_its_connection) {
  in_goroutine([] {
    service s([](response& res, request&) { res.write(std::string(100'000, 'x')); });
    const http::client c;
    for (int i = 0; i < 3; i++) {
      auto r = gofer::must(c.get("http://" + s.address));
      char piece[10];
      gofer::must(r.read(piece));
      r.close();
      EXPECT_EQ(r.read(piece).err.what(), "http: read on closed response body");
    }
    EXPECT_EQ(s.server.stats().accepted, 3U);
    EXPECT_EQ(gofer::must(c.get("http://" + s.address)).body(10).err, http::err_body_too_large);
  });
}

TEST(http_client, errors_are_those_of_go) {
  in_goroutine([] {
    const http::client c;
    const auto complaint = [&](const std::string& url) { return c.get(url).err.what(); };
    EXPECT_EQ(complaint("ftp://x/"), "Get \"ftp://x/\": unsupported protocol scheme \"ftp\"");
    EXPECT_EQ(complaint("x"), "Get \"x\": unsupported protocol scheme \"\"");
    EXPECT_EQ(complaint("http:///x"), "Get \"http:///x\": http: no Host in request URL");
    EXPECT_THAT(complaint("http://x/\n"), HasSubstr("net/url: invalid control character in URL"));
    EXPECT_THAT(complaint("http://x:y/"), HasSubstr("invalid port"));
    std::string gone;
    {
      const net::listener l = gofer::must(net::listen("tcp", "127.0.0.1:0"));
      gone = "http://" + l.addr().str() + "/";
      l.close();
    }
    const gofer::error refused = c.get(gone).err;
    EXPECT_THAT(refused.what(), StartsWith("Get \"" + gone + "\": dial tcp 127.0.0.1:"));
    EXPECT_THAT(refused.what(), HasSubstr(": connection refused"));
    EXPECT_TRUE(gofer::is(refused, std::errc::connection_refused));
    ASSERT_NE(gofer::as<http::url_error>(refused), nullptr);
    EXPECT_EQ(gofer::as<http::url_error>(refused)->op, "Get");
    EXPECT_THAT(c.send({.method = "A B", .url = gone}).err.what(), HasSubstr("connection refused"));
    const canned ok("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    EXPECT_THAT(c.send({.method = "A B", .url = ok.url}).err.what(), HasSubstr("net/http: invalid method \"A B\""));
    EXPECT_THAT(c.send({.url = ok.url, .headers = {{"A B", "x"}}}).err.what(),
                HasSubstr("net/http: invalid header field name \"A B\""));
    EXPECT_THAT(c.send({.url = ok.url, .headers = {{"A", "x\r\nB: y"}}}).err.what(),
                HasSubstr("net/http: invalid header field value for \"A\""));
  });
}

TEST(http_client, servers_that_misbehave) {
  in_goroutine([] {
    const http::client c;
    const auto what = [&](const std::string& answer, bool close = true) {
      const canned server(answer, close);
      std::string text = text_of(c.get(server.url));
      const std::size_t at = text.find("\": ");
      return at == std::string::npos ? text : text.substr(at + 3);
    };
    EXPECT_EQ(what(""), "EOF");
    EXPECT_EQ(what("HTTP/1.1 200"), "unexpected EOF");
    EXPECT_EQ(what("220 mail.test\r\n", false),
              "net/http: HTTP/1.x transport connection broken: malformed HTTP response \"220 mail.test\"");
    EXPECT_EQ(what("HTTP/1.1 200 OK\r\nbroken\r\n\r\n", false),
              "net/http: HTTP/1.x transport connection broken: malformed HTTP response \"HTTP/1.1 200 OK\"");
    EXPECT_EQ(what("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n"), "unsupported transfer encoding: \"gzip\"");
    EXPECT_EQ(what("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello"), "unexpected EOF");
    EXPECT_EQ(what("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"), "unexpected EOF");
    EXPECT_EQ(what("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n"),
              "malformed chunked encoding");
    EXPECT_EQ(what("HTTP/1.1 200 OK\r\n\r\nto the end"), "to the end");
    EXPECT_EQ(what("HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok"), "ok");
    EXPECT_EQ(what("HTTP/1.1 103 Early\r\nA: b\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"), "ok");
    std::string interim;
    for (int i = 0; i < 6; i++) interim += "HTTP/1.1 103 Early\r\n\r\n";
    EXPECT_EQ(what(interim, false), "net/http: too many 1xx informational responses");
  });
}

gofer::error failed_read(gofer::result<http::client_response> r) { return r.err ? r.err : r.value.body().err; }

TEST(http_client, time_outs_and_contexts) {
  in_goroutine([] {
    gofer::chan<> never{0};
    http::serve_mux mux;
    mux.handle("/hangs", [=](response&, request&) { never.recv(); });
    mux.handle("/stops", [=](response& res, request&) {
      res.write("half");
      res.flush();
      never.recv();
    });
    service s(mux);
    const std::string base = "http://" + s.address;
    const http::client hasty({.timeout = 20ms});
    gofer::error err = hasty.get(base + "/hangs").err;
    EXPECT_EQ(err.what(),
              "Get \"" + base + "/hangs\": context deadline exceeded (Client.Timeout exceeded while awaiting headers)");
    EXPECT_TRUE(net::is_timeout(err));
    err = failed_read(hasty.get(base + "/stops"));
    EXPECT_EQ(err.what(), "context deadline exceeded (Client.Timeout or context cancellation while reading body)");
    const http::client c({.response_header_timeout = 20ms});
    EXPECT_THAT(c.get(base + "/hangs").err.what(), HasSubstr("net/http: timeout awaiting response headers"));
    for (const char* path : {"/hangs", "/stops"}) {
      auto [ctx, cancel] = gofer::with_cancel(gofer::background());
      gofer::chan<gofer::error> failed{1};
      gofer::go([=, ctx = ctx] { failed.send(failed_read(http::client().get(base + path, ctx))); });
      for (int i = 0; i < 2000 && s.server.stats().connections == 0; i++) gofer::sleep(1ms);
      cancel();
      EXPECT_TRUE(gofer::is(*failed.recv(), gofer::context::canceled));
      EXPECT_EQ(http::get(base, ctx).err.what(), "Get \"" + base + "\": context canceled");
    }
    never.close();
  });
}

TEST(http_client, redirects) {
  in_goroutine([] {
    http::serve_mux mux;
    for (const int code : {301, 302, 303, 307, 308}) {
      mux.handle("/" + std::to_string(code), [code](response& res, request&) {
        res.status(code).set("Location", "sub/../seen?code=" + std::to_string(code));
        res.write("moved");
      });
    }
    mux.handle("/seen", [](response& res, request& req) {
      res.write(std::string(req.method()) + " " + std::string(req.query()) + " " + std::string(req.header("Referer")) +
                " " + std::string(gofer::must(req.body())));
    });
    mux.handle("/loop", [](response& res, request&) { res.status(302).set("Location", "/loop"); });
    mux.handle("/nowhere", [](response& res, request&) { res.status(302).write("no location"); });
    mux.handle("/broken", [](response& res, request&) { res.status(302).set("Location", "http://[::1"); });
    mux.handle("/away", [](response& res, request& req) {
      res.status(302).set("Location", "http://localhost:" + std::string(req.query()) + "/secrets");
    });
    mux.handle("/secrets", [](response& res, request& req) {
      res.write("auth=" + std::string(req.header("Authorization")) + " cookie=" + std::string(req.header("Cookie")));
    });
    service s(mux);
    const std::string base = "http://" + s.address;
    const http::client c;
    for (const std::string code : {"301", "302", "303", "307", "308"}) {
      const std::string from = base + "/" + code;
      EXPECT_EQ(text_of(c.get(from)), "GET code=" + code + " " + from + " ");
      EXPECT_EQ(text_of(c.post(from, "a/b", "body")),
                (code[2] >= '7' ? "POST code=" + code + " " + from + " body" : "GET code=" + code + " " + from + " "));
    }
    EXPECT_EQ(s.server.stats().accepted, 1U);
    EXPECT_EQ(c.get(base + "/loop").err.what(), "Get \"" + base + "/loop\": stopped after 10 redirects");
    EXPECT_EQ(text_of(c.get(base + "/nowhere")), "no location");
    EXPECT_THAT(c.get(base + "/broken").err.what(), HasSubstr("failed to parse Location header"));
    auto stream = [sent = false](std::span<char> into) mutable -> gofer::result<std::size_t> {
      into[0] = 'x';
      return {std::exchange(sent, true) ? 0U : 1U, sent ? io::eof : gofer::error()};
    };
    EXPECT_EQ(gofer::must(c.send({.method = "POST", .url = base + "/307", .body_stream = stream})).status, 307);
    http::client_request secret{.url = base + "/away?" + s.address.substr(s.address.find(':') + 1)};
    secret.headers.set("Authorization", "mine");
    secret.headers.set("Cookie", "mine too");
    EXPECT_EQ(text_of(c.send(secret)), "auth= cookie=");
    const http::client wary({.check_redirect = [](const http::client_request& next, std::span<const std::string> via) {
      if (next.url.find("/loop") == std::string::npos) return http::err_use_last_response;
      return via.size() < 3 ? gofer::error() : gofer::make_error("enough");
    }});
    EXPECT_EQ(text_of(wary.get(base + "/301")), "moved");
    EXPECT_THAT(wary.get(base + "/loop").err.what(), HasSubstr("enough"));
  });
}

TEST(http_client, a_connection_that_the_server_closed_is_not_used_again) {
  in_goroutine([] {
    service s(hello, {.idle_timeout = 20ms});
    const http::client c;
    const std::string url = "http://" + s.address;
    for (int i = 0; i < 3; i++) {
      EXPECT_EQ(text_of(c.post(url, "a/b", "x")), "Hello, World!\n");
      for (int k = 0; k < 2000 && s.server.stats().connections > 0; k++) gofer::sleep(1ms);
    }
    EXPECT_EQ(s.server.stats().accepted, 3U);
  });
}

TEST(http_client, asks_again_when_an_idle_connection_dies_under_the_request) {
  in_goroutine([] {
    const net::listener l = gofer::must(net::listen("tcp", "127.0.0.1:0"));
    gofer::chan<> left{0};
    gofer::go([l, left] {
      for (int i = 0; i < 2; i++) {
        const net::conn c = gofer::must(l.accept());
        char piece[1024];
        c.read(piece);
        c.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        c.read(piece);  // the next one is not answered
        c.close();
      }
      left.close();
    });
    http::client c;
    const std::string url = "http://" + l.addr().str();
    EXPECT_EQ(text_of(c.get(url)), "ok");
    EXPECT_EQ(text_of(c.get(url)), "ok");
    EXPECT_EQ(c.post(url, "a/b", "must not be sent twice").err.what(), "Post \"" + url + "\": EOF");
    left.recv();
    l.close();
  });
}

TEST(http_client, limits_of_connections) {
  in_goroutine([] {
    std::atomic<int> now{0}, most{0};
    service s([&](response& res, request&) {
      const int n = ++now;
      for (int m = most; m < n && !most.compare_exchange_weak(m, n);) {
      }
      gofer::gosched();
      now--;
      res.write("x");
    });
    const http::client c({.idle_timeout = 50ms, .max_idle_per_host = 2, .max_per_host = 3});
    gofer::wait_group all;
    for (int i = 0; i < 60; i++) all.go([&] { EXPECT_EQ(text_of(c.get("http://" + s.address)), "x"); });
    all.wait();
    EXPECT_LE(most, 3);
    for (int i = 0; i < 2000 && s.server.stats().connections > 0; i++) gofer::sleep(1ms);
    EXPECT_EQ(s.server.stats().connections, 0U);  // idle ones were closed in time
  });
}

TEST(http_client, waits_for_leave_to_send_a_body) {
  in_goroutine([] {
    http::serve_mux mux;
    mux.handle("/echo", echo);
    mux.handle("/no", [](response& res, request&) { res.fail(403, "no\n"); });
    service s(mux);
    http::client_request r{.method = "POST", .headers = {{"Expect", "100-continue"}}, .body = "the body"};
    const http::client c({.expect_continue_timeout = 0ns});
    r.url = "http://" + s.address + "/echo";
    EXPECT_EQ(text_of(c.send(r)), "the body");
    r.url = "http://" + s.address + "/no";
    const auto refused = c.send(r);
    EXPECT_EQ(refused.value.status, 403);
    // A server that does not know of it gets the body after a while.
    const canned mute("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    r.url = mute.url;
    EXPECT_EQ(text_of(http::client({.expect_continue_timeout = 10ms}).send(r)), "ok");
  });
}

TEST(http_client, a_body_that_cannot_be_had) {
  in_goroutine([] {
    service s(echo);
    http::client_request r{.method = "POST", .url = "http://" + s.address};
    r.body_stream = [](std::span<char>) -> gofer::result<std::size_t> {
      return {0, gofer::make_error("no body today")};
    };
    EXPECT_THAT(http::client().send(r).err.what(), HasSubstr("no body today"));
    r.body_stream = [](std::span<char>) -> gofer::result<std::size_t> { return {0, io::eof}; };
    r.content_length = 5;
    EXPECT_THAT(http::client().send(r).err.what(), HasSubstr("http: body is 5 bytes shorter than its content_length"));
  });
}

TEST(http_client, an_answer_before_the_body_is_through) {
  in_goroutine([] {
    service s([](response& res, request&) { res.fail(403, "not you\n"); });
    for (int i = 0; i < 5; i++) {
      const http::client c;
      auto r = c.post("http://" + s.address, "a/b", std::string(900'000, 'x'));
      EXPECT_FALSE(r.err) << r.err;
      EXPECT_EQ(r.value.status, 403);
    }
  });
}

TEST(http_client, many_at_once) {
  in_goroutine([] {
    service s(echo);
    const http::client c({.max_idle_per_host = 20});
    gofer::wait_group all;
    std::atomic<int> good{0};
    for (int i = 0; i < 50; i++) {
      all.go([&, i] {
        for (int k = 0; k < 20; k++) {
          const std::string sent = std::to_string(i * 1000 + k);
          good += text_of(c.post("http://" + s.address, "a/b", sent)) == sent ? 1 : 0;
        }
      });
    }
    all.wait();
    EXPECT_EQ(good, 1000);
  });
}

}  // namespace
