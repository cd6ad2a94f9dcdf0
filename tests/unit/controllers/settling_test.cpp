#include "controllers/settling.hpp"

#include "controllers/target_judge.hpp"
#include "request_scene.hpp"

namespace portcullis::controllers {
namespace {

/// A cloud whose readings show states of provisioning.
struct Settling : RequestScene {
  model::SecurityRule& rule(const std::string& kind) {
    auto& rules = cloud.groups.at(key).rules;
    const auto found = std::ranges::find_if(rules, [&](const auto& each) {
      return each.name.find("-" + kind + "-") != std::string::npos;
    });
    REQUIRE(found != rules.end());
    return *found;
  }

  plan::TargetState judged() {
    plan::TargetState target = world.policy_views.at("team-a/prod-ssh").targets.front();
    judge_target(world, *world.stores.accounts.find("prod"),
                 *world.stores.policies.find("team-a/prod-ssh"), target);
    return target;
  }

  Duration next_pass() {
    const auto next = group_pass();
    REQUIRE(next);
    return *next->at - clock.now();
  }
};

TEST_CASE_METHOD(Settling, "a grant is open when its rule is, not when it is shown",
                 "[controllers]") {
  cloud.on_call = [this](const std::string& call) {
    if (call != "read_group" || !is_open()) return;
    rule("open").unsettled = "Updating";
  };
  REQUIRE(pass());
  REQUIRE(pass());
  CHECK(next_pass() == 2s);
  REQUIRE(pass());
  CHECK(state() == "Opening");
  CHECK(condition("Ready")["reason"] == "Opening");
  CHECK(message().find("is Updating, so it may not be in force") != std::string::npos);

  SECTION("it is looked at again, ever more rarely") {
    CHECK(next_pass() == 4s);
    CHECK(next_pass() == 8s);
    for (int i = 0; i < 10; ++i) group_pass();
    CHECK(next_pass() == 60s);
  }
  SECTION("and is open when that has ended well") {
    cloud.on_call = nullptr;
    rule("open").unsettled.clear();
    CHECK(next_pass() > 8s);
    REQUIRE(pass());
    CHECK(state() == "Active");
  }
  SECTION("what failed is written again, and told until it succeeded") {
    cloud.on_call = nullptr;
    rule("open").unsettled = "Failed";
    cloud.fail_always["put " + rule("open").name] = {.kind = Error::Kind::invalid,
                                                     .message = "400 again"};
    REQUIRE(group_pass());
    REQUIRE(pass());
    CHECK(condition("Ready")["reason"] == "CloudError");
    cloud.fail_always.clear();
    clock.advance(2s);
    REQUIRE(group_pass());
    CHECK(rule("open").settled());
    REQUIRE(pass());
    CHECK(state() == "Active");
  }
}

TEST_CASE_METHOD(Settling, "what was planned before the grant says nothing about it",
                 "[controllers]") {
  REQUIRE(pass());
  REQUIRE(pass());
  world.groups[key].dirty = false;  // it is being read, or will be written to for long
  REQUIRE(pass());
  CHECK(condition("Ready")["reason"] == "Opening");
  CHECK(message().find("are being written") != std::string::npos);
}

TEST_CASE_METHOD(Settling, "our own lock is not what people have to remove", "[controllers]") {
  world.account_views["prod"].listed = false;
  REQUIRE(pass());
  REQUIRE(pass());
  REQUIRE(group_pass());
  REQUIRE(pass());
  CHECK(condition("Ready")["reason"] == "Opening");
  CHECK(message() == "opens when all NSGs of the account have been read");
}

TEST_CASE_METHOD(Settling, "a lock that is not settled locks nothing", "[controllers]") {
  REQUIRE(judged().state == plan::TargetState::State::locked);
  rule("lock").unsettled = GENERATE("Updating", "Failed");
  cloud.on_call = [this](const std::string& call) {
    if (call.starts_with("put ")) {
      cloud.fail_once[call] = {.kind = Error::Kind::unavailable, .message = "500", .status = 500};
    }
  };
  REQUIRE(group_pass());
  CHECK(judged().state == plan::TargetState::State::locking);
  CHECK(judged().message.find("nsg-web") != std::string::npos);
  cloud.on_call = nullptr;
  if (rule("lock").unsettled == "Updating") rule("lock").unsettled.clear();
  clock.advance(2s);
  REQUIRE(group_pass());
  CHECK(rule("lock").settled());
  CHECK(judged().state == plan::TargetState::State::locked);
}

TEST_CASE_METHOD(Settling, "nothing is proven closed while its group is being changed",
                 "[controllers]") {
  open();
  api.edit("accessrequests/ssh", {{"spec", {{"revoke", true}}}});
  REQUIRE(pass());
  cloud.groups.at(key).provisioning_state = "Updating";
  CHECK(next_pass() == 2s);
  CHECK_FALSE(is_open());
  REQUIRE(pass());
  CHECK(state() == "Closing");
  CHECK(message().find("is being changed (Updating)") != std::string::npos);
  cloud.groups.at(key).provisioning_state = "Succeeded";
  REQUIRE(group_pass());
  REQUIRE(pass());
  CHECK(state() == "Revoked");
}

}  // namespace
}  // namespace portcullis::controllers
