// HTTP over TLS: gofer's server and client with each other, and with curl.
#include <gmock/gmock.h>

#include <cstdlib>

#include "http_client.hpp"
#include "tls_util.hpp"

namespace {

using namespace http_testing;
namespace http = gofer::http;
using testing::HasSubstr;
using tls_test::authority;
using tls_test::client_config;

/// A server on a TLS listener.
struct secure_service {
  explicit secure_service(http::handler h, std::chrono::nanoseconds patience = 20s)
      : server(std::move(h), options(patience)) {
    gofer::go([this] { ended.send(server.serve_tls(listener, tls_test::server_config())); });
  }
  ~secure_service() {
    server.close();
    EXPECT_EQ(*ended.recv(), http::err_server_closed);
  }
  server_options options(std::chrono::nanoseconds patience) {
    server_options o;
    o.read_header_timeout = patience;
    o.log = [this](std::string_view record) {
      const std::lock_guard lock(mu);
      log += record;
    };
    return o;
  }
  std::string logged() {
    const std::lock_guard lock(mu);
    return log;
  }

  gofer::mutex mu;
  std::string log;
  gofer::net::listener listener = gofer::must(gofer::net::listen("tcp", "127.0.0.1:0"));
  std::string address = listener.addr().str();
  gofer::chan<gofer::error> ended{1};
  http::server server;
};

std::shared_ptr<const gofer::tls::config> trust() {
  auto c = std::make_shared<gofer::tls::config>(client_config());
  c->server_name.clear();
  return c;
}

TEST(https, server_and_client) {
  in_goroutine([] {
    secure_service s([](response& res, request& req) { EXPECT_FALSE(gofer::io::copy(res, req).err); });
    const http::client c({.tls = trust()});
    for (int i = 0; i < 5; i++) {
      const std::string sent(static_cast<std::size_t>(i) * 100'000, 'x');
      auto r = c.post("https://" + s.address + "/", "a/b", sent);
      ASSERT_FALSE(r.err) << r.err;
      EXPECT_TRUE(gofer::must(r.value.body()) == sent);
    }
    EXPECT_EQ(s.server.stats().accepted, 1U);
    const gofer::error err = http::client().get("https://" + s.address).err;
    EXPECT_THAT(err.what(),
                HasSubstr("Get \"https://" + s.address +
                          "\": tls: failed to verify certificate: x509: certificate signed by unknown authority"));
    for (int i = 0; i < 2000 && s.logged().empty(); i++) gofer::sleep(1ms);
    EXPECT_THAT(s.logged(), HasSubstr("http: TLS handshake error from 127.0.0.1:"));
    c.close_idle();
  });
}

TEST(https, a_listener_of_tls_is_served_as_it_is) {
  in_goroutine([] {
    const auto l = gofer::must(gofer::tls::listen("tcp", "127.0.0.1:0", tls_test::server_config()));
    http::server server(hello);
    gofer::chan<gofer::error> ended{1};
    gofer::go([&] { ended.send(server.serve(l)); });
    auto r = http::client({.tls = trust()}).get("https://" + l.addr().str());
    ASSERT_FALSE(r.err) << r.err;
    EXPECT_EQ(gofer::must(r.value.body()), "Hello, World!\n");
    r.value.close();
    EXPECT_FALSE(server.shutdown(10s));
    EXPECT_EQ(*ended.recv(), http::err_server_closed);
  });
}

TEST(https, who_speaks_http_is_told_so_and_who_says_nothing_is_not_kept) {
  in_goroutine([] {
    secure_service s(hello);
    secure_service hasty(hello, 50ms);
    client plain(s.address);
    const reply r = plain.get("/");
    EXPECT_EQ(r.status, 400);
    EXPECT_EQ(r.body, "Client sent an HTTP request to an HTTPS server.\n");
    client silent(hasty.address);
    EXPECT_TRUE(silent.closed());
    EXPECT_THAT(s.logged(), HasSubstr("tls: first record does not look like a TLS handshake"));
    EXPECT_THAT(hasty.logged(), HasSubstr("i/o timeout"));
  });
}

TEST(https, curl) {
  if (std::system("command -v curl >/dev/null") != 0) GTEST_SKIP() << "no curl command (package curl)";
  const tls_test::scratch folder;
  const std::string ca = folder.file("ca.pem", authority().certificate);
  in_goroutine([&] {
    secure_service s(echo);
    for (const char* version : {"--tls-max 1.2", "--tlsv1.3"}) {
      const std::string command = "curl -sS --max-time 60 " + std::string(version) + " --cacert " + ca +
                                  " -d hello https://" + s.address + "/ https://" + s.address +
                                  "/ | grep -q hellohello";
      EXPECT_EQ(gofer::blocking([&] { return std::system(command.c_str()); }), 0) << command;
    }
    EXPECT_EQ(s.server.stats().accepted, 2U);
  });
}

}  // namespace
