#include "app/health.hpp"

#include <catch2/catch.hpp>

#include "app/vitals.hpp"
#include "support/fake_clock.hpp"
#include "support/fake_transport.hpp"

using namespace std::chrono_literals;

namespace portcullis::app {
namespace {

net::Response ask(const std::string& target, const Health& health, std::string method = "GET") {
  return answer_health({.method = std::move(method), .target = target}, health);
}

TEST_CASE("alive is who answers, until a part has failed", "[app]") {
  CHECK(ask("/healthz", {}).status == 200);
  CHECK(ask("/healthz?verbose", {.stopping = true, .missing = {"all"}}).status == 200);
  CHECK(ask("/healthz", {.failed = true}).status == 500);
}

TEST_CASE("ready is told with the role, unready with each thing that is missing", "[app]") {
  const auto ready = ask("/readyz", {.role = "standby", .notes = {"it rains"}});
  CHECK(ready.status == 200);
  CHECK(ready.body == "ready: standby\nnote: it rains\n");
  const auto unready = ask("/readyz", {.role = "leader", .missing = {"one", "two"}});
  CHECK(unready.status == 503);
  CHECK(unready.body == "not ready\n- one\n- two\n");
  CHECK(ask("/readyz", {.stopping = true, .role = "leader"}).status == 503);
  CHECK(ask("/readyz", {.failed = true, .role = "leader"}).status == 503);
  CHECK(ask("/readyz", {}).status == 503);
}

TEST_CASE("nothing can be sent there, and there is nothing else", "[app]") {
  const auto refused = ask("/readyz", {.role = "leader"}, "POST");
  CHECK(refused.status == 405);
  CHECK(refused.header("Allow") == "GET, HEAD");
  CHECK(ask("/readyz", {.role = "leader"}, "HEAD").status == 200);
  CHECK(ask("/", {}).status == 404);
  CHECK(ask("/healthz/", {}).status == 404);
}

/// An operator's parts, as far as health looks at them.
struct Parts {
  test::FakeClock clock;
  test::FakeTransport server{clock};
  kube::Client client{server, clock};
  kube::Elector elector{client, {.identity = "me"}, 1};
  controllers::World world{clock,
                           [](const model::CloudAccount&) -> Result<cloud::Provider*> {
                             return fail(Error::Kind::unavailable, "no cloud");
                           },
                           "abcd1234"};
  asio::io_context io;

  Task<void> campaign() {
    if (co_await elector.acquire()) co_await elector.hold();
  }
  void run(Duration time) { clock.run_for(io, time); }
  void start() {
    asio::co_spawn(io, campaign(), asio::detached);
    test::settle(io);
  }

  /// The API server has a lease of this holder, and takes ours if there is none.
  void serve_lease(std::string holder) {
    server.serve = [holder =
                        std::move(holder)](const net::Request& asked) -> Result<net::Response> {
      if (asked.method != "GET") {
        return net::Response{.status = 200, .body = asked.body};
      }
      return net::Response{.status = 200,
                           .body = R"({"metadata":{"name":"portcullis","resourceVersion":"1"},)"
                                   R"("spec":{"leaseDurationSeconds":15,"holderIdentity":")" +
                                   holder + "\"}}"};
    };
  }

  Health health(bool with_world = false) const {
    return judge_health({.elector = &elector, .world = with_world ? &world : nullptr});
  }

  template <typename T>
  static void sync(kube::Store<T>& store) {
    store.begin_replace();
    store.end_replace();
  }
};

TEST_CASE("before the API server has told who we are, nothing is ready", "[app]") {
  const Health health = judge_health({});
  CHECK_FALSE(health.ready());
  CHECK(health.missing.size() == 1);
}

TEST_CASE_METHOD(Parts, "who waits is ready once it sees who leads, and while it does", "[app]") {
  CHECK_FALSE(health().ready());
  server.serve = [](const net::Request&) -> Result<net::Response> {
    return fail(Error::Kind::unavailable, "connection refused");
  };
  start();
  CHECK(health().role == "standby");
  REQUIRE(health().missing.size() == 1);
  CHECK_THAT(health().missing.front(), Catch::Contains("connection refused"));
  serve_lease("other");
  run(5s);
  CHECK(health().ready());
  CHECK(health().role == "standby");
  server.serve = nullptr;
  run(5s);
  CHECK_FALSE(health().ready());
}

TEST_CASE_METHOD(Parts, "who leads is ready when all kinds are read, whatever the guards are",
                 "[app]") {
  serve_lease("");
  start();
  CHECK(health().role == "leader");
  CHECK(health().missing.size() == 5);
  CHECK(health(true).missing.size() == 5);
  sync(world.stores.accounts);
  sync(world.stores.policies);
  sync(world.stores.decisions);
  sync(world.stores.verdicts);
  REQUIRE(health(true).missing.size() == 1);
  CHECK_THAT(health(true).missing.front(), Catch::Contains("AccessRequest"));
  sync(world.stores.requests);
  CHECK(health(true).ready());
  CHECK(health(true).notes.size() == 1);
  world.guard.holds = true;
  CHECK(health(true).notes.empty());
}

TEST_CASE_METHOD(Parts, "who lost the lease and still closes is not ready", "[app]") {
  serve_lease("");
  start();
  sync(world.stores.accounts);
  sync(world.stores.policies);
  sync(world.stores.requests);
  sync(world.stores.decisions);
  sync(world.stores.verdicts);
  REQUIRE(health(true).ready());
  server.serve = nullptr;  // nobody answers any more
  run(20s);
  CHECK_FALSE(health(true).ready());
  CHECK(health(true).role == "leader");
  CHECK(health(true).missing.size() == 1);
}

}  // namespace
}  // namespace portcullis::app
