#pragma once

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "base/secret.hpp"

namespace portcullis::test {

/// A certificate, its key, and what it takes to sign others.
struct Certificate {
  std::string pem;
  Secret key_pem;
  std::shared_ptr<X509> x509;
  std::shared_ptr<EVP_PKEY> key;
};

struct CertificateOptions {
  std::string common_name = "test";
  /// As OpenSSL writes them: {"DNS:localhost", "IP:127.0.0.1"}.
  std::vector<std::string> names{};
  bool is_authority = false;
  long valid_from = -3600;  ///< seconds from now
  long valid_until = 3600;
};

namespace detail {

template <typename T>
T* check(T* made) {
  if (made == nullptr) throw std::runtime_error("OpenSSL failed while making a certificate");
  return made;
}

inline void check(int result) {
  if (result <= 0) throw std::runtime_error("OpenSSL failed while making a certificate");
}

template <typename Write>
std::string to_pem(Write write) {
  const std::unique_ptr<BIO, int (*)(BIO*)> bio(check(BIO_new(BIO_s_mem())), BIO_free);
  check(write(bio.get()));
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

inline void extend(X509* certificate, X509* issuer, int what, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const std::unique_ptr<X509_EXTENSION, void (*)(X509_EXTENSION*)> extension(
      check(X509V3_EXT_conf_nid(nullptr, &context, what, value.c_str())), X509_EXTENSION_free);
  check(X509_add_ext(certificate, extension.get(), -1));
}

}  // namespace detail

/// A P-256 certificate, signed by `issuer` or, without one, by itself.
inline Certificate make_certificate(CertificateOptions options,
                                    const Certificate* issuer = nullptr) {
  using detail::check;
  Certificate made;
  made.key.reset(check(EVP_EC_gen("P-256")), EVP_PKEY_free);
  made.x509.reset(check(X509_new()), X509_free);
  X509* x509 = made.x509.get();
  static long serial = 1;
  check(X509_set_version(x509, 2));
  check(ASN1_INTEGER_set(X509_get_serialNumber(x509), ++serial));
  check(X509_gmtime_adj(X509_getm_notBefore(x509), options.valid_from));
  check(X509_gmtime_adj(X509_getm_notAfter(x509), options.valid_until));
  check(X509_set_pubkey(x509, made.key.get()));
  X509_NAME* name = X509_get_subject_name(x509);
  const std::string& text = options.common_name;
  check(X509_NAME_add_entry_by_txt(
      name, "CN", MBSTRING_UTF8, reinterpret_cast<const unsigned char*>(text.c_str()), -1, -1, 0));
  X509* signer = issuer == nullptr ? x509 : issuer->x509.get();
  check(X509_set_issuer_name(x509, X509_get_subject_name(signer)));
  detail::extend(x509, signer, NID_basic_constraints,
                 options.is_authority ? "critical,CA:TRUE" : "CA:FALSE");
  if (!options.names.empty()) {
    std::string names;
    for (const std::string& each : options.names) names += (names.empty() ? "" : ",") + each;
    detail::extend(x509, signer, NID_subject_alt_name, names);
  }
  EVP_PKEY* signing_key = issuer == nullptr ? made.key.get() : issuer->key.get();
  check(X509_sign(x509, signing_key, EVP_sha256()));
  made.pem = detail::to_pem([&](BIO* bio) { return PEM_write_bio_X509(bio, x509); });
  made.key_pem = Secret(detail::to_pem([&](BIO* bio) {
    return PEM_write_bio_PrivateKey(bio, made.key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  }));
  return made;
}

/// An authority of its own.
inline Certificate make_authority(const std::string& common_name = "test authority") {
  return make_certificate({.common_name = common_name, .names = {}, .is_authority = true});
}

}  // namespace portcullis::test
