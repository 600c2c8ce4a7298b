#include "runtime/http/watch.hpp"

#include <algorithm>
#include <gofer/runtime.hpp>
#include <gofer/time.hpp>

#include "runtime/http/exchange.hpp"

namespace gofer::http::detail {

using clock = std::chrono::steady_clock;

const context& exchange::request_context() {
  if (!context_) {
    auto [ctx, cancel] = with_cancel_cause(background());
    context_.emplace(live_context{std::move(ctx), std::move(cancel)});
  }
  if (!watcher_ && body_done() && !broken_) watch();
  return context_->ctx;
}

void exchange::watch() {
  // The deadline of reading the head is no sign that the client has left.
  read_deadline_.forget();
  conn_.set_read_deadline(clock::time_point{});
  watcher_ = std::make_shared<watcher>();
  watcher_->conn = conn_;
  go([w = watcher_, cancel = context_->cancel] {
    const result<std::size_t> r = w->conn.read(w->bytes);
    w->got = r.value;
    // A deadline is the exchange's, which wants its connection back. More requests are no reason to leave this one.
    if (r.err && !is(r.err, os::err_deadline_exceeded)) cancel(r.err == io::eof ? context::canceled : r.err);
    w->ended.close();
  });
}

void exchange::end_context() {
  if (watcher_) {
    conn_.set_read_deadline(clock::time_point(std::chrono::nanoseconds(1)));
    watcher_->ended.recv();
    read_deadline_.forget();
    conn_.set_read_deadline(clock::time_point{});
    for (std::size_t done = 0; done < watcher_->got;) {
      const std::span<char> room = in_.room();
      const std::size_t n = std::min(room.size(), watcher_->got - done);
      std::copy_n(watcher_->bytes.data() + done, n, room.data());
      in_.received(n);
      done += n;
    }
    watcher_.reset();
  }
  if (limit_) limit_timer_.stop();
  if (context_) {
    context_->cancel(context::canceled);
    context_.reset();
  }
}

void exchange::begin_limit() {
  limit_.reset();
  too_late_ = false;
  const std::chrono::nanoseconds limit = server_->options.handler_timeout;
  if (limit <= std::chrono::nanoseconds(0)) return;
  limit_ = std::make_shared<time_limit>();
  request_context();
  limit_timer_ = after_func(limit, [l = limit_, conn = conn_, cancel = context_->cancel] {
    if (!l->time_first()) return;
    constexpr std::string_view answer =
        "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 20\r\n"
        "Connection: close\r\n\r\nService Unavailable\n";
    conn.set_write_deadline(clock::now() + std::chrono::seconds(5));
    conn.write(answer);
    conn.close_write();
    cancel(err_handler_timeout);
  });
}

}  // namespace gofer::http::detail
