// https, apart from the rest: the one place where the client knows of TLS.
#include <utility>

#include "runtime/http/client/state.hpp"

#if !defined(GOFER_WITHOUT_TLS)
#include <gofer/tls.hpp>
#endif

namespace gofer::http::detail {

#if defined(GOFER_WITHOUT_TLS)

result<net::conn> secure(net::conn, const std::string&, const client_options&, const context&) {
  return {{}, make_error("unsupported protocol scheme \"https\": gofer was built without OpenSSL")};
}

#else

result<net::conn> secure(net::conn conn, const std::string& host, const client_options& options, const context& ctx) {
  tls::config config = options.tls ? *options.tls : tls::config();
  if (config.server_name.empty()) config.server_name = host;
  const tls::conn secured = tls::client(std::move(conn), config);
  error err;
  if (options.tls_handshake_timeout > std::chrono::nanoseconds(0)) {
    const auto [limited, cancel] = with_timeout(ctx, options.tls_handshake_timeout);
    err = secured.handshake(limited);
    cancel();
    if (err == context::deadline_exceeded && !ctx.err()) err = wrap(err, "net/http: TLS handshake timeout");
  } else {
    err = secured.handshake(ctx);
  }
  if (err) {
    secured.close();
    return {{}, std::move(err)};
  }
  return {secured, {}};
}

#endif

}  // namespace gofer::http::detail
