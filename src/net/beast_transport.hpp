#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "base/clock.hpp"
#include "base/secret.hpp"
#include "net/http.hpp"
#include "net/url.hpp"

namespace portcullis::net {

/// What a client trusts and who it is. Verification cannot be turned off; TLS 1.2 or later.
struct TlsOptions {
  std::string ca_pem{};           ///< the only roots that count; empty: the system's
  std::string certificate_pem{};  ///< client certificate chain, or empty
  Secret key_pem{};               ///< its key
  std::string server_name{};      ///< name to verify and to send as SNI; empty: the origin's host
};

struct TransportOptions {
  std::string user_agent = "portcullis/" PORTCULLIS_VERSION;
  std::size_t body_limit = 64u << 20;  ///< larger answers of `send` are `malformed`, "BodyTooLarge"
  std::size_t max_connections = 16;    ///< of `send`; more callers wait their turn
  Duration idle_timeout = std::chrono::seconds(25);  ///< pooled connections older than this go
};

/// Requests share pooled connections, of which `max_connections` are in use at most; who waits is
/// served in order, within his deadline. A server whose certificate is not good is `unavailable`
/// with the code "CertificateRefused" and the reason in words. The transport, its streams and the
/// io_context may go in any order; an Error says "cancelled" to whoever still waits.
///
/// Reads certificates and key; a broken PEM is `invalid` with a sentence that says which.
Result<std::unique_ptr<Transport>> make_beast_transport(asio::io_context& io, Clock& clock,
                                                        Origin origin, TlsOptions tls,
                                                        TransportOptions options = {});

}  // namespace portcullis::net
