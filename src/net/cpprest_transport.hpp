#pragma once

#include <memory>
#include <string>

#include "net/beast_transport.hpp"

namespace portcullis::net {

/// Gives cpprest's pool its one thread (see `cancel_call`). Call before anything else uses cpprest,
/// whose pool would have forty otherwise: then it throws. Making a transport calls it; may be
/// repeated.
void initialize_cpprest();

/// A transport over cpprestsdk for the cloud's REST calls: few and slow. At most eight requests in
/// flight; results are handed to `io`. `stream` is `unsupported`. The clock bounds every exchange.
///
/// Unlike the seam's promise, cpprest sends *any* request again when the pooled connection turns
/// out dead before an answer. Use it only for calls that may be repeated: ours name what they write
/// (PUT and DELETE of a resource by its id), and a token may be asked for twice.
///
/// cpprest itself bounds neither an answer's head nor a single chunk. Over TLS we do, at the
/// records: what comes past `body_limit`, a quarter of it and 256 KiB is cut, `malformed`. Over
/// plain HTTP nothing does but the deadline; see `make_rest_transport`.
///
/// Other limits of cpprest: it keeps idle connections for 30 to 60 s whatever `idle_timeout` says,
/// joins answer headers of the same name with ", ", and knows no literal IPv6 addresses and no
/// `server_name` other than the host's: those are `unsupported`. The destructor waits for its
/// threads, two seconds at most.
Result<std::unique_ptr<Transport>> make_cpprest_transport(asio::io_context& io, Clock& clock,
                                                          Origin origin, TlsOptions tls,
                                                          TransportOptions options = {});

/// The transport for the cloud's calls: cpprest over TLS; over plain HTTP (a machine's metadata
/// service, whoever answers there), where nothing would bound what cpprest takes in, Beast.
Result<std::unique_ptr<Transport>> make_rest_transport(asio::io_context& io, Clock& clock,
                                                       Origin origin, TlsOptions tls,
                                                       TransportOptions options = {});

}  // namespace portcullis::net
