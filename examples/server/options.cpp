#include "options.hpp"

#include <fmt/format.h>

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace {

constexpr std::string_view help =
    "usage: server [OPTIONS]\n"
    "\n"
    "A small HTTP server, one goroutine per connection. Open it in a browser, hit it with a load generator.\n"
    "\n"
    "  --host HOST      listen on this address; 0.0.0.0 for all of them (environment: HOST; default 127.0.0.1)\n"
    "  --port PORT      and this port; 0 for any that is free (environment: PORT; default 8080)\n"
    "  --drain SECONDS  how long requests may take to finish after SIGINT or SIGTERM (default 5)\n"
    "  --quiet          do not log the stacks of panicking handlers\n"
    "  --help           this\n"
    "\n"
    "Routes: /  /hello  /echo (POST)  /sleep?ms=100  /fib?n=30  /panic  /nil  /throw  /stats\n"
    "GOFER_MAXPROCS sets the number of worker threads.\n";

std::optional<int> to_number(std::string_view text, int most) {
  int n = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), n);
  if (ec != std::errc() || end != text.data() + text.size() || n < 0 || n > most) return std::nullopt;
  return n;
}

std::nullopt_t complain(int& status, const std::string& text) {
  fmt::print(stderr, "server: {}\n", text);
  status = 2;
  return std::nullopt;
}

}  // namespace

std::optional<server_settings> read_settings(int argc, char** argv, int& status) {
  server_settings s;
  std::string port_name = "PORT";
  if (const char* host = std::getenv("HOST"); host != nullptr && *host != '\0') s.host = host;
  if (const char* port = std::getenv("PORT"); port != nullptr && *port != '\0') s.port = port;
  for (int i = 1; i < argc; i++) {
    std::string_view name = argv[i];
    if (name == "--help" || name == "-h") {
      fmt::print("{}", help);
      status = 0;
      return std::nullopt;
    }
    if (name == "--quiet") {
      s.quiet = true;
      continue;
    }
    std::optional<std::string_view> value;
    if (const std::size_t equals = name.find('='); equals != std::string_view::npos) {
      value = name.substr(equals + 1);
      name = name.substr(0, equals);
    }
    if (name != "--host" && name != "--port" && name != "--drain") {
      return complain(status, fmt::format("unknown option {}; server --help names those there are", argv[i]));
    }
    if (!value && i + 1 < argc) value = argv[++i];
    if (!value || value->empty()) return complain(status, fmt::format("{} needs a value; see server --help", name));
    if (name == "--host") {
      s.host = *value;
    } else if (name == "--port") {
      s.port = *value;
      port_name = "--port";
    } else if (const auto seconds = to_number(*value, 3600)) {
      s.drain = std::chrono::seconds(*seconds);
    } else {
      return complain(status, fmt::format("--drain {}: give whole seconds from 0 to 3600", *value));
    }
  }
  if (!to_number(s.port, 65535)) {
    return complain(status,
                    fmt::format("{} is \"{}\", which is no port: give a number from 0 (any that is free) to 65535, "
                                "such as 8080",
                                port_name, s.port));
  }
  return s;
}
