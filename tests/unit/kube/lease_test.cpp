#include <catch2/catch.hpp>

#include "lease_world.hpp"

namespace portcullis::kube {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using Kind = Error::Kind;
using World = LeaseWorld;

TEST_CASE("The first candidate creates the lease and renews it without reading") {
  World world;
  world.start(world.one);
  CHECK(world.one.led == 1);
  CHECK(world.spec()["holderIdentity"] == "one");
  CHECK(world.spec()["leaseDurationSeconds"] == 15);
  CHECK(world.spec()["leaseTransitions"] == 0);
  CHECK(world.spec()["renewTime"] == format_micro_time(world.clock.now()));
  const auto acquired = world.spec()["acquireTime"];
  const auto before = world.one.transport.sent.size();
  world.pass(60s);
  CHECK(world.one.transport.sent.size() == before + 30);
  for (std::size_t i = before; i < world.one.transport.sent.size(); ++i) {
    CHECK(world.one.transport.sent[i].request.method == "PUT");
  }
  CHECK(world.spec()["acquireTime"] == acquired);
  CHECK(world.spec()["renewTime"] == format_micro_time(world.clock.now()));
  CHECK(world.spec()["leaseTransitions"] == 0);
  CHECK(world.one.elector.holds_for(14s));
  CHECK_FALSE(world.one.elector.holds_for(15s));
}

TEST_CASE("While one leads the other waits; when one dies the other follows within 17 s") {
  World world;
  world.start(world.one);
  world.start(world.two);
  world.pass(5min + GENERATE(as<Duration>{}, 0ms, 1ms, 500ms, 1s, 1500ms, 1999ms));
  CHECK(world.two.led == 0);
  CHECK_FALSE(world.two.elector.holds_for(0s));
  world.one.cut = true;
  const auto died = world.clock.boot_now();
  while (world.two.led == 0) {
    world.pass(100ms);
    // Never both, as seen by those who ask before they write.
    REQUIRE_FALSE((world.one.elector.holds_for(0s) && world.two.elector.holds_for(0s)));
    REQUIRE(world.clock.boot_now() - died <= 17s);
  }
  CHECK(world.clock.boot_now() - died > 10s);
  CHECK(world.spec()["leaseTransitions"] == 1);
  REQUIRE(world.one.last);
  CHECK(world.one.last->error().kind == Kind::timeout);
}

TEST_CASE("A candidate that does not get to see the lease says why, until it does") {
  World world;
  CHECK_FALSE(world.one.elector.trouble());
  world.one.cut = true;
  world.start(world.one);
  REQUIRE(world.one.elector.trouble());
  CHECK(world.one.elector.trouble()->kind == Kind::unavailable);
  world.start(world.two);
  world.one.cut = false;
  world.pass(10s);
  CHECK_FALSE(world.one.elector.trouble());  // somebody holds it: that is no trouble
  CHECK(world.one.elector.holder() == "two");
  world.one.cut = true;
  world.pass(10s);
  CHECK(world.one.elector.trouble());
}

TEST_CASE("A leader that cannot renew gives up by its renew deadline") {
  World world;
  world.start(world.one);
  world.pass(60s);
  world.one.cut = true;
  world.pass(8s);
  CHECK_FALSE(world.one.last);
  CHECK(world.one.elector.holds_for(5s));
  world.pass(4s);
  REQUIRE(world.one.last);
  CHECK(world.one.last->error().kind == Kind::timeout);
  CHECK_FALSE(world.one.elector.holds_for(0s));
}

TEST_CASE("Expiry is judged by what was seen to change, not by the times in the record") {
  World world;
  const auto written = GENERATE(as<std::string>{}, "1970-01-01T00:00:00.000000Z",
                                "2999-01-01T00:00:00.000000Z", "nonsense");
  world.server.store({{"metadata", {{"name", "portcullis"}}},
                      {"spec",
                       {{"holderIdentity", "other"},
                        {"leaseDurationSeconds", 15},
                        {"renewTime", written},
                        {"leaseTransitions", 3}}}});
  world.start(world.one);
  world.pass(14s);
  CHECK(world.one.led == 0);
  world.pass(6s);
  CHECK(world.one.led == 1);
  CHECK(world.spec()["leaseTransitions"] == 4);
}

TEST_CASE("A record with a hostile duration neither yields at once nor keeps us out for years") {
  World world;
  const auto [seconds, least, most] =
      GENERATE(table<json, Duration, Duration>({{json(0), 14s, 20s},
                                                {json(-5), 14s, 20s},
                                                {json("x"), 14s, 20s},
                                                {json(2147483648u), 299s, 305s}}));
  world.server.store({{"metadata", {{"name", "portcullis"}}},
                      {"spec", {{"holderIdentity", "other"}, {"leaseDurationSeconds", seconds}}}});
  world.start(world.one);
  world.pass(least);
  CHECK(world.one.led == 0);
  world.pass(most - least);
  CHECK(world.one.led == 1);
}

TEST_CASE("A lease that nobody holds is taken at once, whatever else stands in it") {
  World world;
  const auto spec = GENERATE(as<json>{}, json::object(), json(nullptr), json::array(),
                             json{{"holderIdentity", ""}, {"leaseTransitions", 7}},
                             json{{"holderIdentity", nullptr}, {"leaseTransitions", "x"}});
  world.server.store(
      {{"metadata", {{"name", "portcullis"}, {"labels", {{"keep", "me"}}}}}, {"spec", spec}});
  world.start(world.one);
  CHECK(world.one.led == 1);
  CHECK(world.spec()["holderIdentity"] == "one");
  CHECK((*world.server.lease)["metadata"]["labels"]["keep"] == "me");
}

TEST_CASE("When somebody else holds the lease, leadership is lost at once") {
  World world;
  world.start(world.one);
  world.pass(10s);
  json other = *world.server.lease;
  other["spec"]["holderIdentity"] = GENERATE("thief", "");
  world.server.store(other);
  const auto writes = world.server.writes.size();
  world.pass(2s);
  REQUIRE(world.one.last);
  CHECK(world.one.last->error().kind == Kind::conflict);
  CHECK_FALSE(world.one.elector.holds_for(0s));
  CHECK(world.server.writes.size() == writes);
}

TEST_CASE("Edits of the lease that leave us the holder do not unseat us") {
  World world;
  world.start(world.one);
  world.pass(10s);
  json edited = *world.server.lease;
  edited["metadata"]["labels"] = {{"a", "b"}};
  edited["spec"]["leaseDurationSeconds"] = 0;
  world.server.store(edited);
  world.pass(2s);
  CHECK(world.spec()["leaseDurationSeconds"] == 15);
  world.server.lease.reset();  // deleted by hand
  world.pass(2s);
  REQUIRE(world.server.lease);
  CHECK(world.spec()["holderIdentity"] == "one");
  CHECK_FALSE(world.one.last);
}

TEST_CASE("A lease that was deleted or emptied by hand is its holder's until he can know") {
  World world;
  world.start(world.one);
  world.start(world.two);
  world.pass(10s);
  world.one.cut = true;  // he will not see it
  if (GENERATE(true, false)) {
    world.server.lease.reset();
  } else {
    json emptied = *world.server.lease;
    emptied["spec"]["holderIdentity"] = "";
    world.server.store(emptied);
  }
  while (world.two.led == 0) {
    world.pass(100ms);
    REQUIRE_FALSE((world.one.elector.holds_for(0s) && world.two.elector.holds_for(0s)));
  }
  REQUIRE(world.one.last);
  CHECK(world.spec()["holderIdentity"] == "two");
}

TEST_CASE("Who finds that another one made the lease anew after it was deleted has lost it") {
  World world;
  world.start(world.one);
  world.pass(10s);
  world.server.lease.reset();
  world.start(world.two);  // came later, and never saw who held it
  CHECK(world.two.led == 1);
  world.pass(2s);
  REQUIRE(world.one.last);
  CHECK(world.one.last->error().kind == Kind::conflict);
  CHECK_FALSE(world.one.elector.holds_for(0s));
  CHECK(world.two.elector.holds_for(10s));
}

TEST_CASE("A server that fails for less than the renew deadline unseats nobody") {
  World world;
  world.start(world.one);
  world.start(world.two);
  world.pass(10s);
  const auto refusal =
      GENERATE(values<net::Response>({{.status = 500},
                                      {.status = 503, .headers = {{"Retry-After", "1"}}},
                                      {.status = 429, .headers = {{"Retry-After", "60"}}},
                                      {.status = 409, .body = "<html>"}}));
  world.server.refusal = refusal;
  world.pass(7s);
  CHECK_FALSE(world.one.last);
  world.server.refusal.reset();
  world.pass(2min);
  CHECK_FALSE(world.one.last);
  CHECK(world.one.elector.holds_for(10s));
  CHECK(world.two.led == 0);
  CHECK(world.spec()["leaseTransitions"] == 0);
}

TEST_CASE("A server that fails for longer ends leadership before anybody else's begins") {
  World world;
  world.start(world.one);
  world.start(world.two);
  world.pass(10s);
  world.server.refusal = net::Response{.status = GENERATE(500, 429, 504)};
  world.pass(10s);
  REQUIRE(world.one.last);
  CHECK(world.one.last->error().kind == Kind::timeout);
  CHECK_FALSE(world.one.elector.holds_for(0s));
  CHECK(world.two.led == 0);
  world.server.refusal.reset();
  world.pass(14s);
  CHECK(world.two.led == 0);  // the last renewal is news to him: its time counts from here
  world.pass(3s);
  CHECK(world.two.led == 1);
}

TEST_CASE("Of two who take a free lease at once the slower one waits") {
  World world;
  world.server.store({{"metadata", {{"name", "portcullis"}}},
                      {"spec", {{"holderIdentity", ""}, {"leaseTransitions", 7}}}});
  world.one.transport.latency = 1s;
  world.two.transport.latency = 1100ms;
  world.start(world.one);
  world.start(world.two);
  world.pass(1min);
  CHECK(world.one.led == 1);
  CHECK(world.two.led == 0);
  CHECK(world.spec()["leaseTransitions"] == 8);
}

TEST_CASE("A renewal whose answer is lost is found out by reading") {
  World world;
  world.start(world.one);
  world.one.answers_lost = true;
  world.pass(2s);
  world.one.answers_lost = false;
  world.pass(10min);
  CHECK_FALSE(world.one.last);
  CHECK(world.spec()["leaseTransitions"] == 0);
  CHECK(world.one.elector.holds_for(10s));
}

TEST_CASE("A suspended leader has lost, even if nobody took the lease") {
  World world;
  world.start(world.one);
  world.pass(10s);
  world.clock.advance(11s);
  CHECK(world.one.elector.holds_for(0s));
  CHECK_FALSE(world.one.elector.holds_for(4s));
  test::settle(world.io);
  REQUIRE(world.one.last);
  CHECK(world.one.last->error().kind == Kind::timeout);

  world.start(world.one);  // and may lead again
  CHECK(world.one.led == 2);
  CHECK(world.one.elector.holds_for(14s));
}

TEST_CASE("A slow answer does not make the lease longer") {
  World world;
  world.one.transport.latency = 1s;
  world.start(world.one);
  world.pass(2s);  // the read and the create
  REQUIRE(world.one.led == 1);
  CHECK(world.one.elector.holds_for(13900ms));
  CHECK_FALSE(world.one.elector.holds_for(14s));
}

TEST_CASE("Who lost the lease to silence gets it again, unless somebody else has it") {
  World world;
  world.start(world.one);
  world.one.cut = true;
  world.pass(12s);
  REQUIRE(world.one.last);
  const bool taken = GENERATE(true, false);
  if (taken) {
    json other = *world.server.lease;
    other["spec"]["holderIdentity"] = "other";
    world.server.store(other);
  }
  test::Outcome<Result<Done>> again;
  test::start(world.io, world.one.elector.acquire_again(), again);
  world.pass(10s);
  CHECK_FALSE(again.value);  // nobody answers: it goes on trying
  world.one.cut = false;
  world.pass(5s);
  REQUIRE(again.value);
  if (taken) {
    CHECK(again.value->error().kind == Kind::conflict);
  } else {
    CHECK(again.value->has_value());
    CHECK(world.one.elector.holds_for(9s));
  }
}

TEST_CASE("A jump of the date changes nothing") {
  World world;
  world.start(world.one);
  world.start(world.two);
  world.pass(10s);
  world.clock.observe(world.clock.now() + 24h * 365);
  world.pass(1min);
  CHECK(world.two.led == 0);
  CHECK_FALSE(world.one.last);
}

TEST_CASE("Options that cannot work are refused") {
  test::FakeClock clock;
  test::FakeTransport transport{clock};
  Client client{transport, clock};
  asio::io_context io;
  const auto options =
      GENERATE(values<LeaseOptions>({{.identity = ""},
                                     {.identity = "x", .lease_duration = 10s},
                                     {.identity = "x", .renew_deadline = 2400ms}}));
  Elector elector(client, options, 1);
  CHECK(test::run(io, clock, elector.acquire()).error().kind == Kind::invalid);
  CHECK(transport.sent.empty());
}

TEST_CASE("Calls for the lease are short enough to try again before it ends") {
  World world;
  world.start(world.one);
  world.pass(10s);
  for (const auto& sent : world.one.transport.sent) CHECK(sent.deadline <= 5s);
}

}  // namespace
}  // namespace portcullis::kube
