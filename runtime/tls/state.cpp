// What a session tells of itself: its state, and in which words it failed.
#include <algorithm>
#include <array>

#include "runtime/tls/session.hpp"
#include "runtime/tls/verify.hpp"

namespace gofer::tls {

std::string version_name(std::uint16_t version) {
  switch (version) {
    case version_tls12:
      return "TLS 1.2";
    case version_tls13:
      return "TLS 1.3";
    default: {
      constexpr std::string_view digits = "0123456789ABCDEF";
      std::string text = "0x";
      for (int shift = 12; shift >= 0; shift -= 4) text.push_back(digits[version >> shift & 15U]);
      return text;
    }
  }
}

std::string alert_error::what() const { return "remote error: tls: " + detail::alert_text(alert); }

namespace detail {

namespace {

struct known_alert {
  std::uint8_t number;
  const char* text;
};

constexpr known_alert known_alerts[] = {
    {0, "close notify"},
    {10, "unexpected message"},
    {20, "bad record MAC"},
    {21, "decryption failed"},
    {22, "record overflow"},
    {30, "decompression failure"},
    {40, "handshake failure"},
    {42, "bad certificate"},
    {43, "unsupported certificate"},
    {44, "revoked certificate"},
    {45, "expired certificate"},
    {46, "unknown certificate"},
    {47, "illegal parameter"},
    {48, "unknown certificate authority"},
    {49, "access denied"},
    {50, "error decoding message"},
    {51, "error decrypting message"},
    {60, "export restriction"},
    {70, "protocol version not supported"},
    {71, "insufficient security level"},
    {80, "internal error"},
    {86, "inappropriate fallback"},
    {90, "user canceled"},
    {100, "no renegotiation"},
    {109, "missing extension"},
    {110, "unsupported extension"},
    {111, "certificate unobtainable"},
    {112, "unrecognized name"},
    {113, "bad certificate status response"},
    {114, "bad certificate hash value"},
    {115, "unknown PSK identity"},
    {116, "certificate required"},
    {120, "no application protocol"},
};

std::string listed(const std::vector<std::string>& words) {
  std::string list;
  for (const std::string& word : words) list.append(list.empty() ? "" : " ").append(word);
  return list;
}

std::string name_text(const X509_NAME* name) {
  const bio_ptr text(BIO_new(BIO_s_mem()));
  X509_NAME_print_ex(text.get(), name, 0, XN_FLAG_RFC2253);
  char* data = nullptr;
  const long size = BIO_get_mem_data(text.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

std::string serial_text(const X509* certificate) {
  const ASN1_INTEGER* serial = X509_get0_serialNumber(certificate);
  std::string text;
  for (int i = 0; i < ASN1_STRING_length(serial); i++) {
    constexpr std::string_view digits = "0123456789abcdef";
    const unsigned char byte = ASN1_STRING_get0_data(serial)[i];
    text.push_back(digits[byte >> 4]);
    text.push_back(digits[byte & 15U]);
  }
  return text;
}

peer_certificate describe(X509* certificate) {
  alternative_names names = names_of(certificate);
  const bio_ptr pem(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509(pem.get(), certificate);
  char* data = nullptr;
  const long size = BIO_get_mem_data(pem.get(), &data);
  return {.subject = name_text(X509_get_subject_name(certificate)),
          .issuer = name_text(X509_get_issuer_name(certificate)),
          .serial_number = serial_text(certificate),
          .dns_names = std::move(names.dns),
          .ip_addresses = std::move(names.ips),
          .not_before = time_of(X509_get0_notBefore(certificate)),
          .not_after = time_of(X509_get0_notAfter(certificate)),
          .pem = std::string(data, static_cast<std::size_t>(size))};
}

}  // namespace

std::string alert_text(std::uint8_t alert) {
  const auto* known = std::find_if(std::begin(known_alerts), std::end(known_alerts),
                                   [&](const known_alert& a) { return a.number == alert; });
  return known != std::end(known_alerts) ? known->text : "alert(" + std::to_string(alert) + ")";
}

error session::failure(const openssl_error& why, const SSL* ssl) const {
  if (why.code == 0) return io::err_unexpected_eof;
  const int reason = ERR_GET_REASON(why.code);
  if (ERR_GET_LIB(why.code) == ERR_LIB_SSL) {
    if (reason >= SSL_AD_REASON_OFFSET && reason < SSL_AD_REASON_OFFSET + 256) {
      return alert_error{static_cast<std::uint8_t>(reason - SSL_AD_REASON_OFFSET), error(why)};
    }
    switch (reason) {
      case SSL_R_CERTIFICATE_VERIFY_FAILED: {
        const std::string& noted = notes_.verification_failure;
        return certificate_verification_error{
            noted.empty() ? X509_verify_cert_error_string(SSL_get_verify_result(ssl)) : noted, error(why)};
      }
      case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
        return wrap(error(why), "tls: client didn't provide a certificate");
      case SSL_R_NO_SHARED_CIPHER:
        return wrap(error(why), "tls: no cipher suite supported by both client and server");
      case SSL_R_UNSUPPORTED_PROTOCOL:
        return wrap(error(why), engine_->is_server() ? "tls: client offered only unsupported versions"
                                                     : "tls: server selected unsupported protocol version");
      case SSL_R_NO_APPLICATION_PROTOCOL:
        return wrap(error(why), "tls: client requested unsupported application protocols ([" +
                                    listed(notes_.hello.supported_protos) + "])");
      default:
        break;
    }
  }
  return wrap(error(why), "tls");
}

tls::connection_state session::state_locked() const {
  tls::connection_state s;
  s.handshake_complete = ssl_ && SSL_is_init_finished(ssl_.get()) == 1;
  s.server_name = engine_->is_server() ? "" : engine_->config().server_name;
  if (!s.handshake_complete) return s;
  const SSL* ssl = ssl_.get();
  ERR_clear_error();
  s.version = static_cast<std::uint16_t>(SSL_version(ssl));
  s.cipher_suite = SSL_CIPHER_standard_name(SSL_get_current_cipher(ssl));
  const unsigned char* protocol = nullptr;
  unsigned int length = 0;
  SSL_get0_alpn_selected(ssl, &protocol, &length);
  if (length > 0) s.negotiated_protocol.assign(reinterpret_cast<const char*>(protocol), length);
  if (engine_->is_server()) {
    if (const char* name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name)) s.server_name = name;
  }
  s.did_resume = SSL_session_reused(ssl) == 1;
  X509* leaf = SSL_get0_peer_certificate(ssl);
  if (leaf != nullptr) s.peer_certificates.push_back(describe(leaf));
  STACK_OF(X509)* chain = SSL_get_peer_cert_chain(ssl);
  for (int i = 0; i < sk_X509_num(chain); i++) {
    // A client's chain begins with the leaf, a server's does not.
    X509* further = sk_X509_value(chain, i);
    if (leaf == nullptr || X509_cmp(further, leaf) != 0) s.peer_certificates.push_back(describe(further));
  }
  ERR_clear_error();
  return s;
}

}  // namespace detail

}  // namespace gofer::tls
