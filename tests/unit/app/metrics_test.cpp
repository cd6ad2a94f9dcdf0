#include "app/metrics.hpp"

#include <catch2/catch.hpp>

#include <sstream>

#include "app/metric_names.hpp"
#include "support/fake_clock.hpp"
#include "support/fake_transport.hpp"
#include "support/run.hpp"

using namespace std::chrono_literals;

namespace portcullis::app {
namespace {

struct Scene {
  test::FakeClock clock;
  controllers::World world{clock,
                           [](const model::CloudAccount&) -> Result<cloud::Provider*> {
                             return fail(Error::Kind::unavailable, "no cloud");
                           },
                           "abcd1234"};
  CloudCalls calls;
  MetricSources sources{.now = clock.now(), .leads = true, .world = &world, .cloud = &calls};
  asio::io_context io;

  /// Whether a line stands in what is served.
  bool says(const std::string& line) const {
    std::istringstream served(render_metrics(sources));
    for (std::string each; std::getline(served, each);) {
      if (each == line) return true;
    }
    return false;
  }
  bool mentions(const std::string& text) const {
    return render_metrics(sources).find(text) != std::string::npos;
  }

  void add_request(const std::string& name, const std::string& state) {
    simdjson::dom::parser parser;
    world.stores.requests.put(
        parser
            .parse(R"({"metadata":{"namespace":"a","name":")" + name + R"(","uid":")" + name +
                   R"(","resourceVersion":"1","generation":1,)"
                   R"("creationTimestamp":"2026-11-22T18:45:00Z"},)"
                   R"("spec":{"policyRef":{"name":"p"},"requester":{"username":"ann"},)"
                   R"("ports":[{"port":22}],"sources":["203.0.113.7/32"],"duration":"10m"},)"
                   R"("status":{"state":")" +
                   state + "\"}}")
            .value());
    REQUIRE(world.stores.requests.poisoned().empty());
  }
};

TEST_CASE_METHOD(Scene, "requests are counted by state, and no state is made up by others",
                 "[app]") {
  add_request("one", "Active");
  add_request("two", "Active");
  add_request("three", "");
  add_request("four", R"(x\",evil=\"y)");
  CHECK(says(R"(portcullis_requests{state="Active"} 2)"));
  CHECK(says(R"(portcullis_requests{state="Pending"} 1)"));
  CHECK(says(R"(portcullis_requests{state="Unknown"} 1)"));
  CHECK(says(R"(portcullis_requests{state="Expired"} 0)"));
  CHECK_FALSE(mentions("evil"));
}

TEST_CASE_METHOD(Scene, "what is overdue is told without a label, 0 when there is nothing",
                 "[app]") {
  CHECK(says("portcullis_oldest_overdue_close_seconds 0"));
  CHECK(says("portcullis_overdue_closes 0"));
  CHECK(says("portcullis_grants_open 0"));
}

TEST_CASE_METHOD(Scene, "writes of rules have all their series from the start", "[app]") {
  CHECK(says(R"(portcullis_rules_written_total{change="put",class="open",outcome="failed"} 0)"));
  world.rules_written[{plan::Change::Kind::remove, plan::ChangeClass::close, true}] = 3;
  CHECK(says(
      R"(portcullis_rules_written_total{change="remove",class="close",outcome="succeeded"} 3)"));
}

TEST_CASE_METHOD(Scene, "guards and the lease are 0 or 1", "[app]") {
  CHECK(says("portcullis_leader 1"));
  CHECK(says("portcullis_guard_holds 0"));
  world.guard.holds = true;
  CHECK(says("portcullis_guard_holds 1"));
}

TEST_CASE_METHOD(Scene, "who waits for the lease says only what it knows", "[app]") {
  sources.leads = false;
  sources.world = nullptr;
  CHECK(says("portcullis_leader 0"));
  CHECK(says("portcullis_build_info{version=\"" PORTCULLIS_VERSION "\"} 1"));
  CHECK_FALSE(mentions("portcullis_requests"));
  CHECK_FALSE(mentions("overdue"));
  CHECK_FALSE(mentions("portcullis_guard_holds"));
}

TEST_CASE_METHOD(Scene, "servers' clocks and the age of watches are in seconds", "[app]") {
  sources.skews = {{"https://10.0.0.1:443", -1500ms}};
  sources.watches = {{"JitPolicy", clock.now() - 90s}, {"AccessRequest", TimePoint{}}};
  CHECK(says(R"(portcullis_clock_skew_seconds{origin="https://10.0.0.1:443"} -1.5)"));
  CHECK(says(R"(portcullis_api_watch_age_seconds{kind="JitPolicy"} 90)"));
  CHECK_FALSE(mentions(R"(kind="AccessRequest")"));  // it has brought nothing yet
}

TEST_CASE_METHOD(Scene, "calls that a used up budget held back are counted by their work",
                 "[app]") {
  CHECK_FALSE(mentions("held_back"));
  std::map<std::string, cloud::Budgets> budgets;
  const std::string name = "portcullis_cloud_calls_held_back_total";
  sources.budgets = &budgets;
  CHECK(says(name + R"({budget="reads",work="overdue_closing"} 0)"));
  for (const char* subscription : {"one", "two"}) {
    budgets[subscription].writes.note_shortage("writes", cloud::Work::opening, 1s, BootTime(1h));
  }
  CHECK(says(name + R"({budget="writes",work="opening"} 2)"));
  CHECK(says(name + R"({budget="reads",work="opening"} 0)"));
}

/// Fails as told by the key.
class Sometimes final : public runtime::Reconciler {
 public:
  Task<Result<runtime::Next>> reconcile(std::string key) override {
    if (key == "conflict") co_return fail(Error::Kind::conflict, "again");
    if (key == "failure") co_return fail(Error::Kind::unavailable, "no");
    co_return runtime::Next{};
  }
};

TEST_CASE_METHOD(Scene, "passes are counted by how they ended, and keys that wait", "[app]") {
  Sometimes reconciler;
  runtime::Controller controller({.name = "group"}, reconciler, world.group_queue, clock, 1);
  sources.controllers = {&controller};
  for (const char* key : {"conflict", "failure", "a", "b"}) world.group_queue.add(key);
  CHECK(says(R"(portcullis_queue_depth{controller="group"} 4)"));
  asio::co_spawn(io, controller.work(), asio::detached);
  test::settle(io);
  CHECK(says(R"(portcullis_queue_depth{controller="group"} 0)"));
  CHECK(says(R"(portcullis_reconciles_total{controller="group",outcome="succeeded"} 2)"));
  CHECK(says(R"(portcullis_reconciles_total{controller="group",outcome="conflict"} 1)"));
  CHECK(says(R"(portcullis_reconciles_total{controller="group",outcome="failed"} 1)"));
}

TEST_CASE_METHOD(Scene, "requests to the cloud are counted by class, and timed", "[app]") {
  auto fake = std::make_unique<test::FakeTransport>(clock);
  fake->latency = 300ms;
  for (const int status : {200, 202, 404, 429, 503}) fake->answer(status, "");
  MeteredTransport metered(std::move(fake), clock, calls);
  for (int sent = 0; sent < 6; ++sent) {
    test::run(io, clock, metered.send({.method = "PUT", .target = "/secret"}, 10s));
  }
  const auto count = [](const std::string& code) {
    return R"(portcullis_cloud_requests_total{code=")" + code + R"(",method="PUT"})";
  };
  CHECK(says(count("2xx") + " 2"));
  CHECK(says(count("4xx") + " 1"));
  CHECK(says(count("429") + " 1"));
  CHECK(says(count("5xx") + " 1"));
  CHECK(says(count("none") + " 1"));  // no answer was left
  CHECK(says(R"(portcullis_cloud_request_seconds_count{method="PUT"} 6)"));
  CHECK(says(R"(portcullis_cloud_request_seconds_bucket{method="PUT",le="0.25"} 0)"));
  CHECK(says(R"(portcullis_cloud_request_seconds_bucket{method="PUT",le="0.5"} 6)"));
  CHECK_FALSE(mentions("secret"));
}

}  // namespace
}  // namespace portcullis::app
