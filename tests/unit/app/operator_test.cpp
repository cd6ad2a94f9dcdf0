#include "app/operator.hpp"

#include <sys/stat.h>

#include <catch2/catch.hpp>

#include <atomic>
#include <csignal>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/log.hpp"
#include "base/system_clock.hpp"
#include "net/beast_transport.hpp"
#include "net/server.hpp"
#include "support/run_io.hpp"
#include "support/temporary_folder.hpp"

using namespace std::chrono_literals;

namespace portcullis::app {
namespace {

using nlohmann::json;

/// As much of an API server as an operator needs to become the leader; it can fall silent.
class ApiServer {
 public:
  ApiServer(asio::io_context& io, Clock& clock) : clock_(clock) {
    server_ = *net::make_server(io, clock, {}, [this](net::Request request, net::Server::Peer) {
      return answer(std::move(request));
    });
  }

  bool silent = false;
  json kube_system{{"metadata", {{"uid", "0a1b2c3d-0000-4000-8000-000000000000"}}}};
  int asked_for_kube_system = 0;
  int renewals = 0;    ///< asked for
  int unanswered = 0;  ///< requests
  json lease;

  std::string address() const { return "http://127.0.0.1:" + std::to_string(server_->port()); }

 private:
  Task<net::Response> answer(net::Request request) {
    const bool on_lease = request.target.find("/leases") != std::string::npos;
    if (on_lease && request.method == "PUT") ++renewals;
    if (silent) {
      ++unanswered;
      co_await clock_.sleep_for(1h);
    }
    if (request.target.find("/selfsubjectreviews") != std::string::npos) {
      co_return text(201, {{"status", {{"userInfo", {{"username", "operator"}}}}}});
    }
    if (request.target.ends_with("/namespaces/kube-system")) {
      ++asked_for_kube_system;
      co_return text(200, kube_system);
    }
    if (!on_lease) co_return net::Response{.status = 404};
    if (request.method == "GET") co_return lease.is_null() ? text(404, {}) : text(200, lease);
    lease = json::parse(request.body);
    lease["metadata"]["resourceVersion"] = "1";
    co_return text(request.method == "POST" ? 201 : 200, lease);
  }

  static net::Response text(int status, json body) {
    if (body.is_null()) body = {{"kind", "Status"}, {"apiVersion", "v1"}, {"reason", "NotFound"}};
    return {.status = status, .body = body.dump()};
  }

  Clock& clock_;
  std::unique_ptr<net::Server> server_;
};

/// An operator on a thread of its own, against a server on ours.
struct World {
  SystemClock clock;
  asio::io_context io;
  test::TemporaryFolder folder;
  ApiServer server{io, clock};
  OperatorOptions options;
  std::atomic<int> code = -1;
  std::thread thread;

  World() {
    log::configure(log::Level::error, log::Format::text);
    options.kube.kubeconfig = folder.write("config",
                                           "current-context: c\n"
                                           "contexts: [{name: c, context: {cluster: c, user: u}}]\n"
                                           "clusters: [{name: c, cluster: {server: \"" +
                                               server.address() + "\"}}]\nusers: [{name: u}]\n");
    options.instance = "testtest";
    options.identity = "one";
    options.retry_period = 1s;
  }
  ~World() {
    if (thread.joinable()) {
      if (code < 0) std::raise(SIGTERM);
      run_until([this] { return code >= 0; });
      thread.join();
    }
  }

  void start() {
    thread = std::thread([this] { code = run_operator(options); });
  }
  bool run_until(const std::function<bool()>& condition) {
    return test::run_until(io, condition, 20s);
  }
};

TEST_CASE("a signal ends the operator in time, and the lease is given back", "[app]") {
  World world;
  world.start();
  REQUIRE(world.run_until([&] { return world.server.renewals > 0; }));
  std::raise(SIGTERM);
  REQUIRE(world.run_until([&] { return world.code >= 0; }));
  CHECK(world.code == exit_code::ok);
  CHECK(world.server.lease["spec"]["holderIdentity"] == "");
}

TEST_CASE("a signal ends the operator in time when the API server hangs", "[app]") {
  World world;
  world.options.stop_within = 2s;
  world.start();
  REQUIRE(world.run_until([&] { return world.server.renewals > 0; }));
  world.server.silent = true;
  const bool in_a_renewal = GENERATE(true, false);
  const int before = world.server.renewals;
  if (in_a_renewal) {
    REQUIRE(world.run_until([&] { return world.server.renewals > before; }));
  }
  const auto began = std::chrono::steady_clock::now();
  std::raise(SIGTERM);
  REQUIRE(world.run_until([&] { return world.code >= 0; }));
  CHECK(std::chrono::steady_clock::now() - began < 3s);
  CHECK(world.code == exit_code::ok);
  CHECK(world.server.unanswered > 0);
}

TEST_CASE("an answer without the cluster's UID is no reason to fall over", "[app]") {
  World world;
  world.options.instance.clear();
  world.server.kube_system = GENERATE(as<json>{}, json{{"metadata", json::object()}},
                                      json{{"metadata", {{"uid", 7}}}}, json::object());
  world.start();
  REQUIRE(world.run_until([&] { return world.server.asked_for_kube_system > 1; }));
  CHECK(world.code == -1);
  world.server.kube_system = {{"metadata", {{"uid", "0a1b2c3d-0000-4000-8000-000000000000"}}}};
  CHECK(world.run_until([&] { return world.server.renewals > 0; }));
}

TEST_CASE("a file that cannot be used is told before anything runs", "[app]") {
  World world;
  std::string AzureFlags::* const flag = GENERATE(
      &AzureFlags::client_secret_file, &AzureFlags::federated_token_file, &AzureFlags::ca_file);
  std::string& file = world.options.azure.*flag;
  file = GENERATE(as<std::string>{}, "", "/dev/zero", "empty", "pipe");
  if (file == "empty") file = world.folder.write("empty", " \n");
  if (file == "pipe") {
    file = world.folder.path("pipe");
    REQUIRE(mkfifo(file.c_str(), 0600) == 0);
  }
  if (file.empty()) file = world.folder.path();
  CHECK(run_operator(world.options) == exit_code::configuration);
}

TEST_CASE("what an operator cannot read yet is told where its health is asked", "[app]") {
  World world;
  const std::uint16_t port = (*net::make_server(world.io, world.clock, {}, nullptr))->port();
  world.options.health_listen = ListenAddress{"127.0.0.1", port};
  world.start();
  const auto ask = [&](std::string target) {
    const auto transport = net::make_beast_transport(
        world.io, world.clock, {.scheme = "http", .host = "127.0.0.1", .port = port}, {});
    const auto answer = test::run(world.io, (*transport)->send({.target = std::move(target)}, 5s));
    (*transport)->close();
    return answer.value_or(net::Response{});
  };
  // This server has no lists: the operator leads, and never gets to know a thing.
  REQUIRE(world.run_until([&] { return world.server.renewals > 0; }));
  CHECK(ask("/healthz").status == 200);
  const auto ready = ask("/readyz");
  CHECK(ready.status == 503);
  for (const char* kind :
       {"CloudAccount", "JitPolicy", "AccessRequest", "AccessDecision", "AccessVerdict"}) {
    CHECK_THAT(ready.body, Catch::Contains(std::string("\n- the objects of kind ") + kind));
  }
}

TEST_CASE("a port that is taken ends the program before anything runs", "[app]") {
  World world;
  const auto other = net::make_server(world.io, world.clock, {}, nullptr);
  world.options.metrics_listen = ListenAddress{"127.0.0.1", (*other)->port()};
  world.options.health_listen = ListenAddress{"127.0.0.1", 0};
  CHECK(run_operator(world.options) == exit_code::configuration);
  CHECK(world.server.lease.is_null());
}

}  // namespace
}  // namespace portcullis::app
