// What a server has beside answering: contexts, limits, logs, middleware, files.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include "http_client.hpp"

namespace {

using namespace http_testing;
namespace http = gofer::http;
using testing::HasSubstr;
using testing::MatchesRegex;

TEST(http_context, is_done_when_the_client_leaves) {
  in_goroutine([] {
    gofer::chan<> begun{0};
    gofer::chan<gofer::error> seen{1};
    service s([&](response&, request& req) {
      req.body();
      const gofer::context& ctx = req.context();
      EXPECT_FALSE(ctx.err());
      begun.send();
      ctx.done().recv();
      seen.send(ctx.err());
    });
    for (const char* body : {"", "x"}) {
      client c(s.address);
      c.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: " + std::to_string(std::string(body).size()) + "\r\n\r\n" +
             body);
      begun.recv();
      c.close();
      EXPECT_EQ(*seen.recv(), gofer::context::canceled);
    }
  });
}

TEST(http_context, a_body_read_later_is_watched_later) {
  in_goroutine([] {
    gofer::chan<> begun{0}, ended{0};
    service s([&](response& res, request& req) {
      const gofer::context ctx = req.context();
      begun.send();
      res.write(req.body().value);
      if (req.query() != "wait") return;
      ctx.done().recv();
      ended.send();
    });
    client c(s.address);
    c.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n");
    begun.recv();
    c.send("hello");
    EXPECT_EQ(c.receive().body, "hello");
    c.send("POST /?wait HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n");
    begun.recv();
    c.send("hello");
    c.close();
    ended.recv();
  });
}

TEST(http_context, ends_with_its_handler_and_disturbs_no_request) {
  in_goroutine([] {
    gofer::chan<gofer::context> kept{64};
    gofer::chan<> go_on{0};
    service s(
        [&](response& res, request& req) {
          kept.send(req.context());
          if (req.path() == "/wait") go_on.recv();
          res.write(req.path());
        },
        {.idle_timeout = 200ms});
    client c(s.address);
    // What is read while watching is the next request's beginning.
    c.send("GET /wait HTTP/1.1\r\nHost: x\r\n\r\n");
    const gofer::context first = *kept.recv();
    for (int i = 0; i < 40; i++) c.send("GET /" + std::to_string(i) + " HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_FALSE(first.err());
    go_on.close();
    EXPECT_EQ(c.receive().body, "/wait");
    for (int i = 0; i < 40; i++) EXPECT_EQ(c.receive().body, "/" + std::to_string(i));
    EXPECT_TRUE(c.closed());  // the idle time-out still holds
    EXPECT_EQ(first.err(), gofer::context::canceled);
    for (int i = 0; i < 40; i++) EXPECT_EQ(kept.recv()->err(), gofer::context::canceled);
  });
}

TEST(http_context, outlives_goexit_and_panics) {
  in_goroutine([] {
    gofer::chan<gofer::context> contexts{2};
    service s([&](response&, request& req) {
      contexts.send(req.context());
      if (req.path() == "/panic") gofer::panic("as the test wants");
      gofer::goexit();
    });
    client c(s.address);
    EXPECT_EQ(c.get("/panic").status, 500);
    EXPECT_EQ(c.get("/goexit").status, 0);
    for (int i = 0; i < 2; i++) {
      const gofer::context ctx = *contexts.recv();
      ctx.done().recv();
      EXPECT_EQ(ctx.err(), gofer::context::canceled);
    }
  });
}

TEST(http_limits, handlers_that_take_too_long_are_answered_for) {
  in_goroutine([] {
    gofer::chan<gofer::error> cause{1}, written{1};
    std::string log;
    service s(
        [&](response& res, request& req) {
          if (req.path() == "/quick") {
            res.write("quick");
            return;
          }
          req.context().done().recv();
          cause.send(req.context().cause());
          res.write(std::string(100'000, 'x'));
          written.send(res.write("more").err);
        },
        {.handler_timeout = 30ms,
         .access_log = [&](const http::access_record& r) { log += std::to_string(r.status) + " "; }});
    client c(s.address);
    EXPECT_EQ(c.get("/quick").body, "quick");
    EXPECT_EQ(c.get("/quick").body, "quick");
    const reply r = c.get("/slow");
    EXPECT_EQ(r.status, 503);
    EXPECT_EQ(r.body, "Service Unavailable\n");
    EXPECT_TRUE(c.closed());
    EXPECT_EQ(*cause.recv(), http::err_handler_timeout);
    EXPECT_EQ(*written.recv(), http::err_handler_timeout);
    c.close();
    for (int i = 0; i < 2000 && s.server.stats().connections > 0; i++) gofer::sleep(1ms);
    EXPECT_EQ(log, "200 200 503 ");
  });
}

TEST(http_limits, connections) {
  in_goroutine([] {
    service s(hello, {.max_connections = 2});
    client a(s.address), b(s.address), waiting(s.address);
    EXPECT_EQ(a.get("/").status, 200);
    EXPECT_EQ(b.get("/").status, 200);
    waiting.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    gofer::sleep(5ms);  // no proof, but a chance to fail
    EXPECT_EQ(s.server.stats().connections, 2U);
    a.close();
    EXPECT_EQ(waiting.receive().status, 200);
    client next(s.address);
    next.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_FALSE(s.server.shutdown(10s));  // although one waits for a place
    EXPECT_EQ(s.join(), http::err_server_closed);
  });
}

TEST(http_log, one_record_per_answer) {
  in_goroutine([] {
    gofer::chan<std::string> lines{16};
    service s(
        [](response& res, request& req) {
          if (req.path() == "/panic") gofer::panic("as the test wants");
          res.status(201).write("12345");
          EXPECT_EQ(res.status(), 201);
          EXPECT_EQ(res.written(), 5U);
        },
        {.access_log = [&](const http::access_record& r) { lines.send(http::access_line(r)); }});
    client c(s.address);
    c.send("GET /a?b HTTP/1.1\r\nHost: x\r\nReferer: http://r\r\nUser-Agent: \"quoted\xe9\\\r\n\r\n");
    c.receive();
    c.get("/panic");
    c.send("nonsense\r\n\r\n");
    c.receive();
    const std::string when = R"( - - \[[0-9]+/[A-Z][a-z]+/[0-9]+:[0-9:]+ [+-][0-9]+\] )";
    EXPECT_THAT(*lines.recv(), MatchesRegex(R"(127\.0\.0\.1)" + when +
                                            R"raw("GET /a\?b HTTP/1.1" 201 5 "http://r" "\\x22quoted.*\\x5c")raw"));
    EXPECT_THAT(*lines.recv(), MatchesRegex(R"(127\.0\.0\.1)" + when + R"("GET /panic HTTP/1.1" 500 22 "-" "-")"));
    EXPECT_THAT(*lines.recv(), MatchesRegex(R"(127\.0\.0\.1)" + when + R"("-" 400 12 "-" "-")"));
  });
}

TEST(http_middleware, goes_from_the_outside_in) {
  in_goroutine([] {
    const auto marks = [](std::string name) -> http::middleware {
      return [name](http::handler inside) -> http::handler {
        return [name, inside](response& res, request& req) {
          res.write(name + "(");
          inside(res, req);
          res.write(")");
        };
      };
    };
    service s(http::chain({marks("a"), marks("b")},
                          http::strip_prefix("/x", [](response& res, request& req) { res.write(req.path()); })));
    client c(s.address);
    EXPECT_EQ(c.get("/x/y").body, "a(b(/y))");
    EXPECT_EQ(c.get("/z").status, 404);
  });
}

class folder {
 public:
  folder() {
    char name[] = "/tmp/gofer-http-XXXXXX";
    path_ = ::mkdtemp(name);
    ::mkdir((path_ + "/root").c_str(), 0700);
  }
  ~folder() { std::system(("rm -rf " + path_).c_str()); }
  folder(const folder&) = delete;
  folder& operator=(const folder&) = delete;
  std::string root() const { return path_ + "/root"; }
  void put(const std::string& name, const std::string& text) const { std::ofstream(root() + "/" + name) << text; }

 private:
  std::string path_;
};

reply ask(client& c, const std::string& path, const std::string& headers = "", const std::string& method = "GET") {
  c.send(method + " " + path + " HTTP/1.1\r\nHost: x\r\n" + headers + "\r\n");
  return c.receive(method == "HEAD");
}

TEST(http_files, are_served_with_their_conditions_and_ranges) {
  const folder f;
  f.put("a.txt", "0123456789");
  f.put("empty.html", "");
  in_goroutine([&] {
    service s(http::file_server(f.root()));
    client c(s.address);
    const reply whole = ask(c, "/a.txt");
    EXPECT_EQ(whole.status, 200);
    EXPECT_EQ(whole.body, "0123456789");
    EXPECT_EQ(whole.header("content-type"), "text/plain; charset=utf-8");
    EXPECT_EQ(whole.header("accept-ranges"), "bytes");
    const std::string etag = whole.header("etag"), modified = whole.header("last-modified");
    const reply head = ask(c, "/a.txt", "", "HEAD");
    EXPECT_EQ(head.header("content-length"), "10");
    EXPECT_EQ(ask(c, "/empty.html").header("content-length"), "0");

    EXPECT_EQ(ask(c, "/a.txt", "If-None-Match: \"x\", W/" + etag + "\r\n").status, 304);
    EXPECT_EQ(ask(c, "/a.txt", "If-None-Match: *\r\n").status, 304);
    EXPECT_EQ(ask(c, "/a.txt", "If-None-Match: \"x\"\r\n").status, 200);
    EXPECT_EQ(ask(c, "/a.txt", "If-Modified-Since: " + modified + "\r\n").status, 304);
    EXPECT_EQ(ask(c, "/a.txt", "If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n").status, 200);
    EXPECT_EQ(ask(c, "/a.txt", "If-Modified-Since: yesterday\r\n").status, 200);
    EXPECT_EQ(ask(c, "/a.txt", "If-Match: \"x\"\r\n").status, 412);
    EXPECT_EQ(ask(c, "/a.txt", "If-Match: " + etag + "\r\n").status, 200);
    EXPECT_EQ(ask(c, "/a.txt", "If-Unmodified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n").status, 412);

    const std::pair<std::string, std::string> single[] = {
        {"bytes=0-0", "206 0"},
        {"bytes=2-4", "206 234"},
        {"bytes=8-", "206 89"},
        {"bytes=-3", "206 789"},
        {"bytes=5-100", "206 56789"},
        {"bytes=-100", "206 0123456789"},
        {"bytes=", "200 0123456789"},
        {"bytes=10-", "416 "},
        {"bytes=4-2", "416 "},
        {"bytes=a-b", "416 "},
        {"bytes=--1", "416 "},
        {"lines=1-2", "416 "},
        {"bytes=0-9,0-9", "200 0123456789"},
        {"bytes=99999999999999999999-", "416 "},
        {"bytes=20-, 1-1", "206 1"},
    };
    for (const auto& [range, expected] : single) {
      const reply r = ask(c, "/a.txt", "Range: " + range + "\r\n");
      EXPECT_EQ(std::to_string(r.status) + " " + (r.status == 416 ? "" : r.body), expected) << range;
      EXPECT_EQ(r.header("content-range") == "bytes */10", r.status == 416);
    }
    EXPECT_EQ(ask(c, "/a.txt", "Range: bytes=2-4\r\n").header("content-range"), "bytes 2-4/10");
    EXPECT_EQ(ask(c, "/a.txt", "Range: bytes=2-4\r\nIf-Range: " + etag + "\r\n").status, 206);
    EXPECT_EQ(ask(c, "/a.txt", "Range: bytes=2-4\r\nIf-Range: " + modified + "\r\n").status, 206);
    EXPECT_EQ(ask(c, "/a.txt", "Range: bytes=2-4\r\nIf-Range: \"x\"\r\n").status, 200);
    const reply several = ask(c, "/a.txt", "Range: bytes=0-1,-2\r\n");
    EXPECT_EQ(several.status, 206);
    const std::string type = several.header("content-type");
    const std::string boundary = type.substr(type.find('=') + 1);
    EXPECT_EQ(
        several.body,
        "--" + boundary + "\r\nContent-Range: bytes 0-1/10\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n01\r\n--" +
            boundary + "\r\nContent-Range: bytes 8-9/10\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n89\r\n--" +
            boundary + "--\r\n");
    EXPECT_EQ(ask(c, "/a.txt", "", "POST").header("allow"), "GET, HEAD");
  });
}

TEST(http_files, nothing_outside_of_the_folder) {
  const folder f;
  std::ofstream(f.root() + "/../secret") << "secret";
  f.put("a.txt", "a");
  f.put("..odd", "odd");
  ::mkdir((f.root() + "/sub dir").c_str(), 0700);
  f.put("sub dir/index.html", "index");
  f.put("sub dir/b.txt", "b");
  ::mkdir((f.root() + "/bare").c_str(), 0700);
  ::mkfifo((f.root() + "/pipe").c_str(), 0600);
  EXPECT_EQ(::symlink("../secret", (f.root() + "/out").c_str()), 0);
  EXPECT_EQ(::symlink("/etc/passwd", (f.root() + "/absolute").c_str()), 0);
  EXPECT_EQ(::symlink("..", (f.root() + "/up").c_str()), 0);
  EXPECT_EQ(::symlink("a.txt", (f.root() + "/in").c_str()), 0);
  in_goroutine([&] {
    service s(http::file_server(f.root()));
    client c(s.address);
    for (const char* path : {"/../secret", "/%2e%2e/secret", "/sub%20dir/..%2f..%2fsecret", "/..", "/a.txt%00.png"}) {
      EXPECT_EQ(ask(c, path).status, 400) << path;
    }
    for (const char* path :
         {"/out", "/absolute", "/up/secret", "/pipe", "/bare/", "/nowhere", "/", "//secret", "/up/"}) {
      EXPECT_EQ(ask(c, path).status, 404) << path;
    }
    EXPECT_EQ(ask(c, "/..odd").body, "odd");
    EXPECT_EQ(ask(c, "/sub%20dir/").body, "index");
    EXPECT_EQ(ask(c, "/sub%20dir/b.txt").body, "b");
    EXPECT_EQ(ask(c, "//sub%20dir").header("location"), "./sub%20dir/");
    EXPECT_EQ(ask(c, "/sub%20dir/index.html").header("location"), "./");
    EXPECT_EQ(ask(c, "/a.txt/").status, 404);
    EXPECT_EQ(ask(c, "/in").body, "a");
  });
}

TEST(http_files, long_ones_and_single_ones) {
  const folder f;
  std::string text(1'000'000, '\0');
  for (std::size_t i = 0; i < text.size(); i++) text[i] = static_cast<char>(i * 7 + i / 1000);
  f.put("long.bin", text);
  in_goroutine([&] {
    service s([&](response& res, request& req) {
      http::serve_file(res, req, f.root() + (req.path() == "/gone" ? "/gone" : "/long.bin"));
    });
    client c(s.address);
    EXPECT_TRUE(ask(c, "/").body == text);
    EXPECT_TRUE(ask(c, "/", "Range: bytes=123456-654321\r\n").body == text.substr(123456, 654321 - 123456 + 1));
    EXPECT_EQ(ask(c, "/gone").status, 404);
  });
}

}  // namespace
