// net::conn under Asio's and Beast's synchronous functions.

// Asio's fences, which only its asynchronous half uses.
#if defined(__SANITIZE_THREAD__)
#pragma GCC diagnostic ignored "-Wtsan"
#endif

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/streambuf.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/websocket.hpp>
#include <gofer/asio.hpp>
#include <gofer/sync.hpp>
#include <istream>

#include "net_util.hpp"

namespace {

using namespace net_test;
namespace net = gofer::net;
namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;

static_assert(beast::is_sync_read_stream<net::conn>::value);
static_assert(beast::is_sync_write_stream<net::conn>::value);

TEST(Asio, ReadAndWriteBufferSequences) {
  on_procs([] {
    const pair p = connected();
    const std::string head = "head ";
    const std::string body(10'000, 'b');
    const std::array<asio::const_buffer, 4> out = {asio::buffer(head), asio::const_buffer(), asio::buffer(body),
                                                   asio::buffer(head)};
    gofer::wait_group writer;
    writer.go([&] { EXPECT_EQ(asio::write(p.client, out), 10'010u); });
    std::array<char, 3> a{};
    std::string b(10'007, '\0');
    const std::array<asio::mutable_buffer, 2> in = {asio::buffer(a), asio::buffer(b)};
    EXPECT_EQ(asio::read(p.server, in), 10'010u);
    EXPECT_EQ(std::string(a.data(), 3) + b, head + body + head);
    writer.wait();
  });
}

TEST(Asio, ReadUntil) {
  on_procs([] {
    const pair p = connected();
    gofer::must(p.client.write("first\nsecond\n"));
    asio::streambuf buffer;
    asio::read_until(p.server, buffer, '\n');
    std::istream in(&buffer);
    std::string line;
    std::getline(in, line);
    EXPECT_EQ(line, "first");
  });
}

TEST(Asio, Errors) {
  on_procs([] {
    const pair p = connected();
    boost::system::error_code ec;
    char c;
    p.client.set_read_deadline(clock::now() + 2ms);
    EXPECT_EQ(p.client.read_some(asio::buffer(&c, 1), ec), 0u);
    EXPECT_EQ(ec, asio::error::timed_out);
    p.client.close();
    p.client.read_some(asio::buffer(&c, 1), ec);
    EXPECT_EQ(ec, asio::error::operation_aborted);
    p.server.read_some(asio::buffer(&c, 1), ec);
    EXPECT_EQ(ec, asio::error::eof);
    EXPECT_THROW(p.server.read_some(asio::buffer(&c, 1)), boost::system::system_error);
    p.server.write_some(asio::buffer("x", 1), ec);
    for (int i = 0; i < 100 && !ec; i++) p.server.write_some(asio::buffer("x", 1), ec);
    EXPECT_TRUE(ec == asio::error::broken_pipe || ec == asio::error::connection_reset) << ec.message();
  });
}

TEST(Asio, BeastHttp) {
  on_procs([] {
    const pair p = connected();
    gofer::go([c = p.server] {
      beast::flat_buffer buffer;
      for (;;) {
        http::request<http::string_body> request;
        boost::system::error_code ec;
        http::read(c, buffer, request, ec);
        if (ec) {
          EXPECT_EQ(ec, http::error::end_of_stream);
          return;
        }
        http::response<http::string_body> response(http::status::ok, request.version());
        response.body() = std::string(request.target()) + ":" + request.body();
        response.keep_alive(request.keep_alive());
        response.prepare_payload();
        http::write(c, response);
      }
    });
    beast::flat_buffer buffer;
    for (const std::size_t size : {0u, 10u, 100'000u}) {
      http::request<http::string_body> request(http::verb::post, "/echo", 11);
      request.body() = std::string(size, 'q');
      request.prepare_payload();
      http::write(p.client, request);
      http::response<http::string_body> response;
      http::read(p.client, buffer, response);
      EXPECT_EQ(response.body(), "/echo:" + std::string(size, 'q'));
    }
    p.client.close();
  });
}

TEST(Asio, BeastWebSocket) {
  on_procs([] {
    const pair p = connected();
    gofer::wait_group done;
    done.go([c = p.server] {
      beast::websocket::stream<net::conn> ws(c);
      ws.accept();
      beast::flat_buffer buffer;
      for (;;) {
        boost::system::error_code ec;
        ws.read(buffer, ec);
        if (ec) {
          EXPECT_EQ(ec, beast::websocket::error::closed) << ec.message();
          return;
        }
        ws.text(ws.got_text());
        ws.write(buffer.data());
        buffer.consume(buffer.size());
      }
    });
    beast::websocket::stream<net::conn> ws(p.client);
    ws.handshake("localhost", "/");
    for (const std::size_t size : {1u, 1000u, 100'000u}) {
      ws.write(asio::buffer(std::string(size, 'w')));
      beast::flat_buffer buffer;
      ws.read(buffer);
      EXPECT_EQ(beast::buffers_to_string(buffer.data()), std::string(size, 'w'));
    }
    ws.close(beast::websocket::close_code::normal);
    done.wait();
  });
}

}  // namespace
