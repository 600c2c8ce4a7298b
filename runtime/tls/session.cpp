#include "runtime/tls/session.hpp"

#include <algorithm>
#include <gofer/select.hpp>
#include <mutex>
#include <utility>

namespace gofer::tls::detail {

using namespace std::chrono_literals;

namespace {

/// Reads grow to this when the network delivers as much.
constexpr std::size_t most_received = 32 * 1024;
/// Plain text for OpenSSL at a time: four records.
constexpr std::size_t slice = 64 * 1024;

error lock_until(gofer::mutex& mu, const context* ctx) {
  if (ctx != nullptr) return mu.lock_until(*ctx);
  mu.lock();
  return {};
}

}  // namespace

session::session(net::conn below, std::shared_ptr<const engine> e) : below_(std::move(below)), engine_(std::move(e)) {
  notes_.owner = engine_.get();
  notes_.hello.remote_addr = below_.remote_addr();
  if (engine_->err()) return;
  ssl_ = engine_->new_ssl();
  if (!ssl_) return;
  BIO* bio = new_wire_bio(wire_);
  SSL_set_bio(ssl_.get(), bio, bio);
  SSL_set_app_data(ssl_.get(), &notes_);
  engine_->is_server() ? SSL_set_accept_state(ssl_.get()) : SSL_set_connect_state(ssl_.get());
}

session::~session() {
  if (!closed_.load(std::memory_order_relaxed)) say_goodbye(100ms);
}

template <class F>
session::step session::call(F f) {
  const std::lock_guard lock(ssl_mu_);
  ERR_clear_error();
  const int result = f(ssl_.get());
  step s;
  if (result > 0) return s;
  s.code = SSL_get_error(ssl_.get(), result);
  const openssl_error why = take_openssl_error();
  if (s.code == SSL_ERROR_SSL || s.code == SSL_ERROR_SYSCALL) s.err = failure(why, ssl_.get());
  return s;
}

error session::closed_here(const char* op) const {
  return net::op_error{op, "tcp", local_addr(), remote_addr(), net::err_closed};
}

error session::handshake() {
  if (established_.load(std::memory_order_acquire)) return {};
  const std::lock_guard lock(handshake_mu_);
  if (!handshake_over_) {
    handshake_err_ = make_handshake();
    handshake_over_ = true;
    // release; pairs with the acquire above
    established_.store(!handshake_err_, std::memory_order_release);
  }
  return handshake_err_;
}

error session::handshake(std::chrono::nanoseconds timeout) {
  if (timeout <= 0ns) return handshake();
  below_.set_deadline(std::chrono::steady_clock::now() + timeout);
  error err = handshake();
  below_.set_deadline(std::chrono::steady_clock::time_point{});
  return err;
}

error session::handshake(const context& ctx) {
  if (established_.load(std::memory_order_acquire) || !ctx.done()) return handshake();
  // As in Go: closing is what ends it wherever it waits.
  const stop_func stop = after_func(ctx, [below = below_] { below.close(); });
  error err = handshake();
  if (!stop()) {
    closed_.store(true, std::memory_order_relaxed);
    return ctx.err();
  }
  return err;
}

error session::make_handshake() {
  if (engine_->err()) return engine_->err();
  if (!ssl_) return make_error("tls: out of memory");
  const tls::config& config = engine_->config();
  if (!engine_->is_server() && config.server_name.empty() && !config.insecure_skip_verify) {
    return make_error("tls: either server_name or insecure_skip_verify must be specified in the config");
  }
  const std::lock_guard lock(read_mu_);
  for (;;) {
    step s = call([](SSL* ssl) { return SSL_do_handshake(ssl); });
    error unsent = flush(true);  // alerts as well
    if (s.err) return std::move(s.err);
    if (unsent) return unsent;
    switch (s.code) {
      case SSL_ERROR_NONE:
        return verify_connection();
      case SSL_ERROR_WANT_READ:
        if (error err = first_record_ ? receive_first() : receive(nullptr)) return err;
        break;
      case SSL_ERROR_WANT_X509_LOOKUP: {
        const error err = choose_certificate();
        if (!err) break;
        call([](SSL* ssl) { return SSL_do_handshake(ssl); });  // to its end, with an alert
        flush(true);
        return err;
      }
      default:
        return make_error("tls: internal error: OpenSSL wants {}", s.code);
    }
  }
}

error session::choose_certificate() {
  client_hello_info hello;
  call([&](SSL* ssl) {
    hello = notes_.hello;
    if (const char* name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name)) hello.server_name = name;
    return 1;
  });
  auto [chosen, err] = engine_->choose(hello);
  if (!err && !chosen) err = make_error("tls: no certificates configured");
  call([&, &chosen = chosen, &err = err](SSL* ssl) {
    if (!err && !engine::use(ssl, chosen)) err = wrap(error(take_openssl_error()), "tls: unusable certificate");
    notes_.certificate = err ? handshake_notes::refused : handshake_notes::chosen;
    return 1;
  });
  return err;
}

error session::verify_connection() {
  if (!engine_->config().verify_connection) return {};
  error err = engine_->config().verify_connection(state());
  if (err) {
    call([](SSL* ssl) { return SSL_shutdown(ssl); });
    flush(true);
  }
  return err;
}

error session::receive(const context* ctx) {
  if (received_.empty()) received_.resize(4096);
  const result<std::size_t> got = ctx != nullptr ? below_.read(*ctx, received_) : below_.read(received_);
  if (got.err) return got.err == io::eof ? io::err_unexpected_eof : got.err;
  {
    const std::lock_guard lock(ssl_mu_);
    wire_.received({received_.data(), got.value});
  }
  if (got.value == received_.size() && got.value < most_received) received_.resize(2 * got.value);
  return {};
}

error session::receive_first() {
  // Looked at before OpenSSL is, whose reasons for not liking something that is no TLS at all are a lucky dip.
  constexpr std::size_t header = 5;
  std::string first;
  while (first.size() < header) {
    if (error err = receive(nullptr)) return err;
    const std::lock_guard lock(ssl_mu_);
    first = wire_.in.substr(0, header);
  }
  first_record_ = false;
  const auto type = static_cast<unsigned char>(first[0]);
  const auto major = static_cast<unsigned char>(first[1]);
  constexpr unsigned char alert = 21, handshake = 22;
  if ((type == alert || type == handshake) && major < 0x10) return {};
  return record_header_error{first, below_};
}

result<std::size_t> session::pull(std::span<char> into, bool peek, const context* ctx) {
  if (read_err_) return {0, read_err_};
  for (;;) {
    if (closed_.load(std::memory_order_relaxed)) return {0, closed_here("read")};
    std::size_t got = 0;
    const step s = call([&](SSL* ssl) {
      return peek ? SSL_peek_ex(ssl, into.data(), into.size(), &got) : SSL_read_ex(ssl, into.data(), into.size(), &got);
    });
    flush(false);  // an answer to the peer's change of keys; that it cannot be sent is the writers' trouble
    switch (s.code) {
      case SSL_ERROR_NONE:
        return {got, {}};
      case SSL_ERROR_ZERO_RETURN:
        return {0, io::eof};
      case SSL_ERROR_WANT_READ: {
        error err = receive(ctx);
        if (err == io::err_unexpected_eof) read_err_ = err;
        if (err) return {0, std::move(err)};
        break;
      }
      default:
        read_err_ = s.err ? s.err : make_error("tls: internal error: OpenSSL wants {}", s.code);
        return {0, read_err_};
    }
  }
}

result<std::size_t> session::read(std::span<char> into, const context* ctx) {
  if (error err = handshake(ctx)) return {0, std::move(err)};
  if (error err = lock_until(read_mu_, ctx)) return {0, std::move(err)};
  const std::lock_guard lock(read_mu_, std::adopt_lock);
  if (into.empty()) return {};
  return pull(into, false, ctx);
}

result<std::string> session::read_line(std::size_t max, const context* ctx) {
  if (error err = handshake(ctx)) return {{}, std::move(err)};
  if (error err = lock_until(read_mu_, ctx)) return {{}, std::move(err)};
  const std::lock_guard lock(read_mu_, std::adopt_lock);
  std::string line;
  char piece[512];
  for (;;) {
    const result<std::size_t> seen = pull(piece, true, ctx);
    if (seen.err) {
      if (seen.err != io::eof || line.empty()) return {{}, seen.err};
      return io::detail::finish_line(std::move(line), max);
    }
    const char* newline = std::find(piece, piece + seen.value, '\n');
    const bool ended = newline != piece + seen.value;
    const auto take = static_cast<std::size_t>(newline - piece) + (ended ? 1 : 0);
    const result<std::size_t> got = pull({piece, take}, false, ctx);
    if (got.err) return {{}, got.err};
    line.append(piece, got.value);
    if (ended && line.back() == '\n') {
      line.pop_back();
      return io::detail::finish_line(std::move(line), max);
    }
    if (line.size() > max + 1) return {{}, io::err_line_too_long};
  }
}

result<std::size_t> session::write(std::span<const char> from, const context* ctx) {
  if (error err = handshake(ctx)) return {0, std::move(err)};
  if (error err = lock_until(write_mu_, ctx)) return {0, std::move(err)};
  const std::lock_guard lock(write_mu_, std::adopt_lock);
  if (closed_.load(std::memory_order_relaxed)) return {0, closed_here("write")};
  if (write_closed_) return {0, make_error("tls: protocol is shutdown")};
  std::size_t done = 0;
  while (done < from.size()) {
    const std::span<const char> part = from.subspan(done, std::min(slice, from.size() - done));
    const step s = call([&](SSL* ssl) {
      std::size_t taken = 0;  // all: the wire takes everything
      return SSL_write_ex(ssl, part.data(), part.size(), &taken);
    });
    if (error unsent = flush(true, ctx)) return {done, std::move(unsent)};
    if (s.err) return {done, s.err};
    if (s.code != SSL_ERROR_NONE) return {done, make_error("tls: internal error: OpenSSL wants {}", s.code)};
    done += part.size();
  }
  return {done, {}};
}

error session::flush(bool wait, const context* ctx) {
  for (;;) {
    // Not until ctx is done: what is to be sent is a record that the next one follows.
    std::unique_lock sender(out_mu_, std::defer_lock);
    if (wait) {
      sender.lock();
    } else if (!sender.try_lock()) {
      return {};
    }
    if (out_err_) return out_err_;
    sending_.clear();
    {
      const std::lock_guard lock(ssl_mu_);
      sending_.swap(wire_.out);
    }
    if (!sending_.empty()) {
      // An error is for ever, a context's too, as in Go: half a record may be on its way.
      out_err_ = ctx != nullptr ? below_.write(*ctx, sending_).err : below_.write(sending_).err;
    }
    if (sending_.capacity() > 2 * slice) sending_ = std::string();
    if (out_err_) return out_err_;
    sender.unlock();
    // Somebody who found the lock taken relies on us.
    const std::lock_guard lock(ssl_mu_);
    if (wire_.out.empty()) return {};
  }
}

bool session::quiet() {
  if (closed_.load(std::memory_order_relaxed)) return false;
  {
    const std::lock_guard lock(ssl_mu_);
    if (!ssl_ || SSL_has_pending(ssl_.get()) == 1 || wire_.taken < wire_.in.size()) return false;
  }
  return below_.stream()->quiet();
}

error session::close() {
  if (closed_.exchange(true, std::memory_order_relaxed)) return closed_here("close");
  say_goodbye(5s);
  return below_.close();
}

void session::say_goodbye(std::chrono::nanoseconds patience) {
  // A write that is under way is interrupted by closing; there is no telling what of it the peer has.
  if (!established_.load(std::memory_order_acquire) || !write_mu_.try_lock()) return;
  const std::lock_guard lock(write_mu_, std::adopt_lock);
  if (std::exchange(write_closed_, true)) return;
  call([](SSL* ssl) { return SSL_shutdown(ssl); });
  below_.set_write_deadline(std::chrono::steady_clock::now() + patience);
  flush(false);
}

error session::close_write() {
  if (!established_.load(std::memory_order_acquire)) {
    return make_error("tls: close_write called before handshake complete");
  }
  const std::lock_guard lock(write_mu_);
  if (closed_.load(std::memory_order_relaxed)) return closed_here("close");
  if (std::exchange(write_closed_, true)) return {};
  call([](SSL* ssl) { return SSL_shutdown(ssl); });
  return flush(true);
}

error session::set_deadline(std::int64_t ns, unsigned which) {
  const std::chrono::steady_clock::time_point t{std::chrono::nanoseconds(ns)};
  error err;
  if ((which & net::detail::deadline_read) != 0) err = below_.set_read_deadline(t);
  if ((which & net::detail::deadline_write) != 0 && !err) err = below_.set_write_deadline(t);
  return err;
}

tls::connection_state session::state() {
  const std::lock_guard lock(ssl_mu_);
  return state_locked();
}

}  // namespace gofer::tls::detail
