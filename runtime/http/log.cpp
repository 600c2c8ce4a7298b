// Where log records go when server_options says nothing: to stderr, whole, without holding up other goroutines when
// nobody reads it.
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>
#include <gofer/runtime.hpp>
#include <mutex>
#include <string>

#include "runtime/http/state.hpp"

namespace gofer::http::detail {

namespace {

// Held inside blocking() only, where the thread may wait. A record longer than a pipe takes at once would else be mixed
// with others.
constinit std::mutex one_at_a_time;

void write_to_stderr(std::string_view record) {
  const std::lock_guard lock(one_at_a_time);
  while (!record.empty()) {
    const ssize_t n = ::write(STDERR_FILENO, record.data(), record.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return;  // a full disk or nobody there: there is no better place to complain to
    record.remove_prefix(static_cast<std::size_t>(n));
  }
}

}  // namespace

void server_state::log(std::string_view record) const {
  if (options.log) return options.log(record);
  const std::time_t now = std::time(nullptr);
  std::tm t{};
  ::localtime_r(&now, &t);
  const std::string text = fmt::format("{}/{:02}/{:02} {:02}:{:02}:{:02} {}", t.tm_year + 1900, t.tm_mon + 1, t.tm_mday,
                                       t.tm_hour, t.tm_min, t.tm_sec, record);
  blocking([&] { write_to_stderr(text); });
}

}  // namespace gofer::http::detail
