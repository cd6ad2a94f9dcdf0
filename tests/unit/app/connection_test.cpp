#include "app/connection.hpp"

#include <catch2/catch.hpp>

#include "base/log.hpp"
#include "net/server.hpp"
#include "support/certificates.hpp"
#include "support/fake_clock.hpp"
#include "support/run_io.hpp"
#include "support/temporary_folder.hpp"

using namespace std::chrono_literals;

namespace portcullis::app {
namespace {

/// An API server that counts what comes and answers everything with an empty object.
struct ApiServer {
  std::vector<std::string> tokens;  ///< that came with the requests
  std::string hangs = "/none";      ///< what is never answered, by the beginning of its path
  int hanging = 0;
  std::unique_ptr<net::Server> server;

  ApiServer(asio::io_context& io, Clock& clock, net::ServerOptions options) : clock_(clock) {
    server = *net::make_server(
        io, clock, std::move(options),
        [this](net::Request request, net::Server::Peer) { return answer(std::move(request)); });
  }

  Task<net::Response> answer(net::Request request) {
    const auto token = net::find_header(request.headers, "Authorization");
    tokens.push_back(token ? std::string(*token) : "");
    if (request.target.starts_with(hangs)) {
      ++hanging;
      co_await clock_.sleep_for(24h);
    }
    co_return net::Response{.status = 200, .body = "{}"};
  }

  std::string port() const { return std::to_string(server->port()); }

 private:
  Clock& clock_;
};

/// A cluster "first" over TLS with a token, a cluster "other" without either.
struct TwoClusters {
  test::FakeClock clock;
  asio::io_context io;
  test::TemporaryFolder folder;
  test::Certificate authority = test::make_authority();
  test::Certificate leaf = test::make_certificate({.names = {"IP:127.0.0.1"}}, &authority);
  ApiServer first{io, clock, {.certificate_pem = leaf.pem, .key_pem = leaf.key_pem}};
  ApiServer other{io, clock, {}};

  std::string config(const std::string& current, const std::string& first_server) {
    folder.write("ca.pem", authority.pem);
    return folder.write(
        "config", "current-context: " + current +
                      "\n"
                      "contexts: [{name: first, context: {cluster: first, user: me}},"
                      " {name: other, context: {cluster: other, user: nobody}}]\n"
                      "clusters: [{name: first, cluster: {server: \"" +
                      first_server +
                      "\", certificate-authority: ca.pem}},"
                      " {name: other, cluster: {server: \"http://127.0.0.1:" +
                      other.port() + "\"}}]\n" +
                      "users: [{name: me, user: {token: secret}}, {name: nobody, user: {}}]\n");
  }
  std::string first_address() const { return "https://127.0.0.1:" + first.port(); }
  std::string other_address() const { return "http://127.0.0.1:" + other.port(); }
};

TEST_CASE("a running operator stays with its cluster, whatever its kubeconfig says later",
          "[app]") {
  log::configure(log::Level::error, log::Format::text);
  TwoClusters world;
  KubeFlags options;
  options.kubeconfig = world.config("first", world.first_address());
  auto connection = make_connection(world.io, world.clock, options);
  REQUIRE(connection);
  const auto call = [&] {
    const auto answer = test::run(world.io, connection->client->call({.target = "/api"}));
    if (!answer) UNSCOPED_INFO(answer.error().message);
    return answer.has_value();
  };
  CHECK(call());
  SECTION("another context became the current one") {
    world.config("other", world.first_address());
  }
  SECTION("the context leads elsewhere") { world.config("first", world.other_address()); }
  SECTION("the file is gone, and there is one in the home folder") {
    std::filesystem::remove(options.kubeconfig);
    world.folder.write(".kube/config", "");
  }
  world.clock.advance(2min);
  CHECK(call());
  world.clock.advance(2min);
  CHECK(call());
  CHECK(world.first.tokens == std::vector<std::string>(3, "Bearer secret"));
  CHECK(world.other.tokens.empty());
}

TEST_CASE("what hangs on all connections to the API server holds up no renewal of the lease",
          "[app]") {
  log::configure(log::Level::error, log::Format::text);
  TwoClusters world;
  world.first.hangs = "/apis";
  KubeFlags options;
  options.kubeconfig = world.config("first", world.first_address());
  auto connection = make_connection(world.io, world.clock, options);
  REQUIRE(connection);
  constexpr int many = 40;
  int ended = 0;
  for (int i = 0; i < many; ++i) {
    asio::co_spawn(world.io, connection->client->call({.target = "/apis"}),
                   [&ended](const std::exception_ptr&, const auto&) { ++ended; });
  }
  REQUIRE(test::run_until(world.io, [&] {
    return world.first.hanging == static_cast<int>(net::TransportOptions{}.max_connections);
  }));
  CHECK(test::run(world.io, connection->lease_client->call({.target = "/lease"})));
  CHECK(ended == 0);
  connection->close();
  CHECK_FALSE(test::run(world.io, connection->lease_client->call({.target = "/lease"})));
}

TEST_CASE("a rotated certificate authority is taken up by a running operator", "[app]") {
  log::configure(log::Level::error, log::Format::text);
  TwoClusters world;
  KubeFlags options;
  options.kubeconfig = world.config("first", world.first_address());
  const auto wrong = test::make_authority();
  world.folder.write("ca.pem", wrong.pem);
  auto connection = make_connection(world.io, world.clock, options);
  REQUIRE(connection);
  const auto refused = test::run(world.io, connection->client->call({.target = "/api"}));
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == "CertificateRefused");
  world.config("other", world.first_address());
  CHECK(test::run(world.io, connection->client->call({.target = "/api"})));
  CHECK(world.other.tokens.empty());
}

}  // namespace
}  // namespace portcullis::app
