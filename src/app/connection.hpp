#pragma once

#include <memory>
#include <string>

#include "app/flags.hpp"
#include "base/clock.hpp"
#include "kube/client.hpp"
#include "kube/config.hpp"

namespace portcullis::app {

/// A client of the API server with all that it stands on.
struct Connection {
  kube::Config config;
  std::unique_ptr<kube::TokenSource> tokens;
  std::unique_ptr<net::Transport> transport;
  std::unique_ptr<kube::Client> client;
  /// The same with connections of its own, for the lease: an API server that is slow to answer all
  /// else must not keep a renewal in a queue.
  std::unique_ptr<net::Transport> lease_transport;
  std::unique_ptr<kube::Client> lease_client;

  /// Nobody waits for a Retry-After any more.
  void hurry();
  void close();
};

/// Reads the configuration; the error names file and field. Opens no connection.
Result<Connection> make_connection(asio::io_context& io, Clock& clock, const KubeFlags& flags);

/// Who we are, and which instance: asks until the API server answers. `unauthorized` and
/// `forbidden` are final; everything else is waited out.
struct Identity {
  std::string username;
  std::string instance;
};
Task<Result<Identity>> introduce(kube::Client& client, std::string instance_flag);

}  // namespace portcullis::app
