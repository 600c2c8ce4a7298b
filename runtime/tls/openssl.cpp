#include "runtime/tls/openssl.hpp"

#include <arpa/inet.h>

#include <array>

namespace gofer::tls::detail {

void init_openssl() {
  // Thread-safe and cheap when it is done. By default OpenSSL destroys its tables in an exit handler, under the feet of
  // goroutines that other threads still run.
  OPENSSL_init_ssl(OPENSSL_INIT_NO_ATEXIT, nullptr);
}

openssl_error take_openssl_error() {
  openssl_error first{ERR_get_error(), {}};
  if (first.code != 0) {
    std::array<char, 256> text{};
    ERR_error_string_n(first.code, text.data(), text.size());
    first.text = text.data();
  }
  ERR_clear_error();
  return first;
}

bool is_ip_address(std::string_view host) {
  const std::string text(host);
  std::array<unsigned char, 16> address;
  return ::inet_pton(AF_INET, text.c_str(), address.data()) == 1 ||
         ::inet_pton(AF_INET6, text.c_str(), address.data()) == 1;
}

alternative_names names_of(X509* certificate) {
  alternative_names names;
  auto* all = static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr));
  for (int i = 0; i < sk_GENERAL_NAME_num(all); i++) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(all, i);
    if (name->type == GEN_DNS) {
      names.dns.emplace_back(reinterpret_cast<const char*>(ASN1_STRING_get0_data(name->d.dNSName)),
                             static_cast<std::size_t>(ASN1_STRING_length(name->d.dNSName)));
    } else if (name->type == GEN_IPADD) {
      const int length = ASN1_STRING_length(name->d.iPAddress);
      std::array<char, INET6_ADDRSTRLEN> text{};
      if (length != 4 && length != 16) continue;
      ::inet_ntop(length == 4 ? AF_INET : AF_INET6, ASN1_STRING_get0_data(name->d.iPAddress), text.data(),
                  static_cast<socklen_t>(text.size()));
      names.ips.emplace_back(text.data());
    }
  }
  GENERAL_NAMES_free(all);
  ERR_clear_error();
  return names;
}

}  // namespace gofer::tls::detail
