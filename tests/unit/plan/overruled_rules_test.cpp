#include <catch2/catch.hpp>

#include "plan_world.hpp"

// Exceptions at machines about which somebody else decides.
namespace portcullis::plan {
namespace {

Overruled overruled_at(const std::vector<std::string>& machines) {
  return {.owner = owner_a, .destinations = prefixes(machines), .ports = {port(22)}};
}

/// Of its machines none is read, and another policy decides about these.
GroupDesired unread_and_overruled(const std::vector<std::string>& machines) {
  auto desired = two_machines();
  desired.locks.clear();
  desired.keeps = {keep_of(owner_a, {}, {"10.0.9.0/28"})};
  desired.overruled = {overruled_at(machines)};
  return desired;
}

const model::SecurityRule& keep_in(const model::SecurityGroup& group) {
  return *std::ranges::find_if(group.rules, is_allow);
}

TEST_CASE("Where somebody else decides an exception closes, and goes on elsewhere") {
  const auto before = two_machines();
  auto group = opened(before);
  auto desired = unread_and_overruled({"10.0.0.6"});
  SECTION("though no machine of its policy is read") {}
  SECTION("though one is") {
    desired.locks = {lock_of(owner_a, {"10.0.0.4"})};
    desired.keeps.push_back(keep_of(owner_a, {"10.0.0.4"}, {"10.0.9.0/28"}));
  }
  SECTION("though its policy wants it there") {
    desired.locks = before.locks;
    desired.keeps = before.keeps;
  }
  SECTION("though all are read") {
    desired.locks = before.locks;
    desired.keeps = before.keeps;
    desired.releases = {{.owner = owner_a}};
  }
  SECTION("though its policy cannot be read") { desired.exceptions_known.clear(); }
  SECTION("though no exception may be made") { desired.may_keep = false; }
  SECTION("though the group may not be written") { desired.may_add = false; }
  SECTION("for one of its ports") {
    auto wide = before;
    wide.locks[0].ports = wide.keeps[0].ports = {{.first = 20, .last = 25}};
    group = opened(wide);
    desired.keeps[0].ports = wide.keeps[0].ports;
    desired.overruled[0].protocol = model::Protocol::tcp;
  }
  const auto plan = plan_rules(desired, group, noon);
  REQUIRE(classes(plan) == Texts{"put close"});
  CHECK(texts(plan.changes[0].rule.destination) == Texts{"10.0.0.4/32"});
  CHECK(plan.changes[0].rule.name == keep_in(group).name);
  REQUIRE(apply(group, plan) == "");
  CHECK(plan_rules(desired, group, noon).in_sync());
}

TEST_CASE("One whose policy leaves is narrowed at once and goes last") {
  auto group = opened(two_machines());
  auto desired = unread_and_overruled({"10.0.0.6"});
  desired.releases = {{.owner = owner_a, .why = ReleaseEvidence::Why::leaving}};
  const auto plan = plan_rules(desired, group, noon);
  REQUIRE(classes(plan) == Texts{"put close", "remove unlock", "remove unlock"});
  CHECK(texts(plan.changes[0].rule.destination) == Texts{"10.0.0.4/32"});
  CHECK(is_allow(plan.changes[2].rule));
  REQUIRE(apply(group, plan) == "");
  CHECK(group.rules.empty());
}

TEST_CASE("An exception that counts nowhere is gone") {
  const auto group = opened(two_machines());
  const auto plan = plan_rules(unread_and_overruled({"10.0.0.0/24"}), group, noon);
  REQUIRE(classes(plan) == Texts{"remove close"});
  CHECK(plan.changes[0].rule.name == keep_in(group).name);
}

TEST_CASE("An exception stays where nobody else decides about it") {
  auto before = two_machines();
  auto desired = unread_and_overruled({"10.0.0.6"});
  SECTION("but about another machine") {
    desired.overruled[0].destinations = prefixes({"10.0.0.5"});
  }
  SECTION("but about another port") { desired.overruled[0].ports = {port(3389)}; }
  SECTION("but about another policy's") { desired.overruled[0].owner = owner_b; }
  SECTION("but about another protocol") {
    before.keeps[0].protocol = desired.keeps[0].protocol = model::Protocol::tcp;
    desired.overruled[0].protocol = model::Protocol::udp;
  }
  CHECK(plan_rules(desired, opened(before), noon).in_sync());
}

TEST_CASE("What an exception is for and what a policy says instead is for where it counts") {
  auto group = opened(two_machines());
  auto desired = unread_and_overruled({"10.0.0.6"});
  desired.keeps = {keep_of(owner_a, {}, {"10.0.9.0/24"}),
                   keep_of(owner_a, {"10.0.0.4"}, {"10.0.9.0/24"})};
  CHECK(classes(plan_rules(desired, group, noon)) == Texts{"put close", "put keep"});
  REQUIRE(apply(group, plan_rules(desired, group, noon)) == "");
  for (const auto& rule : group.rules) {
    if (is_allow(rule)) CHECK(texts(rule.destination) == Texts{"10.0.0.4/32"});
  }
}

}  // namespace
}  // namespace portcullis::plan
