// http::server: starts and ends what server_state keeps.
#include <gofer/chan.hpp>
#include <gofer/context.hpp>
#include <gofer/http.hpp>
#include <gofer/panic.hpp>
#include <gofer/select.hpp>
#include <utility>

#include "runtime/http/state.hpp"

namespace gofer::http {

server::server(handler h, server_options options) {
  if (!h) panic("http: server without a handler");
  state_ = std::make_shared<detail::server_state>(std::move(h), std::move(options));
}

server::~server() {
  if (state_) state_->close();
}

error server::serve(net::listener listener) {
  // The connections keep the state alive, and so does this call: the server may be destroyed meanwhile.
  const std::shared_ptr<detail::server_state> state = state_;
  return state->serve(std::move(listener));
}

error server::shutdown(std::chrono::nanoseconds timeout) {
  const std::shared_ptr<detail::server_state> state = state_;
  state->drain();
  error err;
  select(recv(state->drained(), [](auto&&) {}), after(timeout, [&] { err = os::err_deadline_exceeded; }));
  return err;
}

error server::shutdown(const context& ctx) {
  const std::shared_ptr<detail::server_state> state = state_;
  state->drain();
  error err;
  select(recv(state->drained(), [](auto&&) {}), recv(ctx.done(), [&](auto&&) { err = ctx.err(); }));
  return err;
}

void server::close() { state_->close(); }

server_stats server::stats() const { return state_->stats(); }

}  // namespace gofer::http
