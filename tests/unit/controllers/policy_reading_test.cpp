#include "request_scene.hpp"

namespace portcullis::controllers {
namespace {

using cloud::Work;

/// A new policy: neither it nor its machine is known yet.
struct Fresh : RequestScene {
  Fresh() {
    world.machines.erase(model::resource_key(vm));
    world.policy_views.erase("team-a/prod-ssh");
    cloud.machine_reads.clear();
  }

  json ready() {
    for (const auto& condition : api.objects.at("jitpolicies/prod-ssh")["status"]["conditions"]) {
      if (condition["type"] == "Ready") return condition;
    }
    return nullptr;
  }
};

TEST_CASE_METHOD(Fresh, "who writes a policy waits for no survey", "[controllers]") {
  REQUIRE(policy_pass());
  CHECK(cloud.machine_reads == std::vector{Work::opening});

  cloud.machine_reads.clear();
  clock.advance(1min);
  SECTION("what was judged a minute ago can wait") {
    REQUIRE(policy_pass());
    CHECK(cloud.machine_reads == std::vector{Work::survey});
  }
  SECTION("and so can what was judged before a start") {
    REQUIRE(group_pass());
    REQUIRE(policy_pass());
    REQUIRE_FALSE(ready().is_null());
    cloud.machine_reads.clear();
    restart();
    REQUIRE(policy_pass());
    CHECK(cloud.machine_reads == std::vector{Work::survey});
  }
  SECTION("but not what was ready and is not any more") {
    REQUIRE(group_pass());
    REQUIRE(policy_pass());
    REQUIRE(ready()["status"] == "True");
    restart();
    REQUIRE(group_pass());
    cloud.fail_always["read_machine"] = {.kind = Error::Kind::timeout, .message = "no connection"};
    REQUIRE_FALSE(policy_pass());
    REQUIRE(ready()["status"] == "False");
    cloud.machine_reads.clear();
    clock.advance(1min);
    REQUIRE_FALSE(policy_pass());
    CHECK(cloud.machine_reads == std::vector{Work::opening});
  }
  SECTION("but not what was changed") {
    api.edit("jitpolicies/prod-ssh", {{"spec", {{"maxDuration", "10m"}}}});
    REQUIRE(policy_pass());
    CHECK(cloud.machine_reads == std::vector{Work::opening});
  }
}

TEST_CASE_METHOD(Fresh, "a new policy waits for no survey until its machines have been read",
                 "[controllers]") {
  cloud.fail_always["read_machine"] = {.kind = Error::Kind::timeout, .message = "no connection"};
  for (int i = 0; i < 3; ++i) {
    REQUIRE_FALSE(policy_pass());
    clock.advance(10s);
  }
  CHECK(cloud.machine_reads == std::vector(3, Work::opening));
}

TEST_CASE_METHOD(Fresh, "a machine that the cloud does not show is not said to be none",
                 "[controllers]") {
  const auto [kind, reason] = GENERATE(table<Error::Kind, std::string>({
      {Error::Kind::not_found, "TargetNotFound"},
      {Error::Kind::timeout, "CloudError"},
      {Error::Kind::unavailable, "CloudError"},
      {Error::Kind::throttled, "Throttled"},
      {Error::Kind::forbidden, "NotPermitted"},
      {Error::Kind::unauthorized, "CredentialFailed"},
      {Error::Kind::malformed, "TargetNotFound"},
  }));
  cloud.fail_always["read_machine"] = {.kind = kind, .message = "as the cloud said"};
  const auto passed = policy_pass();
  CAPTURE(static_cast<int>(kind));
  CHECK(ready()["status"] == "False");
  CHECK(ready()["reason"] == reason);
  // What may be mended any moment is tried again with the queue's growing waits, not in a minute.
  if (kind != Error::Kind::not_found) CHECK_FALSE(passed);
}

TEST_CASE_METHOD(Fresh, "a machine that was not read is tried again, though others are read",
                 "[controllers]") {
  REQUIRE(policy_pass());  // its status says something from now on
  json named = api.objects["jitpolicies/prod-ssh"];
  named["spec"]["targets"].push_back(
      {{"virtualMachine", {{"resourceGroup", "web"}, {"name", "web-2"}}}});
  api.objects["jitpolicies/prod-ssh"] = named;
  restart();
  cloud.fail_always["read_machine"] = {.kind = Error::Kind::timeout, .message = "no connection"};
  REQUIRE_FALSE(policy_pass());
  cloud.fail_always.clear();
  clock.advance(failure_counts_for);
  cloud.on_call = [&](const std::string& call) {
    if (call == "read_machine" && cloud.machine_reads.size() > 3) {
      cloud.fail_once[call] = {.kind = Error::Kind::timeout, .message = "no connection"};
    }
  };
  CHECK_FALSE(policy_pass());
}

}  // namespace
}  // namespace portcullis::controllers
