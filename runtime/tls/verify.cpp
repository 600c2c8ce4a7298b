#include "runtime/tls/verify.hpp"

#include <ctime>
#include <gofer/tls.hpp>

#include "runtime/tls/engine.hpp"

namespace gofer::tls::detail {

namespace {

/// "2006-01-02T15:04:05Z"
std::string rfc3339(std::chrono::system_clock::time_point t) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(t);
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  char text[32];
  return {text, std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts)};
}

std::string listed(const std::vector<std::string>& names) {
  std::string list;
  for (const std::string& name : names) list.append(list.empty() ? "" : ", ").append(name);
  return list;
}

/// x509.HostnameError.
std::string wrong_name(X509* certificate, const std::string& host) {
  const alternative_names names = names_of(certificate);
  if (is_ip_address(host)) {
    if (names.ips.empty()) {
      return "x509: cannot validate certificate for " + host + " because it doesn't contain any IP SANs";
    }
    return "x509: certificate is valid for " + listed(names.ips) + ", not " + host;
  }
  if (names.dns.empty()) return "x509: certificate is not valid for any names, but wanted to match " + host;
  return "x509: certificate is valid for " + listed(names.dns) + ", not " + host;
}

std::string wrong_time(X509* certificate, bool after) {
  std::string text = "x509: certificate has expired or is not yet valid: current time ";
  text += rfc3339(std::chrono::system_clock::now());
  text += after ? " is after " : " is before ";
  return text + rfc3339(time_of(after ? X509_get0_notAfter(certificate) : X509_get0_notBefore(certificate)));
}

std::string describe(int code, X509* certificate, const std::string& host) {
  switch (code) {
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_CERT_UNTRUSTED:
      return "x509: certificate signed by unknown authority";
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return wrong_name(certificate, host);
    case X509_V_ERR_CERT_HAS_EXPIRED:
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return wrong_time(certificate, code == X509_V_ERR_CERT_HAS_EXPIRED);
    case X509_V_ERR_INVALID_PURPOSE:
      return "x509: certificate specifies an incompatible key usage";
    case X509_V_ERR_CERT_CHAIN_TOO_LONG:
    case X509_V_ERR_PATH_LENGTH_EXCEEDED:
      return "x509: too many intermediates for path length constraint";
    case X509_V_ERR_INVALID_CA:
      return "x509: invalid signature: parent certificate cannot sign this kind of certificate";
    default:
      return std::string("x509: ") + X509_verify_cert_error_string(code);
  }
}

}  // namespace

std::chrono::system_clock::time_point time_of(const ASN1_TIME* t) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(t, &parts) != 1) return {};
  return std::chrono::system_clock::from_time_t(::timegm(&parts));
}

int note_verification(int ok, X509_STORE_CTX* ctx) {
  if (ok == 1) return ok;
  const auto* ssl = static_cast<const SSL*>(X509_STORE_CTX_get_ex_data(ctx, SSL_get_ex_data_X509_STORE_CTX_idx()));
  handshake_notes& notes = notes_of(ssl);
  if (notes.verification_failure.empty()) {
    notes.verification_failure = describe(X509_STORE_CTX_get_error(ctx), X509_STORE_CTX_get_current_cert(ctx),
                                          notes.owner->config().server_name);
  }
  return ok;
}

int take_everything(int, X509_STORE_CTX*) { return 1; }

}  // namespace gofer::tls::detail
