#pragma once

#include <memory>
#include <string>

#include "net/beast_transport.hpp"

namespace portcullis::net {

/// Call first thing in `main`: cpprest's pool has forty threads otherwise.
void initialize_cpprest(int threads = 2);

/// A transport over cpprestsdk for the cloud's REST calls: few and slow. At most four requests in
/// flight; results are handed to `io`. `stream` is `unsupported`. The clock bounds every exchange.
Result<std::unique_ptr<Transport>> make_cpprest_transport(asio::io_context& io, Clock& clock,
                                                          Origin origin, TlsOptions tls,
                                                          TransportOptions options = {});

}  // namespace portcullis::net
