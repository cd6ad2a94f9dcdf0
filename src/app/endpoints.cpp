#include "app/endpoints.hpp"

#include "base/log.hpp"

namespace portcullis::app {
namespace {

Result<std::unique_ptr<net::Server>> listen(asio::io_context& io, Clock& clock, const char* flag,
                                            const ListenAddress& address,
                                            net::Server::Handler handler) {
  auto server = net::make_server(io, clock,
                                 {.address = address.address,
                                  .port = address.port,
                                  .body_limit = 1u << 10,
                                  .header_limit = 8u << 10,
                                  .max_connections = 32},
                                 std::move(handler));
  if (!server) {
    return fail(server.error().kind, std::string(flag) + ": " + server.error().message);
  }
  return server;
}

void tell(const char* what, const ListenAddress& address, const net::Server& server) {
  log::info("listening", {{"for", what}, {"address", address.address}, {"port", server.port()}});
}

/// The answer is there already: no coroutine of a lambda's, whose closure could go before it.
Task<net::Response> give(net::Response response) { co_return response; }

net::Response answer_metrics(const net::Request& request, const Endpoints::Render& render) {
  if (request.method != "GET" && request.method != "HEAD") return refuse_method();
  if (path_of(request) != "/metrics") return no_such_path();
  return {.status = 200,
          .headers = {{"Content-Type", "text/plain; version=0.0.4; charset=utf-8"}},
          .body = render()};
}

}  // namespace

Result<std::unique_ptr<Endpoints>> Endpoints::open(asio::io_context& io, Clock& clock,
                                                   std::optional<ListenAddress> health,
                                                   std::optional<ListenAddress> metrics, Look look,
                                                   Render render) {
  auto endpoints = std::make_unique<Endpoints>();
  if (health) {
    const auto answer = [look](const net::Request& request, const net::Server::Peer&) {
      return give(answer_health(request, look()));
    };
    auto server = listen(io, clock, "--health-listen", *health, answer);
    if (!server) return fail(server.error());
    endpoints->health_ = std::move(*server);
  }
  if (metrics) {
    const auto answer = [render](const net::Request& request, const net::Server::Peer&) {
      return give(answer_metrics(request, render));
    };
    auto server = listen(io, clock, "--metrics-listen", *metrics, answer);
    if (!server) return fail(server.error());
    endpoints->metrics_ = std::move(*server);
  }
  // Only now: whoever cannot start says so in one line.
  if (health) tell("health", *health, *endpoints->health_);
  if (metrics) tell("metrics", *metrics, *endpoints->metrics_);
  return endpoints;
}

void Endpoints::close() {
  if (health_) health_->close();
  if (metrics_) metrics_->close();
}

}  // namespace portcullis::app
