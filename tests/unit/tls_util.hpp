// What the TLS tests share: certificates made on the spot, and pairs of connected ends.
#pragma once

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <cstdlib>
#include <fstream>
#include <gofer/tls.hpp>
#include <string>

#include "net_util.hpp"

namespace tls_test {

using namespace net_test;
namespace net = gofer::net;
namespace tls = gofer::tls;

struct pem_pair {
  std::string certificate;
  std::string key;
};

struct wish {
  std::string name = "gofer.test";                                // the subject's CN
  std::string alternative_names = "DNS:gofer.test,IP:127.0.0.1";  // empty: none
  bool authority = false;
  long begins = -3600;  // seconds from now
  long ends = 3600;
  const pem_pair* signer = nullptr;  // itself
};

inline std::string text_of(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  std::string text(data, static_cast<std::size_t>(size));
  BIO_free(bio);
  return text;
}

/// A certificate with a P-256 key, which takes a tenth of a millisecond to make.
inline pem_pair issue(const wish& w = {}) {
  static std::atomic<long> serial{1};
  EVP_PKEY* key = EVP_EC_gen("P-256");
  X509* c = X509_new();
  X509_set_version(c, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(c), serial++);
  X509_gmtime_adj(X509_getm_notBefore(c), w.begins);
  X509_gmtime_adj(X509_getm_notAfter(c), w.ends);
  X509_set_pubkey(c, key);
  X509_NAME* subject = X509_get_subject_name(c);
  X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>(w.name.c_str()), -1,
                             -1, 0);
  X509* issuer = c;
  EVP_PKEY* signing = key;
  if (w.signer != nullptr) {
    BIO* from = BIO_new_mem_buf(w.signer->certificate.data(), static_cast<int>(w.signer->certificate.size()));
    issuer = PEM_read_bio_X509(from, nullptr, nullptr, nullptr);
    BIO_free(from);
    from = BIO_new_mem_buf(w.signer->key.data(), static_cast<int>(w.signer->key.size()));
    signing = PEM_read_bio_PrivateKey(from, nullptr, nullptr, nullptr);
    BIO_free(from);
  }
  X509_set_issuer_name(c, X509_get_subject_name(issuer));
  const auto extend = [&](int nid, const std::string& value) {
    X509V3_CTX ctx;
    X509V3_set_ctx(&ctx, issuer, c, nullptr, nullptr, 0);
    X509_EXTENSION* e = X509V3_EXT_conf_nid(nullptr, &ctx, nid, value.c_str());
    X509_add_ext(c, e, -1);
    X509_EXTENSION_free(e);
  };
  extend(NID_basic_constraints, w.authority ? "critical,CA:TRUE" : "CA:FALSE");
  if (!w.alternative_names.empty()) extend(NID_subject_alt_name, w.alternative_names);
  X509_sign(c, signing, EVP_sha256());
  pem_pair made;
  BIO* out = BIO_new(BIO_s_mem());
  PEM_write_bio_X509(out, c);
  made.certificate = text_of(out);
  out = BIO_new(BIO_s_mem());
  PEM_write_bio_PrivateKey(out, key, nullptr, nullptr, 0, nullptr, nullptr);
  made.key = text_of(out);
  if (w.signer != nullptr) {
    X509_free(issuer);
    EVP_PKEY_free(signing);
  }
  X509_free(c);
  EVP_PKEY_free(key);
  return made;
}

/// An authority that lives as long as the process.
inline const pem_pair& authority() {
  static const pem_pair made = issue({.name = "Test authority", .alternative_names = "", .authority = true});
  return made;
}

inline tls::certificate usable(const pem_pair& p) { return gofer::must(tls::x509_key_pair(p.certificate, p.key)); }

inline tls::cert_pool trusting(const pem_pair& p) {
  tls::cert_pool pool;
  gofer::must(pool.add_pem(p.certificate));
  return pool;
}

/// A server for gofer.test and 127.0.0.1, and a client that trusts it.
inline tls::config server_config(const wish& w = {}) {
  wish signed_one = w;
  if (signed_one.signer == nullptr) signed_one.signer = &authority();
  return {.certificates = {usable(issue(signed_one))}};
}
inline tls::config client_config() { return {.server_name = "gofer.test", .root_cas = trusting(authority())}; }

struct tls_pair {
  tls::conn client;
  tls::conn server;
};

/// Two ends that have not spoken yet.
inline tls_pair ends(const tls::config& client, const tls::config& server) {
  const pair p = connected();
  return {tls::client(p.client, client), tls::server(p.server, server)};
}

/// How the handshake ends on both sides.
struct outcome {
  gofer::error client;
  gofer::error server;
};
inline outcome shake(const tls_pair& p) {
  gofer::chan<gofer::error> server{1};
  gofer::go([server, c = p.server] {
    server.send(c.handshake());
    // The client of TLS 1.3 is through before the server has looked at its certificate.
  });
  outcome o;
  o.client = p.client.handshake();
  if (o.client) p.client.net::conn::close();
  o.server = *server.recv();
  return o;
}

inline tls_pair shaken(const tls::config& client, const tls::config& server) {
  const tls_pair p = ends(client, server);
  const outcome o = shake(p);
  EXPECT_FALSE(o.client) << o.client;
  EXPECT_FALSE(o.server) << o.server;
  return p;
}

/// A folder that is gone with the test.
class scratch {
 public:
  scratch() {
    char name[] = "/tmp/gofer-tls-XXXXXX";
    path_ = ::mkdtemp(name);
  }
  ~scratch() { std::system(("rm -rf " + path_).c_str()); }
  scratch(const scratch&) = delete;
  scratch& operator=(const scratch&) = delete;
  std::string file(const std::string& name, const std::string& text) const {
    std::ofstream(path_ + "/" + name) << text;
    return path_ + "/" + name;
  }

 private:
  std::string path_;
};

}  // namespace tls_test
