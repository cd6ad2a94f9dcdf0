#include "net/tls.hpp"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

namespace portcullis::net {
namespace {

template <auto function>
struct Deleter {
  template <typename T>
  void operator()(T* object) const {
    function(object);
  }
};

using Bio = std::unique_ptr<BIO, Deleter<BIO_free>>;
using Certificate = std::unique_ptr<X509, Deleter<X509_free>>;
using Key = std::unique_ptr<EVP_PKEY, Deleter<EVP_PKEY_free>>;

Bio read_only(const std::string& text) {
  return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

/// Without it OpenSSL asks for the password on the terminal.
int no_password(char*, int, int, void*) { return -1; }

Certificate next_certificate(BIO* bio) {
  return Certificate(PEM_read_bio_X509(bio, nullptr, no_password, nullptr));
}

/// What OpenSSL says first when there simply is no more PEM. Clears its queue.
bool at_end_of_pem() {
  const unsigned long error = ERR_peek_last_error();
  ERR_clear_error();
  return ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
}

TlsContext make_context() {
  auto context = std::make_shared<asio::ssl::context>(asio::ssl::context::tls);
  set_protocol(context->native_handle());
  return context;
}

}  // namespace

bool is_address(const std::string& host) {
  boost::system::error_code error;
  asio::ip::make_address(host, error);
  return !error;
}

void set_protocol(SSL_CTX* context) {
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
  // Idle connections give their 34 KiB of buffers back.
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
}

Result<TrustStore> make_trust(const std::string& ca_pem) {
  TrustStore store(X509_STORE_new(), X509_STORE_free);
  if (ca_pem.empty()) {
    X509_STORE_set_default_paths(store.get());
    return store;
  }
  const Bio bio = read_only(ca_pem);
  int count = 0;
  while (const Certificate certificate = next_certificate(bio.get())) {
    X509_STORE_add_cert(store.get(), certificate.get());
    ++count;
  }
  if (!at_end_of_pem()) return fail(Error::Kind::invalid, "a CA certificate is broken PEM");
  if (count == 0) return fail(Error::Kind::invalid, "there is no certificate in the CA's PEM");
  X509_STORE_set_flags(store.get(), X509_V_FLAG_PARTIAL_CHAIN);
  return store;
}

void set_trust(SSL_CTX* context, const TrustStore& trust) {
  SSL_CTX_set1_cert_store(context, trust.get());
}

Result<Done> set_identity(SSL_CTX* context, const std::string& certificate_pem,
                          const Secret& key_pem) {
  if (certificate_pem.empty() && key_pem.empty()) return Done{};
  const Bio bio = read_only(certificate_pem);
  const Certificate leaf = next_certificate(bio.get());
  if (leaf == nullptr || SSL_CTX_use_certificate(context, leaf.get()) != 1) {
    ERR_clear_error();
    return fail(Error::Kind::invalid, "the certificate is no certificate in PEM");
  }
  while (const Certificate issuer = next_certificate(bio.get())) {
    SSL_CTX_add1_chain_cert(context, issuer.get());
  }
  if (!at_end_of_pem()) {
    return fail(Error::Kind::invalid, "a certificate of the chain is broken PEM");
  }
  const Bio key_bio = read_only(key_pem.reveal());
  const Key key(PEM_read_bio_PrivateKey(key_bio.get(), nullptr, no_password, nullptr));
  if (key == nullptr) {
    ERR_clear_error();
    return fail(Error::Kind::invalid, "the key is no private key in PEM without a password");
  }
  if (X509_check_private_key(leaf.get(), key.get()) != 1 ||
      SSL_CTX_use_PrivateKey(context, key.get()) != 1) {
    ERR_clear_error();
    return fail(Error::Kind::invalid, "the key does not belong to the certificate");
  }
  return Done{};
}

Result<TlsContext> make_client_context(const std::string& ca_pem,
                                       const std::string& certificate_pem, const Secret& key) {
  TlsContext context = make_context();
  context->set_verify_mode(asio::ssl::verify_peer);
  const auto trust = make_trust(ca_pem);
  if (!trust) return fail(trust.error());
  set_trust(context->native_handle(), *trust);
  const auto identified = set_identity(context->native_handle(), certificate_pem, key);
  if (!identified) return fail(identified.error());
  return context;
}

Result<TlsContext> make_server_context(const std::string& certificate_pem, const Secret& key,
                                       const std::string& client_ca_pem) {
  TlsContext context = make_context();
  const auto identified = set_identity(context->native_handle(), certificate_pem, key);
  if (!identified) return fail(identified.error());
  if (!client_ca_pem.empty()) {
    const auto trust = make_trust(client_ca_pem);
    if (!trust) return fail(trust.error());
    set_trust(context->native_handle(), *trust);
    context->set_verify_mode(asio::ssl::verify_peer | asio::ssl::verify_fail_if_no_peer_cert);
    // Resumed sessions are bound to a server that asks for the same clients.
    constexpr unsigned char id[] = "portcullis";
    SSL_CTX_set_session_id_context(context->native_handle(), id, sizeof(id) - 1);
  }
  return context;
}

bool expect_host(X509_VERIFY_PARAM* expected, const std::string& host) {
  X509_VERIFY_PARAM_set_hostflags(
      expected, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
  const int known = is_address(host)
                        ? X509_VERIFY_PARAM_set1_ip_asc(expected, host.c_str())
                        : X509_VERIFY_PARAM_set1_host(expected, host.data(), host.size());
  if (known != 1) ERR_clear_error();
  return known == 1;
}

Result<Done> expect_host(SSL* session, const std::string& host) {
  // RFC 6066: no literal addresses in SNI.
  const bool known = expect_host(SSL_get0_param(session), host) &&
                     (is_address(host) || SSL_set_tlsext_host_name(session, host.c_str()) == 1);
  if (known) return Done{};
  ERR_clear_error();
  return fail(Error::Kind::invalid, "no certificate can be for the host " + host);
}

std::string refusal_of(SSL* session) {
  const long verdict = SSL_get_verify_result(session);
  return verdict == X509_V_OK ? "" : X509_verify_cert_error_string(verdict);
}

std::string peer_common_name(SSL* session) {
  const Certificate certificate(SSL_get1_peer_certificate(session));
  if (certificate == nullptr) return "";
  char name[256] = "";
  const int size = X509_NAME_get_text_by_NID(X509_get_subject_name(certificate.get()),
                                             NID_commonName, name, sizeof(name));
  return size > 0 ? std::string(name, static_cast<std::size_t>(size)) : "";
}

}  // namespace portcullis::net
