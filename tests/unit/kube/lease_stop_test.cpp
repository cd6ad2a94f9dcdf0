#include <catch2/catch.hpp>

#include "lease_world.hpp"

namespace portcullis::kube {
namespace {

using namespace std::chrono_literals;
using Kind = Error::Kind;
using World = LeaseWorld;

TEST_CASE("Stop gives the lease back, and the next leader need not wait for its end") {
  World world;
  world.start(world.one);
  world.start(world.two);
  world.pass(30s);
  world.one.elector.stop();
  test::settle(world.io);
  REQUIRE(world.one.last);
  CHECK(world.one.last->has_value());
  CHECK(world.spec()["holderIdentity"] == "");
  CHECK(world.spec()["leaseDurationSeconds"] == 1);
  CHECK_FALSE(world.one.elector.holds_for(0s));
  world.pass(2s);
  CHECK(world.two.led == 1);
}

TEST_CASE("Stop while waiting for the lease ends the waiting") {
  World world;
  world.start(world.one);
  world.start(world.two);
  world.two.elector.stop();
  test::settle(world.io);
  REQUIRE(world.two.last);
  CHECK(world.two.last->error().kind == Kind::cancelled);
  CHECK(world.spec()["holderIdentity"] == "one");
}

TEST_CASE("A lease that is won while we stop is given back") {
  World world;
  world.one.transport.latency = 1s;
  world.start(world.one);
  world.pass(1500ms);  // the create is on its way back
  world.one.elector.stop();
  world.pass(5s);
  REQUIRE(world.one.last);
  CHECK(world.one.led == 0);
  CHECK(world.spec()["holderIdentity"] == "");
}

TEST_CASE("Giving the lease back takes no longer than is allowed, when nobody answers") {
  World world;
  world.start(world.one);
  world.pass(10s);
  world.one.transport.latency = 1h;
  const auto writes = world.one.transport.sent.size();
  SECTION("to what gives it back") {
    world.one.elector.stop(1500ms);
    test::settle(world.io);
    CHECK(world.one.transport.sent.size() == writes + 1);
    CHECK_FALSE(world.one.last);
    world.pass(1600ms);
  }
  SECTION("to a renewal: then it is not tried") {
    world.pass(3s);
    CHECK(world.one.transport.sent.size() == writes + 1);
    world.one.elector.stop(4500ms);
    world.pass(4500ms);
    CHECK(world.one.transport.sent.size() == writes + 1);
  }
  REQUIRE(world.one.last);
  CHECK(world.one.last->has_value());
  CHECK_FALSE(world.one.elector.holds_for(0s));
}

TEST_CASE("Who has the lease again after a silence gives it back when stopped") {
  World world;
  world.start(world.one);
  world.pass(10s);
  world.one.transport.latency = 1h;
  world.pass(20s);
  REQUIRE(world.one.last);
  world.one.transport.latency = 0s;
  world.start(world.one);
  REQUIRE(world.one.led == 2);
  world.one.elector.stop();
  test::settle(world.io);
  CHECK(world.spec()["holderIdentity"] == "");
}

}  // namespace
}  // namespace portcullis::kube
