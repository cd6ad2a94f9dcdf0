#pragma once

#include <boost/asio/ssl/context.hpp>
#include <memory>
#include <string>

#include "base/asio.hpp"
#include "base/result.hpp"
#include "base/secret.hpp"

namespace portcullis::net {

using TlsContext = std::shared_ptr<asio::ssl::context>;

using TrustStore = std::shared_ptr<X509_STORE>;

/// The only roots that count: those of `ca_pem`, an intermediate among them included (as Go's
/// clients do); empty: the system's. `invalid` if there is no certificate or a broken one in it.
Result<TrustStore> make_trust(const std::string& ca_pem);

/// Replaces whatever roots `context` had. A store may serve many contexts.
void set_trust(SSL_CTX* context, const TrustStore& trust);

/// Certificate chain (leaf first) and key; both empty: none. `invalid` says which of them is broken
/// or that they do not belong together. A key that asks for a password is refused, never asked for.
Result<Done> set_identity(SSL_CTX* context, const std::string& certificate_pem, const Secret& key);

/// TLS 1.2 or later, no compression, no renegotiation.
void set_protocol(SSL_CTX* context);

/// A client's context: the other side must prove itself to `ca_pem`.
Result<TlsContext> make_client_context(const std::string& ca_pem,
                                       const std::string& certificate_pem, const Secret& key);

/// A server's context; with `client_ca_pem` clients must show a certificate of that authority.
Result<TlsContext> make_server_context(const std::string& certificate_pem, const Secret& key,
                                       const std::string& client_ca_pem);

/// The certificate of the other side must be for `host`: an IP address by its IP names, anything
/// else by its DNS names (never by the subject), which is sent as SNI too.
Result<Done> expect_host(SSL* session, const std::string& host);

/// The check of names alone; false if no certificate can be for `host`.
bool expect_host(X509_VERIFY_PARAM* expected, const std::string& host);

/// Whether `host` is a literal IP address.
bool is_address(const std::string& host);

/// Why the other side's certificate was refused, or empty if it was not.
std::string refusal_of(SSL* session);

/// The common name in the other side's certificate, or empty.
std::string peer_common_name(SSL* session);

}  // namespace portcullis::net
