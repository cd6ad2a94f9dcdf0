#include "app/endpoints.hpp"

#include <catch2/catch.hpp>

#include "base/log.hpp"
#include "base/system_clock.hpp"
#include "net/beast_transport.hpp"
#include "support/run_io.hpp"

using namespace std::chrono_literals;

namespace portcullis::app {
namespace {

struct Scene {
  SystemClock clock;
  asio::io_context io;

  Scene() { log::configure(log::Level::error, log::Format::text); }

  /// A port that nobody has at the moment.
  std::uint16_t free_port() { return (*net::make_server(io, clock, {}, nullptr))->port(); }

  Result<std::unique_ptr<Endpoints>> open(std::optional<ListenAddress> health,
                                          std::optional<ListenAddress> metrics) {
    return Endpoints::open(
        io, clock, health, metrics, [] { return Health{.role = "standby"}; },
        [] { return std::string("numbers 1\n"); });
  }

  net::Response ask(std::uint16_t port, std::string target, std::string method = "GET") {
    const auto transport = net::make_beast_transport(
        io, clock, {.scheme = "http", .host = "127.0.0.1", .port = port}, {});
    const auto answer = test::run(
        io, (*transport)->send({.method = std::move(method), .target = std::move(target)}, 5s));
    (*transport)->close();
    REQUIRE(answer);
    return *answer;
  }
};

TEST_CASE_METHOD(Scene, "health and metrics are served apart", "[app]") {
  const std::uint16_t one = free_port(), two = free_port();
  auto endpoints = open(ListenAddress{"127.0.0.1", one}, ListenAddress{"::", two});
  REQUIRE(endpoints);
  CHECK(ask(one, "/healthz").status == 200);
  CHECK(ask(one, "/readyz").body == "ready: standby\n");
  CHECK(ask(one, "/metrics").status == 404);
  const auto metrics = ask(two, "/metrics");
  CHECK(metrics.status == 200);
  CHECK(metrics.body == "numbers 1\n");
  CHECK(metrics.header("Content-Type") == "text/plain; version=0.0.4; charset=utf-8");
  CHECK(ask(two, "/healthz").status == 404);
  CHECK(ask(two, "/metrics", "DELETE").status == 405);
  (*endpoints)->close();
}

TEST_CASE_METHOD(Scene, "nothing is opened that was not asked for", "[app]") {
  const auto endpoints = open(std::nullopt, std::nullopt);
  REQUIRE(endpoints);
  CHECK(io.poll() == 0);
}

TEST_CASE_METHOD(Scene, "a taken port is told with its flag", "[app]") {
  const std::uint16_t port = free_port();
  const auto first = open(ListenAddress{"127.0.0.1", port}, std::nullopt);
  REQUIRE(first);
  const auto second = open(std::nullopt, ListenAddress{"127.0.0.1", port});
  REQUIRE_FALSE(second);
  CHECK_THAT(second.error().message, Catch::StartsWith("--metrics-listen: cannot listen on "));
  CHECK_THAT(second.error().message, Catch::Contains(std::to_string(port)));
}

}  // namespace
}  // namespace portcullis::app
