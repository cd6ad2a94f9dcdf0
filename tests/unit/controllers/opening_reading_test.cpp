#include "controllers/evidence.hpp"
#include "request_scene.hpp"

namespace portcullis::controllers {
namespace {

/// A grant on a machine that was last read long ago: lists confirm it, and lists lag. Its address
/// is another machine's by now.
struct Moved : RequestScene {
  Moved() {
    REQUIRE(pass());
    REQUIRE(is_decided());
    world.machines[model::resource_key(vm)].read_at = clock.now() - reading_opens_for - 1s;
    cloud.machines[model::resource_key(vm)].paths[0].address = prefix("10.0.0.9");
    api.deliver(world);
    world.coming.settle("request");  // as its watch event does
    cloud.calls.clear();
  }

  bool opens_to(const char* address) const {
    return std::ranges::any_of(cloud.groups.at(key).rules, [&](const auto& rule) {
      return rule.access == model::Access::allow && !rule.destination.any &&
             std::ranges::count(rule.destination.prefixes, prefix(address)) > 0;
    });
  }
  bool reads_machine() const { return std::ranges::count(cloud.calls, "read_machine") > 0; }
};

TEST_CASE_METHOD(Moved, "nothing opens by what a machine had long ago", "[controllers]") {
  world.mark_group(nsg, runtime::Workqueue::Urgency::normal);  // for a reason of its own
  REQUIRE(group_pass());
  CHECK_FALSE(is_open());
  CHECK_FALSE(reads_machine());  // a closing of this group would have to wait for it
  CHECK(world.request_queue.ready() == 1);

  REQUIRE(pass());
  CHECK(reads_machine());
  CHECK(world.groups[key].dirty);
  REQUIRE(group_pass());
  CHECK(opens_to("10.0.0.9"));
  CHECK_FALSE(opens_to("10.0.0.4"));
}

TEST_CASE_METHOD(Moved, "nor while it cannot be read; its group is not asked for again and again",
                 "[controllers]") {
  cloud.fail_always["read_machine"] = {.kind = Error::Kind::unavailable, .message = "503"};
  world.mark_group(nsg, runtime::Workqueue::Urgency::normal);
  const auto next = group_pass();
  REQUIRE(next);
  CHECK((next->at >= clock.now() + 5s));  // a reading of it each second would be for nothing
  std::set<std::string> said;
  for (int i = 0; i < 3; ++i) {
    clock.advance(10s);
    pass();
    CHECK_FALSE(world.groups[key].dirty);
    said.insert(message());
  }
  // The requester is told what it waits for, in words that do not change with each try.
  CHECK(said.size() == 1);
  CHECK(message().find("machine web-1 cannot be read, and nothing opens by what it was at 20") ==
        0);
  CHECK(message().ends_with(": 503"));
  CHECK(condition("Ready")["reason"] == "CloudError");
  REQUIRE(group_pass());
  CHECK_FALSE(is_open());
  cloud.fail_always.clear();
  clock.advance(10s);
  REQUIRE(pass());
  REQUIRE(group_pass());
  CHECK(opens_to("10.0.0.9"));
}

TEST_CASE_METHOD(Moved, "a status that says it was open before opens nothing", "[controllers]") {
  cloud.fail_always["read_machine"] = {.kind = Error::Kind::unavailable, .message = "503"};
  asked()["status"]["state"] = "Opening";
  asked()["status"]["openedAt"] = format_rfc3339(clock.now());
  pass();
  pass();
  world.mark_group(nsg, runtime::Workqueue::Urgency::normal);
  REQUIRE(group_pass());
  CHECK_FALSE(is_open());
}

TEST_CASE_METHOD(Moved, "a request says that it waits for a reading that nobody refused",
                 "[controllers]") {
  world.mark_group(nsg, runtime::Workqueue::Urgency::normal);
  REQUIRE(group_pass());
  const auto granted = world.stores.verdicts.find("team-a/request");
  REQUIRE(granted);
  const auto evidence = gather_evidence(world, *granted, std::nullopt);
  CHECK(evidence.reason == "Opening");
  CHECK(evidence.message.find("machine web-1 is being read: nothing opens by what it was at") == 0);
}

TEST_CASE_METHOD(RequestScene, "what is open stays though its machine cannot be read",
                 "[controllers]") {
  open();
  cloud.fail_always["read_machine"] = {.kind = Error::Kind::unavailable, .message = "503"};
  clock.advance(5min);
  pass();
  world.mark_group(nsg, runtime::Workqueue::Urgency::normal);
  REQUIRE(group_pass());
  CHECK(is_open());
}

}  // namespace
}  // namespace portcullis::controllers
