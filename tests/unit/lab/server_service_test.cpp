#include <catch2/catch.hpp>

#include "base/system_clock.hpp"
#include "lab/names.hpp"
#include "lab/service.hpp"
#include "net/beast_transport.hpp"
#include "support/run_io.hpp"
#include "unit/lab/arm_client.hpp"

namespace portcullis::lab {
namespace {

using test::run;
using test::run_until;

/// Counts how often packets were told to change, and fails on demand.
class FakeDataplane final : public Dataplane {
 public:
  Result<Done> apply(const World& world) override {
    if (fails) return fail(Error::Kind::unavailable, "no nftables");
    applied.push_back(world);
    return Done{};
  }
  std::map<std::string, std::string> namespaces() const override { return {}; }

  std::vector<World> applied;
  bool fails = false;
};

/// The lab as the program runs it, but for the packets.
struct Rig {
  explicit Rig(Settings settings = {})
      : model(std::move(read_seed(small_seed, "seed")->world), settings) {
    auto made = make_certificates("127.0.0.1");
    REQUIRE(made);
    certificates = *made;
    REQUIRE(service.start(certificates, {}));
  }
  ~Rig() {
    service.close();
    io.restart();
    io.run_for(std::chrono::seconds(10));
  }

  std::unique_ptr<net::Transport> connect(const std::string& url, const std::string& ca) {
    auto transport =
        net::make_beast_transport(io, clock, net::parse_url(url)->origin, {.ca_pem = ca});
    REQUIRE(transport);
    return std::move(*transport);
  }

  Result<net::Response> send(net::Request request) {
    const auto transport = connect(service.base_url(), certificates.ca_pem);
    if (!bearer.empty()) request.headers.push_back({"Authorization", bearer});
    auto response = run(io, transport->send(std::move(request), std::chrono::seconds(10)));
    transport->close();
    return response;
  }

  void log_in() {
    const auto answer =
        send({.method = "POST",
              .target = "/22222222-2222-4222-8222-222222222222/oauth2/v2.0/token",
              .headers = {{"Content-Type", "application/x-www-form-urlencoded"}},
              .body = "grant_type=client_credentials&client_id=app&client_secret=s&scope="
                      "https%3A%2F%2Fmanagement.azure.com%2F.default"});
    REQUIRE(answer);
    bearer = "Bearer " + Json::parse(answer->body)["access_token"].get<std::string>();
  }

  Result<net::Response> put_rule() {
    return send({.method = "PUT",
                 .target = group_id(model.cloud().world, "net", "nsg-web") +
                           "/securityRules/r1?api-version=2024-05-01",
                 .headers = {{"Content-Type", "application/json"}},
                 .body = rule_body(200).dump()});
  }

  SystemClock clock;
  asio::io_context io{1};
  ArmModel model;
  FakeDataplane dataplane;
  Certificates certificates;
  Service service{io, clock, model, &dataplane};
  std::string bearer;
};

TEST_CASE("the lab answers over TLS to whoever trusts its CA, and to nobody else") {
  Rig lab;
  const auto answer = lab.send({.target = "/_lab/health"});
  REQUIRE(answer);
  CHECK(answer->status == 200);
  const auto stranger = lab.connect(lab.service.base_url(), make_certificates("127.0.0.1")->ca_pem);
  CHECK_FALSE(run(lab.io, stranger->send({.target = "/_lab/health"}, std::chrono::seconds(10))));
  stranger->close();
}

TEST_CASE("the metadata service has its own plain port and nothing else is there") {
  Rig lab;
  const net::Request token{
      .target = "/metadata/identity/oauth2/token?api-version=2018-02-01&resource=x",
      .headers = {{"Metadata", "true"}}};
  CHECK(lab.send(token)->status == 404);
  const auto plain = lab.connect(lab.service.metadata_url(), "");
  CHECK(run(lab.io, plain->send(token, std::chrono::seconds(10)))->status == 200);
  CHECK(run(lab.io, plain->send({.target = "/_lab/health"}, std::chrono::seconds(10)))->status ==
        404);
  plain->close();
}

TEST_CASE("packets are told when an operation ends, though nobody asks") {
  Rig lab(Settings{.operation_time = std::chrono::milliseconds(50)});
  lab.log_in();
  const auto answer = lab.put_rule();
  REQUIRE(answer);
  CHECK(answer->status == 201);
  CHECK(Json::parse(answer->body)["id"].get<std::string>().ends_with("/securityRules/r1"));
  CHECK(answer->header("Azure-AsyncOperation")->starts_with(lab.service.base_url() + "/"));
  CHECK(lab.dataplane.applied.empty());
  REQUIRE(run_until(lab.io, [&] { return !lab.dataplane.applied.empty(); }));
  const World& world = lab.dataplane.applied.back();
  CHECK(find_rule(*find_group(world, "net", "nsg-web"), "r1") != nullptr);
}

TEST_CASE("a lost answer closes the connection after the effect") {
  Rig lab;
  lab.log_in();
  REQUIRE(lab.model.cloud().faults.add(
      {{"match", {{"method", "PUT"}}}, {"action", {{"kind", "lostAnswer"}}}}));
  const auto answer = lab.put_rule();
  REQUIRE_FALSE(answer);
  CHECK(answer.error().kind == Error::Kind::unavailable);
  CHECK(find_rule(*find_group(lab.model.cloud().world, "net", "nsg-web"), "r1") != nullptr);
}

TEST_CASE("a dataplane that fails is remembered") {
  Rig lab(Settings{.operation_time = std::chrono::milliseconds(1)});
  lab.dataplane.fails = true;
  lab.log_in();
  lab.put_rule();
  REQUIRE(run_until(lab.io, [&] { return !lab.service.dataplane_problem().empty(); }));
  CHECK(lab.service.dataplane_problem() == "no nftables");
}

TEST_CASE("closing ends answers that wait out a delay") {
  Rig lab(Settings{.latency = std::chrono::hours(1)});
  const auto transport = lab.connect(lab.service.base_url(), lab.certificates.ca_pem);
  bool done = false;
  asio::co_spawn(lab.io,
                 transport->send({.target = "/subscriptions?api-version=2022-12-01"},
                                 std::chrono::seconds(20)),
                 [&](std::exception_ptr, const Result<net::Response>&) { done = true; });
  REQUIRE(run_until(lab.io, [&] { return lab.model.cloud().requests == 1; }));
  lab.service.close();
  CHECK(run_until(lab.io, [&] { return done; }, std::chrono::seconds(10)));
  transport->close();
}

}  // namespace
}  // namespace portcullis::lab
