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
  void write(const std::string& message) { REQUIRE(try_to_write(message)); }
  Result<bool> try_to_write(const std::string& message) {
    const json status = {{"state", "Pending"}, {"message", message}};
    model::Meta meta{.ns = "team-a", .name = "ssh", .uid = "request"};
    if (is_held()) meta.resource_version = asked()["metadata"]["resourceVersion"];
    const auto shown = world.stores.requests.find("team-a/ssh");
    const auto seen = shown ? shown->status : model::SeenStatus{};
    return test::run(io, clock,
                     write_status(world, client, controllers::requests, meta, seen, status));
  }

  /// Somebody else does.
  void scribble() {
    asked()["status"]["message"] = "nonsense";
    asked()["metadata"]["resourceVersion"] = std::to_string(++scribbled);
  }

  void check_repaired_in_time() {
    taken = 0;
    clock.run_for(io, 25s);
    CHECK(taken == 0);
    clock.run_for(io, 5s);
    CHECK(taken == 1);
  }

  int scribbled = 1'000'000;
  int taken = 0;
  std::map<std::string, runtime::Workqueue::Urgency> taken_as;
  static Task<void> take(Wired& self) {
    while (const auto key = co_await self.world.request_queue.take()) {
      ++self.taken;
      self.taken_as[*key] = self.world.request_queue.taken_as(*key);
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

TEST_CASE_METHOD(Wired, "a status of ours is remembered until the cache shows it",
                 "[controllers]") {
  write("one");
  CHECK(world.written_status.size() == 1);
  api.deliver(world);
  CHECK(world.written_status.empty());
  SECTION("what comes again as it was is no news") {
    asked()["metadata"]["resourceVersion"] = "of somebody's label";
    api.deliver(world);
    clock.run_for(io, 5min);
    CHECK(taken == 0);
  }
  SECTION("what somebody else writes then is put right") {
    scribble();
    api.deliver(world);
    check_repaired_in_time();
    write("one");
    CHECK(asked()["status"]["message"] == "one");
    api.deliver(world);
    CHECK(world.written_status.empty());
    // And once more, as if it had never happened.
    scribble();
    api.deliver(world);
    check_repaired_in_time();
  }
  SECTION("what an API server shows that was restored from an older copy is put right") {
    const auto copy = api.objects;
    write("two");
    api.deliver(world);
    api.objects = copy;
    api.deliver(world);
    check_repaired_in_time();
    write("two");
    CHECK(asked()["status"]["message"] == "two");
  }
  SECTION("what is written as it was needs nothing to be remembered") {
    write("one");
    CHECK(world.written_status.empty());
  }
}

TEST_CASE_METHOD(Wired, "what somebody else writes before ours was seen is put right",
                 "[controllers]") {
  write("one");
  scribble();
  api.deliver(world);  // a new list: nobody ever saw ours
  check_repaired_in_time();
  write("one");
  CHECK(asked()["status"]["message"] == "one");
  api.deliver(world);
  CHECK(world.written_status.empty());
}

TEST_CASE_METHOD(Wired, "a status whose writing failed is not taken for written", "[controllers]") {
  const std::string patch = "PATCH accessrequests/ssh/status";
  write("one");
  api.deliver(world);
  SECTION("it was refused") {
    api.broken.insert(patch);
    CHECK_FALSE(try_to_write("two"));
    CHECK(asked()["status"]["message"] == "one");
    api.broken.clear();
    write("two");
    CHECK(asked()["status"]["message"] == "two");
  }
  SECTION("it was refused, and somebody else writes") {
    api.broken.insert(patch);
    CHECK_FALSE(try_to_write("two"));
    scribble();
    api.deliver(world);
    check_repaired_in_time();
  }
  SECTION("it was refused, and another one is wanted by then") {
    api.broken.insert(patch);
    CHECK_FALSE(try_to_write("two"));
    write("one");
    CHECK(asked()["status"]["message"] == "one");
    scribble();
    api.deliver(world);
    check_repaired_in_time();
  }
  SECTION("it was written, and the answer was lost") {
    api.lost.insert(patch);
    CHECK_FALSE(try_to_write("two"));
    api.deliver(world);
    api.lost.clear();
    clock.run_for(io, 5min);
    CHECK(taken == 0);
    write("two");
    CHECK(std::ranges::count(api.writes, patch) == 2);
  }
  api.deliver(world);
}

TEST_CASE_METHOD(Wired, "nothing is remembered of an object that is gone", "[controllers]") {
  SECTION("deleted before ours was seen") {
    write("one");
    api.objects.erase("accessrequests/ssh");
    api.deliver(world);
  }
  SECTION("another one of its name came") {
    write("one");
    asked()["metadata"]["uid"] = "another";
    api.deliver(world);
  }
  SECTION("deleted before ours came") {
    api.objects.erase("accessrequests/ssh");
    api.deliver(world);
    CHECK(try_to_write("one"));  // by a pass that began before
  }
  CHECK(world.written_status.empty());
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

TEST_CASE_METHOD(Wired, "what ends by a policy is looked at before all that waits under it",
                 "[controllers]") {
  using runtime::Workqueue;
  json other = asked();
  other["metadata"]["name"] = "waiting";
  other["metadata"]["uid"] = "other";
  api.objects["accessrequests/waiting"] = other;
  open();
  taken_as.clear();
  json spec;
  SECTION("a suspension") { spec = {{"suspend", true}}; }
  SECTION("a port less") {
    spec = {{"ports", json::array({{{"port", 443}, {"protocol", "TCP"}, {"maxDuration", "1h"}}})}};
  }
  api.edit("jitpolicies/prod-ssh", {{"spec", spec}});
  api.deliver(world);
  test::settle(io);
  CHECK(taken_as ==
        std::map<std::string, Workqueue::Urgency>{{"team-a/ssh", Workqueue::Urgency::closing},
                                                  {"team-a/waiting", Workqueue::Urgency::normal}});
  // When that is written, there is no hurry.
  REQUIRE(pass());
  taken_as.clear();
  api.deliver(world);
  api.edit("jitpolicies/prod-ssh", {{"spec", {{"limits", {{"active", 3}}}}}});
  api.deliver(world);
  test::settle(io);
  CHECK(taken_as.at("team-a/ssh") == Workqueue::Urgency::normal);
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
