#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "app/health.hpp"
#include "app/listen_address.hpp"
#include "net/server.hpp"

namespace portcullis::app {

/// The two small servers that others look in by: health for the kubelet, metrics for Prometheus.
/// Plain HTTP, no credentials: nothing that they tell is a secret, and nothing can be changed.
class Endpoints {
 public:
  using Look = std::function<Health()>;
  using Render = std::function<std::string()>;

  /// Listens; `unavailable` names the flag whose address cannot be had. The log says which port it
  /// is. `look` and `render` are called until `close` and the end of the loop.
  static Result<std::unique_ptr<Endpoints>> open(asio::io_context& io, Clock& clock,
                                                 std::optional<ListenAddress> health,
                                                 std::optional<ListenAddress> metrics, Look look,
                                                 Render render);

  void close();

 private:
  std::unique_ptr<net::Server> health_;
  std::unique_ptr<net::Server> metrics_;
};

}  // namespace portcullis::app
