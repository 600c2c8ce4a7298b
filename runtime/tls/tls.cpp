// The handles, and how they are made.
#include <gofer/context.hpp>
#include <gofer/tls.hpp>
#include <memory>
#include <mutex>
#include <utility>

#include "runtime/tls/session.hpp"

namespace gofer::tls {

using detail::engine;
using detail::session;

namespace {

/// A listener below, and the config in use.
class tls_acceptor final : public net::detail::acceptor {
 public:
  tls_acceptor(net::listener below, std::shared_ptr<const engine> e)
      : below_(std::move(below)), engine_(std::move(e)) {}

  conn wrap(net::conn accepted) {
    return conn(net::detail::handle<net::detail::stream>(new session(std::move(accepted), current())));
  }
  result<net::conn> accept(const context* ctx) override {
    result<net::conn> accepted = ctx != nullptr ? below_.accept(*ctx) : below_.accept();
    if (accepted.err) return accepted;
    return {wrap(std::move(accepted.value)), {}};
  }
  error close() override { return below_.close(); }
  error set_deadline(std::int64_t ns, unsigned) override {
    return below_.set_deadline(std::chrono::steady_clock::time_point(std::chrono::nanoseconds(ns)));
  }
  net::addr addr() const override { return below_.addr(); }

  const net::listener& below() const { return below_; }
  void use(std::shared_ptr<const engine> e) {
    const std::lock_guard lock(mu_);
    engine_.swap(e);
  }

 private:
  std::shared_ptr<const engine> current() {
    const std::lock_guard lock(mu_);
    return engine_;
  }

  const net::listener below_;
  std::mutex mu_;  // for copying a pointer
  std::shared_ptr<const engine> engine_;
};

conn on(net::conn inner, const config& c, engine::side side) {
  auto e = std::make_shared<const engine>(c, side);
  return conn(net::detail::handle<net::detail::stream>(new session(std::move(inner), std::move(e))));
}

}  // namespace

error conn::handshake() const {
  auto* s = static_cast<session*>(stream());
  return s != nullptr ? s->handshake() : net::err_closed;
}

error conn::handshake(const context& ctx) const {
  auto* s = static_cast<session*>(stream());
  return s != nullptr ? s->handshake(ctx) : net::err_closed;
}

connection_state conn::connection_state() const {
  auto* s = static_cast<session*>(stream());
  return s != nullptr ? s->state() : tls::connection_state{};
}

result<conn> listener::accept() const {
  auto* a = static_cast<tls_acceptor*>(acceptor());
  if (a == nullptr) return {{}, net::listener::accept().err};
  result<net::conn> accepted = a->below().accept();
  if (accepted.err) return {{}, std::move(accepted.err)};
  return {a->wrap(std::move(accepted.value)), {}};
}

error listener::reload(const config& c) const {
  auto* a = static_cast<tls_acceptor*>(acceptor());
  if (a == nullptr) return net::err_closed;
  auto e = std::make_shared<const engine>(c, engine::side::server);
  if (e->err()) return e->err();
  a->use(std::move(e));
  return {};
}

result<listener> new_listener(net::listener inner, const config& c) {
  auto e = std::make_shared<const engine>(c, engine::side::server);
  if (e->err()) return {{}, e->err()};
  return {listener(net::detail::handle<net::detail::acceptor>(new tls_acceptor(std::move(inner), std::move(e)))), {}};
}

result<listener> listen(std::string_view network, std::string_view address, const config& c) {
  auto e = std::make_shared<const engine>(c, engine::side::server);
  if (e->err()) return {{}, e->err()};
  result<net::listener> inner = net::listen(network, address);
  if (inner.err) return {{}, std::move(inner.err)};
  auto* a = new tls_acceptor(std::move(inner.value), std::move(e));
  return {listener(net::detail::handle<net::detail::acceptor>(a)), {}};
}

result<conn> dial(std::string_view network, std::string_view address, const config& c, const context& ctx) {
  config named = c;
  if (named.server_name.empty()) {
    const auto [parts, err] = net::split_host_port(address);
    named.server_name = err ? std::string(address) : parts.first;
  }
  result<net::conn> inner = net::dial(network, address, ctx);
  if (inner.err) return {{}, std::move(inner.err)};
  conn secured = client(std::move(inner.value), named);
  if (error err = secured.handshake(ctx)) {
    secured.close();
    return {{}, std::move(err)};
  }
  return {std::move(secured), {}};
}

result<conn> dial(std::string_view network, std::string_view address, const config& c) {
  return dial(network, address, c, background());
}

result<conn> dial(std::string_view network, std::string_view address, const config& c,
                  std::chrono::nanoseconds timeout) {
  const auto [ctx, cancel] = with_timeout(background(), timeout);
  result<conn> dialled = dial(network, address, c, ctx);
  cancel();
  return dialled;
}

conn client(net::conn inner, const config& c) { return on(std::move(inner), c, engine::side::client); }
conn server(net::conn inner, const config& c) { return on(std::move(inner), c, engine::side::server); }

}  // namespace gofer::tls
