#include "controllers/wiring.hpp"

#include "controllers/resources.hpp"
#include "controllers/status_writer.hpp"
#include "request_scene.hpp"

namespace portcullis::controllers {
namespace {

struct Wired : RequestScene {
  Wired() {
    wire(world);
    asio::co_spawn(io, world.request_queue.run_timers(), asio::detached);
    asio::co_spawn(io, take(*this), asio::detached);
    test::settle(io);
    taken = 0;
  }
  ~Wired() {
    world.request_queue.stop();
    test::settle(io);
  }

  /// Writes what differs from the cache.
  void write(const std::string& message) {
    const json status = {{"state", "Pending"}, {"message", message}};
    model::Meta meta{.ns = "team-a", .name = "ssh", .uid = "request"};
    meta.resource_version = asked()["metadata"]["resourceVersion"];
    REQUIRE(test::run(io, clock,
                      write_status(world, client, controllers::requests, meta,
                                   world.stores.requests.find("team-a/ssh")->status, status)));
  }

  int taken = 0;
  static Task<void> take(Wired& self) {
    while (const auto key = co_await self.world.request_queue.take()) {
      ++self.taken;
      self.world.request_queue.done(*key);
    }
  }
};

TEST_CASE_METHOD(Wired, "a status of ours that comes back cuts no wait short", "[controllers]") {
  write("one");
  api.deliver(world);
  clock.run_for(io, 5min);
  CHECK(taken == 0);

  // Somebody else's is put right, though not at once.
  asked()["status"]["message"] = "nonsense";
  api.deliver(world);
  clock.run_for(io, 25s);
  CHECK(taken == 0);
  clock.run_for(io, 5s);
  CHECK(taken == 1);
}

TEST_CASE_METHOD(Wired, "what was written last and comes late is looked at if it is not wanted now",
                 "[controllers]") {
  write("as before");
  api.deliver(world);
  clock.run_for(io, 1min);
  write("lost");
  write("as before");  // the cache still shows that: there is nothing to write
  CHECK(asked()["status"]["message"] == "lost");
  taken = 0;
  api.deliver(world);
  clock.run_for(io, 1s);
  CHECK(taken == 1);
  write("as before");
  CHECK(asked()["status"]["message"] == "as before");
}

TEST_CASE_METHOD(Wired, "a group that has to close while it is worked on is hurried",
                 "[controllers]") {
  world.mark_group(nsg, runtime::Workqueue::Urgency::normal);
  REQUIRE(test::run(io, clock, world.group_queue.take()) == key);
  world.mark_group(nsg, runtime::Workqueue::Urgency::normal);
  CHECK(cloud.hurried.empty());
  world.mark_group(nsg, runtime::Workqueue::Urgency::closing);
  CHECK(cloud.hurried == std::vector<std::string>{nsg});
  world.group_queue.done(key);
}

}  // namespace
}  // namespace portcullis::controllers
