// The parts of the HTTP server that need no connection: parser, URLs, dates, histogram, patterns.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <gofer/http.hpp>
#include <random>
#include <string>
#include <vector>

#include "runtime/http/date.hpp"
#include "runtime/http/input.hpp"
#include "runtime/http/mux.hpp"
#include "runtime/http/parser.hpp"
#include "runtime/http/url.hpp"

namespace {

using gofer::http::latency_histogram;
using gofer::http::detail::parser;

constexpr std::size_t max_header = 8192;

struct parsed {
  int refusal = 0;
  bool done = false;
  std::size_t head = 0;  // bytes consumed
};

/// Gives the parser `text` in pieces of this size, as a connection would.
parsed take(parser& p, const std::string& text, std::size_t piece, std::uint64_t max_body = 1000) {
  p.reset(max_header, max_body);
  parsed r;
  for (std::size_t have = 0; have < text.size() && !r.done;) {
    have = std::min(text.size(), have + piece);
    const parser::step s = p.take_head(std::string_view(text).substr(r.head, have - r.head), r.head);
    r.head += s.consumed;
    r.refusal = s.refusal;
    r.done = p.head_done() || s.refusal != 0;
  }
  return r;
}

TEST(http_parser, head_in_pieces) {
  const std::string text =
      "POST /echo?x=1 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nX-Empty:\r\nX-Space: \t b c \t\r\n\r\nhello";
  parser p;
  for (std::size_t piece = 1; piece <= text.size(); piece++) {
    const parsed r = take(p, text, piece);
    ASSERT_TRUE(r.done) << piece;
    EXPECT_EQ(r.refusal, 0);
    EXPECT_EQ(text.substr(r.head), "hello");
    EXPECT_EQ(p.method().of(text.data()), "POST");
    EXPECT_EQ(p.target().of(text.data()), "/echo?x=1");
    EXPECT_EQ(p.version(), 11);
    EXPECT_EQ(p.content_length(), 5U);
    EXPECT_TRUE(p.keep_alive());
    ASSERT_EQ(p.fields().size(), 4U);
    EXPECT_EQ(p.fields()[0].name.of(text.data()), "Host");
    EXPECT_EQ(p.fields()[2].value.of(text.data()), "");
    EXPECT_EQ(p.fields()[3].value.of(text.data()), "b c");
  }
}

TEST(http_parser, refuses) {
  const std::pair<int, std::string> cases[] = {
      {400, "GET / HTTP/1.1\r\n\r\n"},                                    // no Host
      {400, "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"},              // two
      {400, "GET  / HTTP/1.1\r\nHost: a\r\n\r\n"},                        // two spaces
      {400, "G@T / HTTP/1.1\r\nHost: a\r\n\r\n"},                         //
      {400, "GET /\x01 HTTP/1.1\r\nHost: a\r\n\r\n"},                     // control character
      {400, "GET / HTTP/1.1\r\nHost : a\r\n\r\n"},                        // space before the colon
      {400, "GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n"},           // folded
      {400, "GET / HTTP/1.1\r\nHost: a\r\nX: \x7f\r\n\r\n"},              //
      {400, "GET / HTTPS\r\nHost: a\r\n\r\n"},                            //
      {505, "GET / HTTP/2.0\r\nHost: a\r\n\r\n"},                         //
      {505, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"},                          //
      {400, "\x16\x03\x01\x02\x01\x01\x01\xfc\x03\x03 a client of TLS"},  //
      {400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n"},
      {400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5, 6\r\n\r\n"},
      {400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n"},
      {400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\n"},
      {400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x10\r\n\r\n"},
      {400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n"},
      {400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999999\r\n\r\n"},
      {400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"},
      {400, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n"},
      {400, "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"},
      {501, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n"},
      {501, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"},
      {501, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n"},
      {400, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"},
      {413, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1001\r\n\r\n"},
      {417, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 200-ok\r\n\r\n"},
      {431, "GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(max_header, 'x') + "\r\n\r\n"},
  };
  parser p;
  for (const auto& [status, text] : cases) {
    for (const std::size_t piece : {text.size(), std::size_t{1}, std::size_t{7}}) {
      EXPECT_EQ(take(p, text, piece).refusal, status) << text.substr(0, 80) << " in pieces of " << piece;
    }
  }
  // Beast waits for an end of the head that never comes when this comes in pieces: it ends in a time-out.
  const std::string bare = "GET / HTTP/1.1\nHost: a\n\n";
  EXPECT_EQ(take(p, bare, bare.size()).refusal, 400);
}

/// What a chunked body decodes to when it comes in pieces and is read in pieces.
std::string decode(parser& p, const std::string& text, std::size_t piece, std::size_t want, int& refusal,
                   std::size_t& consumed) {
  std::string out;
  refusal = 0;
  consumed = 0;
  for (std::size_t have = 0; !p.body_done() && refusal == 0;) {
    std::string into(want, '\0');
    std::size_t got = 0;
    const parser::step s = p.take_chunks(std::string_view(text).substr(consumed, have - consumed), into, got);
    consumed += s.consumed;
    refusal = s.refusal;
    out += into.substr(0, got);
    if (s.consumed == 0 && got == 0 && refusal == 0) {
      if (have == text.size()) break;
      have = std::min(text.size(), have + piece);
    }
  }
  return out;
}

TEST(http_parser, chunks_in_pieces) {
  const std::string head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
  const std::pair<std::string, std::string> bodies[] = {
      {"0\r\n\r\n", ""},  // Beast asserts on this one when it comes byte by byte
      {"5\r\nhello\r\n0\r\n\r\n", "hello"},
      {"1;a=b\r\nx\r\n00a\r\n0123456789\r\n0;last\r\nTrailer: t\r\n\r\n", "x0123456789"},
  };
  parser p;
  for (const auto& [encoded, plain] : bodies) {
    for (std::size_t piece = 1; piece <= encoded.size(); piece++) {
      for (const std::size_t want : {std::size_t{1}, std::size_t{3}, std::size_t{100}}) {
        ASSERT_EQ(take(p, head, 1000).refusal, 0);
        ASSERT_TRUE(p.chunked());
        int refusal = 0;
        std::size_t consumed = 0;
        EXPECT_EQ(decode(p, encoded + "GET", piece, want, refusal, consumed), plain);
        EXPECT_EQ(refusal, 0);
        EXPECT_TRUE(p.body_done());
        EXPECT_EQ(consumed, encoded.size());
      }
    }
  }
}

TEST(http_parser, refuses_chunks) {
  const std::string head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
  const std::pair<int, std::string> bodies[] = {
      {400, "xyz\r\nhello\r\n0\r\n\r\n"},      {400, "5\r\nhelloXX0\r\n\r\n"},
      {400, "5 hello\r\n0\r\n\r\n"},           {400, "-5\r\nhello\r\n0\r\n\r\n"},
      {400, "5\nhello\n0\n\n      \r\n\r\n"},  {400, "0\r\n: no name\r\n\r\n"},
      {413, "3e9\r\nhello\r\n0\r\n\r\n"},      {413, "ffffffffffffffff\r\nhello\r\n"},
      {400, "fffffffffffffffff\r\nhello\r\n"}, {400, "5;\r\nhello\r\n0\r\n\r\n"},
      {400, "5\rhello\r\n0\r\n\r\n"},
  };
  parser p;
  for (const auto& [status, encoded] : bodies) {
    for (const std::size_t piece : {encoded.size(), std::size_t{1}}) {
      ASSERT_EQ(take(p, head, 1000).refusal, 0);
      int refusal = 0;
      std::size_t consumed = 0;
      decode(p, encoded, piece, 100, refusal, consumed);
      EXPECT_EQ(refusal, status) << encoded << " in pieces of " << piece;
    }
  }
}

TEST(http_parser, survives_garbage) {
  const std::vector<std::string> seeds = {
      "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5;x=\"y\"\r\nhello\r\n0\r\nT: u\r\n\r\n",
      "GET /x?y=%20 HTTP/1.0\r\nConnection: keep-alive, upgrade\r\nContent-Length: 3\r\n\r\nabc",
  };
  std::mt19937 random(20240607);
  parser p;
  for (int round = 0; round < 20000; round++) {
    std::string text = seeds[random() % seeds.size()];
    for (unsigned n = random() % 4 + 1; n > 0; n--) {
      const std::size_t at = random() % text.size();
      switch (random() % 4) {
        case 0:
          text[at] = static_cast<char>(random());
          break;
        case 1:
          text.erase(at, random() % 5);
          break;
        case 2:
          text.insert(at, text.substr(random() % text.size(), random() % 9));
          break;
        default:
          text[at] = "\r\n:; 0,\t"[random() % 8];
          break;
      }
      if (text.empty()) text = "x";
    }
    const std::size_t piece = random() % text.size() + 1;
    const parsed r = take(p, text, piece);
    if (!p.head_done() || r.refusal != 0) continue;
    ASSERT_LE(r.head, text.size());
    if (!p.chunked()) continue;
    int refusal = 0;
    std::size_t consumed = 0;
    decode(p, text.substr(r.head), piece, random() % 7 + 1, refusal, consumed);
    ASSERT_LE(consumed, text.size() - r.head);
  }
}

TEST(http_input, grows_moves_and_shrinks) {
  gofer::http::detail::input in;
  std::string sent, seen;
  std::mt19937 random(7);
  for (int i = 0; i < 2000; i++) {
    const std::span<char> room = in.room();
    ASSERT_GE(room.size(), 1024U);
    const std::size_t n = random() % room.size() + 1;
    for (std::size_t k = 0; k < n; k++) sent.push_back(room[k] = static_cast<char>(random()));
    in.received(n);
    // Now and then a lot is left, so that it must grow; now and then nothing.
    const std::size_t take = i % 50 == 49 ? in.size() : random() % (in.size() + 1);
    seen += in.pending().substr(0, take);
    in.consume(take);
    if (i % 7 == 0) in.shrink();
  }
  seen += in.pending();
  EXPECT_EQ(seen, sent);
}

TEST(http_url, unescape) {
  const auto decode_path = [](std::string_view text) {
    std::string out;
    return gofer::http::detail::unescape(text, false, out) ? out : "malformed";
  };
  EXPECT_EQ(decode_path("/a%20b%2fc%C3%bc+"), "/a b/c\xc3\xbc+");
  EXPECT_EQ(decode_path("%"), "malformed");
  EXPECT_EQ(decode_path("%1"), "malformed");
  EXPECT_EQ(decode_path("%g1"), "malformed");
  EXPECT_EQ(decode_path("%%"), "malformed");
}

TEST(http_url, split_target) {
  const auto path_and_query = [](std::string_view target) {
    const auto parts = gofer::http::detail::split_target(target);
    return std::string(parts.path) + " " + std::string(parts.query);
  };
  EXPECT_EQ(path_and_query("/a/b?c=d?e"), "/a/b c=d?e");
  EXPECT_EQ(path_and_query("/"), "/ ");
  EXPECT_EQ(path_and_query("http://host:1/a?b"), "/a b");
  EXPECT_EQ(path_and_query("http://host"), "/ ");
  EXPECT_EQ(path_and_query("http://host?x=/y"), "/ x=/y");
  EXPECT_EQ(path_and_query("*"), "* ");
  EXPECT_EQ(path_and_query("host:443"), " ");
}

TEST(http_url, query_values) {
  using gofer::http::detail::find_query_value;
  EXPECT_EQ(find_query_value("a=1&b=2+3&a=4", "a"), "1");
  EXPECT_EQ(find_query_value("a=1&b=2+3&a=4", "b"), "2 3");
  EXPECT_EQ(find_query_value("%61=x%26y", "a"), "x&y");
  EXPECT_EQ(find_query_value("a&b=", "a"), "");
  EXPECT_EQ(find_query_value("a&b=", "b"), "");
  EXPECT_EQ(find_query_value("a=%zz&a=2", "a"), "2");
  EXPECT_EQ(find_query_value("&&&", "a"), std::nullopt);
  EXPECT_EQ(find_query_value("", "a"), std::nullopt);
}

TEST(http_date, rfc_form) {
  const auto text = [](std::time_t t) {
    const auto date = gofer::http::detail::format_date(t);
    return std::string(date.data(), date.size());
  };
  EXPECT_EQ(text(784111777), "Sun, 06 Nov 1994 08:49:37 GMT");
  EXPECT_EQ(text(951782400), "Tue, 29 Feb 2000 00:00:00 GMT");
  EXPECT_EQ(text(4102444799), "Thu, 31 Dec 2099 23:59:59 GMT");
}

TEST(http_date, cache_says_now) {
  gofer::http::detail::date_cache cache;
  for (int i = 0; i < 1000; i++) {
    const std::time_t before = std::time(nullptr);
    std::string text;
    cache.append_to(text);
    const std::time_t after = std::time(nullptr);
    const auto first = gofer::http::detail::format_date(before);
    const auto second = gofer::http::detail::format_date(after);
    EXPECT_TRUE(text == std::string(first.data(), 29) || text == std::string(second.data(), 29)) << text;
  }
}

TEST(http_histogram, quantiles_are_near) {
  using std::chrono::nanoseconds;
  std::mt19937_64 random(1);
  std::vector<std::int64_t> all;
  latency_histogram h;
  for (int i = 0; i < 100000; i++) {
    const auto ns = static_cast<std::int64_t>(std::exp2(10.5 + 24 * static_cast<double>(random() % 1000) / 1000));
    all.push_back(ns);
    h.counts[latency_histogram::bucket_of(nanoseconds(ns))]++;
  }
  std::sort(all.begin(), all.end());
  EXPECT_EQ(h.total(), all.size());
  for (const double q : {0.01, 0.25, 0.5, 0.9, 0.99, 0.999}) {
    const auto truth = static_cast<double>(all[static_cast<std::size_t>(std::ceil(q * 1e5)) - 1]);
    EXPECT_NEAR(static_cast<double>(h.quantile(q).count()), truth, truth * 0.0626) << q;
  }
}

TEST(http_histogram, edges) {
  using std::chrono::nanoseconds;
  latency_histogram h;
  EXPECT_EQ(h.quantile(0.5).count(), 0);
  for (std::int64_t ns = 0; ns < (std::int64_t{1} << 40); ns = ns * 3 / 2 + 1) {
    ASSERT_LT(latency_histogram::bucket_of(nanoseconds(ns)), latency_histogram::buckets);
  }
  EXPECT_EQ(latency_histogram::bucket_of(nanoseconds(-5)), 0U);
  h.counts[latency_histogram::bucket_of(std::chrono::hours(1))] = 1;
  EXPECT_EQ(h.quantile(1), nanoseconds(std::int64_t{1} << 36));
  EXPECT_EQ(h.since(h).total(), 0U);
}

TEST(http_patterns, malformed_ones) {
  using gofer::http::detail::parse_pattern;
  for (const char* pattern : {"", "hello", "GET", "GET hello", " /a", "/a/{$}/b", "/{x...}/b", "/{}", "/{...}", "/a{x}",
                              "/{x}b", "/a//b/{x...}/"}) {
    std::string problem;
    parse_pattern(pattern, problem);
    EXPECT_NE(problem, "") << pattern;
  }
  for (const char* pattern : {"/", "/{$}", "GET /", "GET  /a/{b}/c/{d...}", "/a/", "/a//b"}) {
    std::string problem;
    parse_pattern(pattern, problem);
    EXPECT_EQ(problem, "") << pattern;
  }
}

}  // namespace
