#include "kube/events.hpp"

#include <catch2/catch.hpp>

#include <set>

#include "support/fake_transport.hpp"
#include "support/run.hpp"
#include "watch_text.hpp"

namespace portcullis::kube {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;

const Resource gadgets{.group = "example.com",
                       .version = "v1",
                       .plural = "gadgets",
                       .kind = "Gadget",
                       .namespaced = false};

struct World {
  test::FakeClock clock{*parse_rfc3339("2026-11-22T18:45:00.25Z")};
  test::FakeTransport transport{clock};
  Client client{transport, clock};
  EventSender sender{client, "op-0"};
  bool ended = false;
  asio::io_context io;

  World() {
    transport.serve = [](const net::Request&) {
      return net::Response{.status = 201, .body = "{}"};
    };
  }
  void start() {
    asio::co_spawn(io, sender.run(), [this](std::exception_ptr problem) {
      if (problem) std::rethrow_exception(problem);
      ended = true;
    });
    test::settle(io);
  }
  json body(std::size_t index) const { return json::parse(transport.sent.at(index).request.body); }
};

EventNote note(const std::string& reason = "AccessGranted") {
  return {.resource = widgets,
          .name = {.ns = "team-a", .name = "ssh-1"},
          .uid = "u-1",
          .reason = reason,
          .action = "Open",
          .note = "opened"};
}

TEST_CASE("An event has all that the API server and kubectl describe ask for") {
  World world;
  world.start();
  world.sender.send(note());
  test::settle(world.io);
  REQUIRE(world.transport.sent.size() == 1);
  const auto& request = world.transport.last();
  CHECK(request.method == "POST");
  CHECK(request.target.starts_with("/apis/events.k8s.io/v1/namespaces/team-a/events?"));
  json body = world.body(0);
  const auto name = body["metadata"]["name"].get<std::string>();
  CHECK(name.starts_with("ssh-1."));
  CHECK(name.size() == 6 + 16);
  body["metadata"].erase("name");
  CHECK(body == json::parse(R"({"apiVersion":"events.k8s.io/v1","kind":"Event",
    "metadata":{"namespace":"team-a"},"eventTime":"2026-11-22T18:45:00.250000Z",
    "reportingController":"portcullis.dev/operator","reportingInstance":"op-0",
    "action":"Open","reason":"AccessGranted","type":"Normal","note":"opened",
    "regarding":{"apiVersion":"example.com/v1","kind":"Widget","namespace":"team-a",
                 "name":"ssh-1","uid":"u-1"}})"));
}

TEST_CASE("Events on cluster-scoped objects stand in namespace default") {
  World world;
  world.start();
  EventNote about = note();
  about.resource = gadgets;
  about.name = {.name = "prod"};
  about.warning = true;
  world.sender.send(about);
  test::settle(world.io);
  CHECK(world.transport.last().target.starts_with("/apis/events.k8s.io/v1/namespaces/default/"));
  CHECK_FALSE(world.body(0)["regarding"].contains("namespace"));
  CHECK(world.body(0)["type"] == "Warning");
}

TEST_CASE("Long texts are cut between characters, long names stay valid") {
  World world;
  world.start();
  EventNote about = note();
  about.note = std::string(999, 'x') + "üü";
  about.name.name = std::string(229, 'n') + "-" + std::string(20, 'm');
  world.sender.send(about);
  test::settle(world.io);
  CHECK(world.body(0)["note"] == std::string(999, 'x'));
  const auto name = world.body(0)["metadata"]["name"].get<std::string>();
  CHECK(name.size() <= 253);
  CHECK(name.find("-.") == std::string::npos);
}

TEST_CASE("Every event has a name of its own, even in the same millisecond") {
  World world;
  world.start();
  for (int i = 0; i < 50; ++i) world.sender.send(note());
  test::settle(world.io);
  std::set<std::string> names;
  for (std::size_t i = 0; i < 50; ++i) names.insert(world.body(i)["metadata"]["name"]);
  CHECK(names.size() == 50);
}

TEST_CASE("A failed event is dropped, not repeated, and the next one goes out") {
  World world;
  int calls = 0;
  world.transport.serve = [&calls](const net::Request&) {
    return ++calls == 1 ? net::Response{.status = 403, .body = "no"}
                        : net::Response{.status = 201, .body = "{}"};
  };
  world.start();
  world.sender.send(note("First"));
  world.sender.send(note("Second"));
  test::settle(world.io);
  CHECK(world.transport.sent.size() == 2);
  CHECK(world.sender.dropped() == 1);
  CHECK(world.body(1)["reason"] == "Second");
}

TEST_CASE("The queue is bounded; the oldest go first, and eventTime is when it happened") {
  World world;
  world.sender.send(note("Oldest"));
  for (int i = 0; i < 1000; ++i) world.sender.send(note("Later"));
  CHECK(world.sender.dropped() == 1);
  world.clock.advance(1h);
  world.start();
  CHECK(world.transport.sent.size() == 1000);
  CHECK(world.body(0)["reason"] == "Later");
  CHECK(world.body(0)["eventTime"] == "2026-11-22T18:45:00.250000Z");
}

TEST_CASE("Stop lets the queue go out, two seconds long") {
  World world;
  world.transport.latency = 500ms;
  world.start();
  for (int i = 0; i < 20; ++i) world.sender.send(note());
  test::settle(world.io);
  world.sender.stop();
  CHECK_FALSE(world.ended);
  world.clock.run_for(world.io, 2s);
  CHECK(world.ended);
  CHECK(world.transport.sent.size() == 4);
  CHECK(world.sender.dropped() == 16);
  world.sender.send(note());
  world.clock.run_for(world.io, 1min);
  CHECK(world.transport.sent.size() == 4);
}

TEST_CASE("Stop with a server that never answers takes two seconds; idle, it takes none") {
  World world;
  world.start();
  if (GENERATE(true, false)) {
    world.transport.latency = 1h;
    world.sender.send(note());
    test::settle(world.io);
    world.sender.stop();
    world.clock.run_for(world.io, 2s);
  } else {
    world.sender.stop();
    test::settle(world.io);
  }
  CHECK(world.ended);
}

}  // namespace
}  // namespace portcullis::kube
