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
  std::string address = "127.0.0.1";
  std::uint16_t port = 0;          ///< 0: any free one, see `port()`
  std::string certificate_pem{};   ///< empty: plain HTTP
  Secret key_pem{};
  std::size_t body_limit = 1u << 20;
  std::size_t header_limit = 16u << 10;
  Duration read_deadline = std::chrono::seconds(10);  ///< for a whole request once it has begun
  Duration idle_timeout = std::chrono::minutes(2);
  std::size_t max_connections = 256;
};

/// An HTTP/1.1 server (TLS or plain) on the io_context's thread. Answers in order per connection.
class Server {
 public:
  /// What a handler gets besides the request.
  struct Peer {
    std::string address;  ///< of the client, without port
  };

  /// Called for each whole request. The Response's headers get Content-Length and Date by the server.
  /// `status == 0` in the Response closes the connection without an answer (a lost answer).
  using Handler = std::function<Task<Response>(Request request, Peer peer)>;

  virtual ~Server() = default;
  virtual std::uint16_t port() const = 0;
  virtual void close() = 0;  ///< stops listening and closes all connections
};

/// Listens at once; `unavailable` if the port is taken, `invalid` for broken certificates.
Result<std::unique_ptr<Server>> make_server(asio::io_context& io, Clock& clock,
                                            ServerOptions options, Server::Handler handler);

}  // namespace portcullis::net
