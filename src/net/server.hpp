#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/clock.hpp"
#include "base/secret.hpp"
#include "net/http.hpp"

namespace portcullis::net {

struct ServerOptions {
  std::string address = "127.0.0.1";  ///< "::": all of both families, or of IPv4 if that is all
  std::uint16_t port = 0;             ///< 0: any free one, see `port()`
  std::string certificate_pem{};      ///< empty: plain HTTP
  Secret key_pem{};
  std::string client_ca_pem{};  ///< set: clients must show a certificate of this authority
  std::size_t body_limit = 1u << 20;
  std::size_t header_limit = 16u << 10;
  Duration read_deadline = std::chrono::seconds(10);  ///< for a whole request once it has begun;
                                                      ///< as much again to take the answer
  Duration idle_timeout = std::chrono::minutes(2);
  std::size_t max_connections = 256;
};

/// An HTTP/1.1 server (TLS 1.2 or later, or plain) on the io_context's thread. Answers in order per
/// connection, one request at a time. What breaks HTTP gets 400, 413 or 431 and a closed
/// connection; what is slower than `read_deadline` is cut. At `max_connections` the one that has
/// been idle longest makes room; if none is idle, the newcomer is closed.
class Server {
 public:
  /// What a handler gets besides the request.
  struct Peer {
    std::string address;  ///< of the client, without port
    std::string name{};   ///< common name in its certificate; empty unless `client_ca_pem` is set
  };

  /// Called for each whole request. Content-Length is the server's, and Date is too unless the
  /// Response has one; `Connection: close` among the headers closes after the answer. `status == 0`
  /// closes without an answer (a lost answer). What it throws is logged and answered with 500. It
  /// is not interrupted by `close`.
  using Handler = std::function<Task<Response>(Request request, Peer peer)>;

  virtual ~Server() = default;
  virtual std::uint16_t port() const = 0;

  /// Stops listening and closes all connections. May be called again; the destructor does.
  virtual void close() = 0;
};

/// Listens at once; `unavailable` if the port is taken, `invalid` for broken certificates.
Result<std::unique_ptr<Server>> make_server(asio::io_context& io, Clock& clock,
                                            ServerOptions options, Server::Handler handler);

}  // namespace portcullis::net
