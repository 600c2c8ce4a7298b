// A TLS connection: OpenSSL's SSL, a wire, and the connection below.
//
// Rejected: SSL on the descriptor (it would block the thread), and one lock around everything (a reader that waits for
// the network would keep the writer out). The rule: ssl_mu_ is held for calls of OpenSSL only, never while anything
// waits for the network, so that nothing of OpenSSL lives on a stack that parks. A call that wants bytes returns; the
// session receives them and calls again.
//
// Locks, in this order: handshake_mu_, then read_mu_ or write_mu_ (one reader, one writer), then out_mu_ (who sends:
// bytes must leave in the order in which OpenSSL made them), then ssl_mu_.
//
// Both directions make bytes to send: a reader too, when the peer changes keys. It must not wait for a writer that
// waits for the peer, so it only tries for out_mu_; whoever has it looks again after letting go (flush).
#pragma once

#include <atomic>
#include <gofer/context.hpp>
#include <gofer/net.hpp>
#include <gofer/sync.hpp>
#include <gofer/tls.hpp>
#include <memory>
#include <string>
#include <vector>

#include "runtime/tls/engine.hpp"
#include "runtime/tls/wire.hpp"

namespace gofer::tls::detail {

class session final : public net::detail::stream {
 public:
  session(net::conn below, std::shared_ptr<const engine> e);
  ~session() override;

  result<std::size_t> read(std::span<char> into, const context* ctx) override;
  result<std::size_t> write(std::span<const char> from, const context* ctx) override;
  result<std::string> read_line(std::size_t max, const context* ctx) override;
  error close() override;
  error close_write() override;
  error set_deadline(std::int64_t ns, unsigned which) override;
  net::addr local_addr() const override { return below_.local_addr(); }
  net::addr remote_addr() const override { return below_.remote_addr(); }
  error handshake(std::chrono::nanoseconds timeout) override;
  error handshake();
  error handshake(const context& ctx);
  bool quiet() override;

  tls::connection_state state();
  const net::conn& below() const { return below_; }

 private:
  /// How a call of OpenSSL ended.
  struct step {
    int code = SSL_ERROR_NONE;  // SSL_get_error's
    error err;                  // for SSL_ERROR_SSL
  };
  template <class F>
  step call(F f);

  error handshake(const context* ctx) { return ctx != nullptr ? handshake(*ctx) : handshake(); }
  error make_handshake();
  error verify_connection();
  error choose_certificate();
  error receive(const context* ctx);
  error receive_first();
  result<std::size_t> pull(std::span<char> into, bool peek, const context* ctx);
  error flush(bool wait, const context* ctx = nullptr);
  error failure(const openssl_error& why, const SSL* ssl) const;
  error closed_here(const char* op) const;
  void say_goodbye(std::chrono::nanoseconds patience);
  tls::connection_state state_locked() const;

  const net::conn below_;
  const std::shared_ptr<const engine> engine_;
  std::atomic<bool> closed_{false};
  std::atomic<bool> established_{false};

  gofer::mutex handshake_mu_;
  bool handshake_over_ = false;
  error handshake_err_;

  gofer::mutex read_mu_;  // and whoever makes the handshake
  error read_err_;
  bool first_record_ = true;  // what is received is still to be looked at
  std::vector<char> received_;

  gofer::mutex write_mu_;
  bool write_closed_ = false;

  gofer::mutex out_mu_;
  error out_err_;
  std::string sending_;

  gofer::mutex ssl_mu_;  // protects what follows
  wire wire_;
  handshake_notes notes_;
  ssl_ptr ssl_;
};

/// Go's text of an alert: "bad certificate".
std::string alert_text(std::uint8_t alert);

}  // namespace gofer::tls::detail
