#include <catch2/catch.hpp>

#include "client_world.hpp"

namespace portcullis::kube {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using test::run;
using Kind = Error::Kind;
using World = ClientWorld;

TEST_CASE("429, 503 and 504 with a Retry-After are repeated, with those pauses") {
  const auto code = GENERATE(429, 503, 504);
  World world;
  world.transport.answer(code, "", {{"Retry-After", "2"}});
  world.transport.answer(code, status_text(code, "", "", {{"retryAfterSeconds", 1}}));
  world.transport.answer(200, "{}");
  const auto before = world.clock.boot_now();
  CHECK(world.get());
  CHECK(world.clock.boot_now() - before == 3s);
  CHECK(world.transport.sent.size() == 3);
  CHECK(world.transport.sent[2].deadline == call_deadline() - 3s);
}

TEST_CASE("Other answers are not repeated: a write may have had its effect") {
  World world;
  const auto code = GENERATE(500, 503, 429, 504);
  world.transport.answer(code, code == 500 ? "x" : "");
  world.transport.answer(200, "{}");
  CHECK_FALSE(run(world.io, world.clock, world.client.create(policies, "team-a", json::object())));
  CHECK(world.transport.sent.size() == 1);
}

TEST_CASE("Repeating ends before the deadline and after five times") {
  World world;
  world.transport.serve = [](const net::Request&) {
    return net::Response{.status = 429, .headers = {{"Retry-After", "3"}}};
  };
  const auto before = world.clock.boot_now();
  const auto error = world.get().error();
  CHECK(error.kind == Kind::throttled);
  CHECK(error.retry_after == Duration(3s));
  CHECK(world.clock.boot_now() - before == 6s);
  CHECK(world.transport.sent.size() == 3);

  world.transport.sent.clear();
  world.transport.serve = [](const net::Request&) {
    return net::Response{.status = 429, .headers = {{"Retry-After", "0"}}};
  };
  const auto second = world.clock.boot_now();
  CHECK(world.get().error().kind == Kind::throttled);
  CHECK(world.transport.sent.size() == 6);
  CHECK(world.clock.boot_now() - second >= 3s);
}

TEST_CASE("A hostile Retry-After is bounded or ignored") {
  World world;
  world.transport.answer(429, "", {{"Retry-After", "99999999999"}});
  CHECK(world.get().error().retry_after == Duration(1h));
  const auto bad = GENERATE(as<std::string>{}, "-1", "soon", "", "Thu, 01 Jan 1970 00:00:00 GMT",
                            "99999999999999999999999");
  world.transport.answer(429, "", {{"Retry-After", bad}});
  CHECK_FALSE(world.get().error().retry_after);
}

TEST_CASE("Who is in a hurry gets the answer that asked to wait, at once and from then on") {
  World world;
  const auto busy = [&world] {
    world.transport.answer(429, status_text(429, "TooManyRequests", "later"),
                           {{"Retry-After", "5"}});
  };
  busy();
  busy();
  test::Outcome<Result<json>> one;
  test::Outcome<Result<json>> two;
  test::start(world.io, world.client.get(policies, prod), one);
  test::start(world.io, world.client.get(policies, prod), two);
  test::settle(world.io);
  CHECK_FALSE(one.value);
  world.client.hurry();
  test::settle(world.io);
  REQUIRE(one.value);
  REQUIRE(two.value);
  CHECK(one.value->error().kind == Kind::throttled);
  CHECK(two.value->error().retry_after == 5s);
  CHECK(world.transport.sent.size() == 2);

  busy();
  test::Outcome<Result<json>> three;
  test::start(world.io, world.client.get(policies, prod), three);
  test::settle(world.io);
  CHECK(three.value);
}

}  // namespace
}  // namespace portcullis::kube
