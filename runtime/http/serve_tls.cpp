// serve_tls, apart from the rest of the server: a program that does not call it does not link OpenSSL.
#include <gofer/http.hpp>
#include <utility>

#if !defined(GOFER_WITHOUT_TLS)
#include <gofer/tls.hpp>
#endif

namespace gofer::http {

#if defined(GOFER_WITHOUT_TLS)

error server::serve_tls(net::listener listener, const tls::config&) {
  listener.close();
  return make_error("http: serve_tls: gofer was built without OpenSSL");
}

#else

error server::serve_tls(net::listener listener, const tls::config& config) {
  tls::config named = config;
  if (named.next_protos.empty()) named.next_protos = {"http/1.1"};
  auto [secured, err] = tls::new_listener(std::move(listener), named);
  return err ? err : serve(std::move(secured));
}

#endif

}  // namespace gofer::http
