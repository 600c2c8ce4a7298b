// The demo server: routes.cpp says what it answers, this file how it starts and ends.
#include <fmt/format.h>
#include <pthread.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <gofer/chan.hpp>
#include <gofer/http.hpp>
#include <gofer/runtime.hpp>
#include <gofer/select.hpp>
#include <string>
#include <string_view>

#include "live.hpp"
#include "options.hpp"
#include "routes.hpp"

namespace {

/// What to do about an address that cannot be listened on.
std::string_view cure(const gofer::error& err) {
  switch (err.code().value()) {
    case EADDRINUSE:
      return "stop the program that listens there, or choose another port, as in PORT=8081";
    case EACCES:
      return "ports below 1024 need privileges: choose another one, as in PORT=8080";
    case EMFILE:
    case ENFILE:
      return "raise the limit of open files (ulimit -n)";
    default:
      return "HOST must be an address of this machine, as in HOST=127.0.0.1, or HOST=0.0.0.0 for all of them";
  }
}

/// SIGINT and SIGTERM, blocked in all threads and waited for in a goroutine. One drains; one more ends the process at
/// once.
sigset_t ending_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  return set;
}

gofer::chan<int> watch_signals() {
  gofer::chan<int> signals{1};
  gofer::go([signals] {
    const sigset_t set = ending_signals();
    for (bool first = true;; first = false) {
      int number = 0;
      gofer::blocking([&] { sigwait(&set, &number); });
      if (!first) ::_exit(128 + number);
      signals.send(number);
    }
  });
  return signals;
}

int serve(const server_settings& settings) {
  const std::string address = gofer::net::join_host_port(settings.host, settings.port);
  const auto [listener, err] = gofer::net::listen("tcp", address);
  if (err) {
    fmt::print(stderr, "server: {}: {}\n", err.what(), cure(err));
    return 1;
  }
  const gofer::chan<int> signals = watch_signals();

  // Never destroyed: a handler that was cut off may still be running when main returns.
  static live_stats& live = *new live_stats;
  gofer::http::server_options options;
  if (settings.quiet) options.log = [](std::string_view) {};
  static gofer::http::server& server = *new gofer::http::server(make_routes(live), options);
  live.watch(server);

  gofer::chan<gofer::error> served{1};
  gofer::go([served, listener = listener] { served.send(server.serve(listener)); });
  fmt::print("listening on http://{}\n", listener.addr().str());
  std::fflush(stdout);

  int status = 0;
  gofer::select(gofer::recv(served,
                            [&](std::optional<gofer::error> failed) {
                              fmt::print(stderr, "server: {}\n", failed->what());
                              status = 1;
                            }),
                gofer::recv(signals, [&](std::optional<int> number) {
                  fmt::print(stderr, "server: {}: finishing what has begun, for at most {} s\n",
                             *number == SIGINT ? "SIGINT" : "SIGTERM", settings.drain.count());
                  if (server.shutdown(settings.drain)) {
                    fmt::print(stderr, "server: {} connections were cut off\n", server.stats().connections);
                  }
                }));
  server.close();
  return status;
}

}  // namespace

int main(int argc, char** argv) {
  int status = 0;
  const std::optional<server_settings> settings = read_settings(argc, argv, status);
  if (!settings) return status;
  const sigset_t set = ending_signals();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  std::signal(SIGPIPE, SIG_IGN);  // a log that nobody reads any more is no reason to end
  return gofer::run([&] { return serve(*settings); });
}
