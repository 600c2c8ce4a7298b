// A server with two routes, a client that asks it three things, and an orderly end.
#include <cstdio>
#include <gofer/gofer.hpp>
#include <gofer/http.hpp>
#include <string>
#include <string_view>

namespace {

/// Sends one request and returns the answer's first line and its body.
gofer::result<std::string> ask(const std::string& address, std::string_view path) {
  auto [conn, err] = gofer::net::dial("tcp", address);
  if (err) return {{}, err};
  const std::string request = "GET " + std::string(path) + " HTTP/1.1\r\nHost: example\r\nConnection: close\r\n\r\n";
  if (auto sent = conn.write(request); sent.err) return {{}, sent.err};
  auto [answer, failed] = gofer::io::read_all(conn);
  if (failed) return {{}, failed};
  return {answer.substr(0, answer.find('\r')) + ": " + answer.substr(answer.find("\r\n\r\n") + 4), {}};
}

}  // namespace

int main() {
  return gofer::run([] {
    gofer::http::serve_mux mux;
    mux.handle("GET /hello/{name}", [](gofer::http::response& res, gofer::http::request& req) {
      res.write("Hello, " + std::string(req.path_value("name")) + "!\n");
    });
    mux.handle("GET /fragile", [](gofer::http::response&, gofer::http::request&) { gofer::panic("broken"); });

    gofer::http::server_options options;
    options.log = [](std::string_view record) {
      std::printf("logged: %.*s\n", static_cast<int>(record.find('\n')), record.data());
    };
    gofer::http::server server(mux, options);
    const auto listener = gofer::must(gofer::net::listen("tcp", "127.0.0.1:0"));
    gofer::chan<gofer::error> served{1};
    gofer::go([&server, served, listener] { served.send(server.serve(listener)); });

    for (const char* path : {"/hello/gopher", "/fragile", "/hello/again"}) {
      std::printf("%s", gofer::must(ask(listener.addr().str(), path)).c_str());
    }
    gofer::must(server.shutdown(std::chrono::seconds(5)));
    std::printf("%s\n", served.recv()->what().c_str());
  });
}
