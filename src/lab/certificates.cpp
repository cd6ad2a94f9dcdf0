#include "lab/certificates.hpp"

#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <memory>
#include <stdexcept>

namespace portcullis::lab {
namespace {

template <auto Free>
struct Freed {
  template <typename T>
  void operator()(T* object) const {
    Free(object);
  }
};
using Key = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Freed<X509_free>>;
using Bio = std::unique_ptr<BIO, Freed<BIO_free_all>>;

constexpr long day = 24L * 3600;

void require(bool good, const char* what) {
  if (good) return;
  throw std::runtime_error(fmt::format("{}: {}", what, ERR_error_string(ERR_get_error(), nullptr)));
}

Key make_key() {
  Key key(EVP_EC_gen("P-256"));
  require(key != nullptr, "making a key");
  return key;
}

void add_extension(X509* certificate, X509* issuer, int kind, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const std::unique_ptr<X509_EXTENSION, Freed<X509_EXTENSION_free>> extension(
      X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str()));
  require(extension != nullptr, "a certificate extension");
  require(X509_add_ext(certificate, extension.get(), -1) == 1, "a certificate extension");
}

Certificate make_certificate(const std::string& name, EVP_PKEY* key, X509* issuer) {
  Certificate certificate(X509_new());
  require(certificate != nullptr, "a certificate");
  X509_set_version(certificate.get(), X509_VERSION_3);
  std::uint64_t serial = 0;
  require(RAND_bytes(reinterpret_cast<unsigned char*>(&serial), sizeof serial) == 1, "randomness");
  ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate.get()), serial >> 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -day);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 3650 * day);
  X509_set_pubkey(certificate.get(), key);
  X509_NAME* subject = X509_get_subject_name(certificate.get());
  require(X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8,
                                     reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1,
                                     0) == 1,
          "a certificate name");
  X509* signer = issuer != nullptr ? issuer : certificate.get();
  X509_set_issuer_name(certificate.get(), X509_get_subject_name(signer));
  return certificate;
}

std::string pem_of(const Bio& bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

std::string to_pem(X509* certificate) {
  const Bio bio(BIO_new(BIO_s_mem()));
  require(PEM_write_bio_X509(bio.get(), certificate) == 1, "writing a certificate");
  return pem_of(bio);
}

Certificates make_all(const std::string& address) {
  const Key ca_key = make_key();
  const Certificate ca = make_certificate("Portcullis lab CA", ca_key.get(), nullptr);
  add_extension(ca.get(), ca.get(), NID_basic_constraints, "critical,CA:TRUE");
  add_extension(ca.get(), ca.get(), NID_key_usage, "critical,keyCertSign,cRLSign");
  add_extension(ca.get(), ca.get(), NID_subject_key_identifier, "hash");
  require(X509_sign(ca.get(), ca_key.get(), EVP_sha256()) > 0, "signing");

  const Key key = make_key();
  const Certificate server = make_certificate("portcullis-lab", key.get(), ca.get());
  std::string names = "DNS:localhost,IP:127.0.0.1,IP:::1";
  if (address != "127.0.0.1" && address != "::1" && address != "0.0.0.0" && address != "::") {
    names += ",IP:" + address;
  }
  add_extension(server.get(), ca.get(), NID_basic_constraints, "critical,CA:FALSE");
  add_extension(server.get(), ca.get(), NID_key_usage, "critical,digitalSignature");
  add_extension(server.get(), ca.get(), NID_ext_key_usage, "serverAuth");
  add_extension(server.get(), ca.get(), NID_subject_key_identifier, "hash");
  add_extension(server.get(), ca.get(), NID_authority_key_identifier, "keyid:always");
  add_extension(server.get(), ca.get(), NID_subject_alt_name, names);
  require(X509_sign(server.get(), ca_key.get(), EVP_sha256()) > 0, "signing");

  const Bio bio(BIO_new(BIO_s_mem()));
  require(
      PEM_write_bio_PrivateKey(bio.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) == 1,
      "writing a key");
  return {.ca_pem = to_pem(ca.get()),
          .server_pem = to_pem(server.get()),
          .key_pem = Secret(pem_of(bio))};
}

}  // namespace

Result<Certificates> make_certificates(const std::string& address) {
  try {
    return make_all(address);
  } catch (const std::exception& error) {
    return fail(Error::Kind::invalid, error.what());
  }
}

}  // namespace portcullis::lab
