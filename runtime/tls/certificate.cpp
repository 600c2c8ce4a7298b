// Certificates, keys and pools: from PEM, from files, from the system.
#include <cerrno>
#include <cstdio>
#include <gofer/runtime.hpp>
#include <gofer/tls.hpp>
#include <utility>

#include "runtime/tls/engine.hpp"

namespace gofer::tls {

using namespace detail;

namespace {

/// Nobody is there to type a password.
int no_password(char*, int, int, void*) { return 0; }

bio_ptr reading(std::string_view text) { return bio_ptr(BIO_new_mem_buf(text.data(), static_cast<int>(text.size()))); }

x509_ptr next_certificate(BIO* from) { return x509_ptr(PEM_read_bio_X509(from, nullptr, no_password, nullptr)); }

/// "tls: what (OpenSSL's reason)", with OpenSSL's error as the cause.
error refused(std::string_view what) {
  const openssl_error why = take_openssl_error();
  if (why.code == 0) return make_error(what);
  return wrap(error(why), what);
}

result<std::string> read_file(const std::string& name) {
  result<std::string> text;
  const int errnum = blocking([&] {
    std::FILE* file = std::fopen(name.c_str(), "re");
    if (file == nullptr) return errno;
    char piece[4096];
    for (std::size_t n = 0; (n = std::fread(piece, 1, sizeof piece, file)) > 0;) text.value.append(piece, n);
    const int failed = std::ferror(file) != 0 ? errno : 0;
    std::fclose(file);
    return failed;
  });
  if (errnum != 0) return {{}, wrap(gofer::detail::errno_error(errnum), "open {}", name)};
  return text;
}

}  // namespace

result<certificate> x509_key_pair(std::string_view certificate_pem, std::string_view key_pem) {
  init_openssl();
  ERR_clear_error();
  auto pair = std::make_shared<key_pair>();
  const bio_ptr certificates = reading(certificate_pem);
  pair->leaf = next_certificate(certificates.get());
  if (!pair->leaf) return {{}, refused("tls: failed to find any PEM data in certificate input")};
  pair->chain.reset(sk_X509_new_null());
  while (x509_ptr further = next_certificate(certificates.get())) sk_X509_push(pair->chain.get(), further.release());
  ERR_clear_error();  // it ended by not finding one
  const bio_ptr keys = reading(key_pem);
  pair->key.reset(PEM_read_bio_PrivateKey(keys.get(), nullptr, no_password, nullptr));
  if (!pair->key) return {{}, refused("tls: failed to find any PEM data in key input")};
  if (X509_check_private_key(pair->leaf.get(), pair->key.get()) != 1) {
    return {{}, refused("tls: private key does not match public key")};
  }
  ERR_clear_error();
  certificate c;
  c.pair_ = std::move(pair);
  return {std::move(c), {}};
}

result<certificate> load_key_pair(const std::string& certificate_file, const std::string& key_file) {
  auto [certificate_pem, unread] = read_file(certificate_file);
  if (unread) return {{}, unread};
  auto [key_pem, key_unread] = read_file(key_file);
  if (key_unread) return {{}, key_unread};
  return x509_key_pair(certificate_pem, key_pem);
}

cert_pool::cert_pool() : pool_(std::make_shared<pool>()) {
  init_openssl();
  pool_->store.reset(X509_STORE_new());
}

cert_pool cert_pool::system() {
  cert_pool p;
  // Once for all: what was looked up stays in it.
  static const std::shared_ptr<pool> shared = [&] {
    X509_STORE_set_default_paths(p.pool_->store.get());
    ERR_clear_error();
    return p.pool_;
  }();
  p.pool_ = shared;
  return p;
}

error cert_pool::add_pem(std::string_view pem) {
  ERR_clear_error();
  const bio_ptr from = reading(pem);
  bool any = false;
  while (x509_ptr c = next_certificate(from.get())) {
    any = true;
    X509_STORE_add_cert(pool_->store.get(), c.get());
    pool_->certificates.push_back(std::move(c));
  }
  if (!any) return refused("x509: no certificate found in PEM data");
  ERR_clear_error();
  return {};
}

error cert_pool::add_file(const std::string& file) {
  const auto [pem, unread] = read_file(file);
  return unread ? unread : wrap(add_pem(pem), file);
}

result<reloading_key_pair> reloading_key_pair::load(std::string certificate_file, std::string key_file) {
  reloading_key_pair pair;
  pair.shared_ = std::make_shared<reloadable>();
  pair.shared_->certificate_file = std::move(certificate_file);
  pair.shared_->key_file = std::move(key_file);
  if (error err = pair.reload()) return {{}, std::move(err)};
  return {std::move(pair), {}};
}

error reloading_key_pair::reload() const {
  if (!shared_) return make_error("tls: reload of no files");
  auto [fresh, err] = load_key_pair(shared_->certificate_file, shared_->key_file);
  if (err) return err;
  const std::lock_guard lock(shared_->mu);
  std::swap(shared_->current, fresh);
  return {};
}

result<certificate> reloading_key_pair::operator()(const client_hello_info&) const {
  if (!shared_) return {};
  const std::lock_guard lock(shared_->mu);
  return {shared_->current, {}};
}

}  // namespace gofer::tls
