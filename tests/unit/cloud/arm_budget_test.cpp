#include <catch2/catch.hpp>

#include "arm_client_world.hpp"

using namespace portcullis;
using namespace portcullis::test;
using namespace std::chrono_literals;
using Kind = Error::Kind;

using Fixture = ArmClientWorld;

TEST_CASE("after a throttled write no write is sent before its time, and reads go on") {
  Fixture f;
  f.server.answer(429, error_body("TooManyRequests"), {{"Retry-After", "100"}});
  CHECK(f.put("/rules/a", "{}").error().retry_after == 100s);
  const auto refused = f.put("/rules/b", "{}");
  CHECK(refused.error().kind == Kind::throttled);
  CHECK(refused.error().code == "TooManyRequests");
  CHECK(refused.error().retry_after == 100s);
  CHECK(refused.error().message ==
        "PUT rules/b: not sent, the cloud said TooManyRequests and to come back in 1m40s");
  CHECK(f.server.sent.size() == 1);

  f.server.answer(200, "{}");
  CHECK(f.get());
  f.clock.advance(100s);
  f.server.answer(200, "{}");
  CHECK(f.put("/rules/b", "{}"));
  CHECK(f.server.sent.size() == 3);
}

TEST_CASE("after a throttled read no read is sent before its time, and writes go on") {
  Fixture f;
  f.server.answer(429, error_body("TooManyRequests"), {{"Retry-After", "100"}});
  CHECK(f.get().error().kind == Kind::throttled);
  CHECK(f.get().error().kind == Kind::throttled);
  CHECK(f.server.sent.size() == 1);
  f.server.answer(200, "{}");
  CHECK(f.put("/rules/b", "{}"));
}

TEST_CASE("a call waits for the budget if that leaves it half of its time") {
  Fixture f;
  f.server.answer(429, error_body("TooManyRequests"), {{"Retry-After", "4"}});
  CHECK_FALSE(f.put("/rules/a", "{}"));
  const BootTime begin = f.clock.boot_now();
  f.server.answer(200, "{}");
  CHECK(f.put("/rules/b", "{}"));  // it has eight seconds
  CHECK(f.clock.boot_now() - begin == 4s);
  CHECK(f.server.sent[1].deadline == 4s);
}

TEST_CASE("what throttles later stretches the wait, what said less does not shorten it") {
  Fixture f;
  f.server.latency = 1s;
  f.server.answer(429, error_body("TooManyRequests"), {{"Retry-After", "60"}});
  f.server.answer(429, error_body("TooManyRequests"), {{"Retry-After", "20"}});
  std::vector<Outcome<Result<net::Response>>> outcomes(2);
  for (auto& outcome : outcomes) start(f.io, f.arm_client.get("/x", 10s), outcome);
  f.clock.run_for(f.io, 1s);
  CHECK(f.get().error().retry_after == 60s);
}

TEST_CASE("whoever stands in the queue hears of the throttle, too") {
  Fixture f;
  f.server.latency = 1s;
  f.server.serve = [](const net::Request&) {
    return response(429, error_body("TooManyRequests"), {{"Retry-After", "60"}});
  };
  std::vector<Outcome<Result<net::Response>>> outcomes(11);
  for (auto& outcome : outcomes) start(f.io, f.arm_client.get("/x", 60s), outcome);
  f.clock.run_for(f.io, 2s);
  CHECK(f.server.sent.size() == 7);
  for (auto& outcome : outcomes) {
    REQUIRE(outcome.value);
    CHECK(outcome.value->error().kind == Kind::throttled);
  }
}

TEST_CASE("a lock or a conflict holds nobody else up") {
  Fixture f;
  SECTION("a lock") {
    f.server.answer(429, error_body("RetryableErrorDueToAnotherOperation"),
                    {{"Retry-After", "60"}});
  }
  SECTION("a conflict") { f.server.answer(409, error_body("Conflict"), {{"Retry-After", "60"}}); }
  SECTION("a server that is not well") { f.server.answer(503, "", {{"Retry-After", "60"}}); }
  CHECK_FALSE(f.put("/rules/a", "{}"));
  f.server.answer(200, "{}");
  CHECK(f.put("/rules/b", "{}"));
}

TEST_CASE("stopping wakes whoever waits for the budget") {
  Fixture f;
  f.server.answer(429, error_body("TooManyRequests"), {{"Retry-After", "10"}});
  CHECK_FALSE(f.get());
  Outcome<Result<net::Response>> outcome;
  start(f.io, f.arm_client.get("/x", 60s), outcome);
  settle(f.io);
  REQUIRE_FALSE(outcome.value);
  f.pauses.stop();
  settle(f.io);
  REQUIRE(outcome.value);
  CHECK(outcome.value->error().kind == Kind::cancelled);
}
