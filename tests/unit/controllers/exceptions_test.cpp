// Exceptions of a policy, from its spec to the rules of a group and to what is said of its
// machines.

#include "controllers/target_judge.hpp"
#include "plan/rule_plan.hpp"
#include "request_scene.hpp"

namespace portcullis::controllers {
namespace {

struct Excepted : RequestScene {
  static constexpr const char* name = "jitpolicies/prod-ssh";

  static json port(int number, const json& sources) {
    json out = {{"port", number}, {"protocol", "TCP"}, {"maxDuration", "1h"}};
    if (!sources.empty()) out["exceptions"] = {{{"sources", sources}, {"reason", "bastion"}}};
    return out;
  }

  void say(const json& ports) {
    api.edit(name, {{"spec", {{"ports", ports}}}});
    REQUIRE(policy_pass());
  }

  /// A machine more, which the account does not give it: never all of its machines are read.
  void have_unread_machine() {
    json targets = policy()["spec"]["targets"];
    targets.push_back({{"virtualMachine", {{"resourceGroup", "elsewhere"}, {"name", "web-2"}}}});
    api.edit(name, {{"spec", {{"targets", targets}}}});
    REQUIRE(policy_pass());
    REQUIRE_FALSE(world.policy_views.at("team-a/prod-ssh").complete);
  }

  bool has_keep() const { return std::ranges::count(kinds(), "keep") != 0; }

  plan::TargetState::State judged() {
    const auto live = world.stores.policies.find("team-a/prod-ssh");
    plan::TargetState target = world.policy_views.at("team-a/prod-ssh").targets.at(0);
    judge_target(world, *world.stores.accounts.find("prod"), *live, target);
    return target.state;
  }
};

const json bastion = json::array({"198.51.100.0/28"});

TEST_CASE_METHOD(Excepted, "an exception that is none any more closes, whatever is not read",
                 "[controllers]") {
  say(json::array({port(22, bastion)}));
  REQUIRE(group_pass());
  REQUIRE(kinds() == Kinds{"keep", "lock", "foreign"});
  have_unread_machine();
  REQUIRE(group_pass());
  REQUIRE(kinds() == Kinds{"keep", "lock", "foreign"});
  const json less = json::array({"198.51.100.0/29"});
  const bool narrowed = GENERATE(true, false);
  say(json::array({port(22, narrowed ? less : json::array())}));
  CHECK(judged() != plan::TargetState::State::locked);
  REQUIRE(group_pass());
  CHECK(has_keep() == narrowed);
  if (narrowed) {
    CHECK(to_string(cloud.groups[key].rules.front().source.prefixes.at(0)) == "198.51.100.0/29");
  }
  CHECK(judged() == plan::TargetState::State::locked);
}

TEST_CASE_METHOD(Excepted, "who is no exception is not counted as one for a rule's mark",
                 "[controllers]") {
  say(json::array({port(22, bastion)}));
  have_unread_machine();
  REQUIRE(group_pass());
  CHECK(judged() == plan::TargetState::State::locked);
  // Somebody makes up a rule with the policy's mark: names are hashes of what is known to all.
  plan::GroupDesired forged{.instance = world.instance};
  forged.keeps = {{.owner = plan::owner_of("prod", "team-a", "prod-ssh"),
                   .destinations = {prefix("10.0.0.4")},
                   .ports = {{22, 22}},
                   .protocol = model::Protocol::tcp,
                   .sources = {prefix("203.0.113.0/24")}}};
  auto rule = plan::plan_rules(forged, {}, clock.now()).changes.at(0).rule;
  rule.priority = 285;
  cloud.groups[key].rules.push_back(rule);
  REQUIRE(group_pass());
  CHECK(std::ranges::count(kinds(), "keep") == 1);
  CHECK(judged() == plan::TargetState::State::locked);
}

}  // namespace
}  // namespace portcullis::controllers
