#include <catch2/catch.hpp>

#include "plan_world.hpp"

namespace portcullis::plan {
namespace {

TEST_CASE("A full band is a problem of the grants it stops, and not of others") {
  auto desired = desire();
  desired.bands.grants = {.from = 130, .to = 132};
  auto group = group_of({make_rule("corp", 131, model::Access::deny, from({"192.0.2.0/24"}),
                                   anywhere(), {port(80)})});
  for (const char* minute : {"12:41:00", "12:42:00", "12:43:00"}) {
    desired.opens.push_back(open_of(std::string("g") + minute, {"203.0.113.7"}, at(minute)));
  }
  const auto plan = plan_rules(desired, group, noon);
  CHECK(classes(plan) == Texts{"put open", "put open"});
  const auto* problem = find(plan, ProblemKind::no_free_priority);
  REQUIRE(problem != nullptr);
  CHECK(problem->grants.size() == 1);
  CHECK(plan.wanted.size() == 2);

  REQUIRE(apply(group, plan) == "");
  CHECK(plan_rules(desired, group, noon).in_sync());
  SECTION("the place of a rule that closes is taken when nothing else is left") {
    std::erase_if(desired.opens, [&](const OpenWant& want) {
      return plan.wanted.at(0).grants == Texts{want.grant};
    });
    const auto next = plan_rules(desired, group, noon);
    CHECK(classes(next) == Texts{"remove close", "put open"});
    CHECK(apply(group, next) == "");
  }
}

TEST_CASE("A group full of other rules takes no more, and closing still works") {
  auto desired = desire();
  desired.opens = {open_of("g1", {"203.0.113.7"}, at("12:45:00"))};
  auto group = opened(desired);
  for (int i = 0; i < most_rules - 1; ++i) {
    group.rules.push_back(make_rule("f" + std::to_string(i), 1000 + i, model::Access::deny,
                                    from({"192.0.2.1"}), from({"192.0.2.2"})));
  }
  desired.opens.push_back(open_of("g2", {"203.0.113.7"}, at("12:46:00")));
  const auto plan = plan_rules(desired, group, noon);
  CHECK(plan.in_sync());
  REQUIRE(find(plan, ProblemKind::no_capacity) != nullptr);
  CHECK(find(plan, ProblemKind::no_capacity)->grants == Texts{"g2"});
  CHECK(classes(plan_rules(desired, group, at("12:45:00"))) == Texts{"remove close", "put open"});
}

TEST_CASE("Prefixes are counted as the cloud counts them") {
  auto desired = desire();
  auto group =
      group_of({make_rule("many", 1000, model::Access::deny, from({"192.0.2.1"}), anywhere())});
  group.rules[0].source.prefixes.assign(most_prefixes - 1, prefix("192.0.2.1"));
  desired.opens = {open_of("g1", {"203.0.113.7"}, at("12:45:00"))};
  CHECK_FALSE(plan_rules(desired, group, noon).in_sync());
  desired.opens = {open_of("g1", {"203.0.113.7", "203.0.113.9"}, at("12:45:00"))};
  CHECK(plan_rules(desired, group, noon).in_sync());
}

TEST_CASE("A mark that cannot be read is reported and left, unless that very rule is wanted") {
  auto desired = desire();
  desired.opens = {open_of("g1", {"203.0.113.7"}, at("12:45:00"))};
  auto group = opened(desired);
  group.rules.at(0).description = "do not touch";
  CHECK(classes(plan_rules(desired, group, noon)) == Texts{"put close"});
  desired.opens.clear();
  const auto plan = plan_rules(desired, group, at("14:00:00"));
  CHECK(plan.in_sync());
  CHECK(find(plan, ProblemKind::unreadable_mark) != nullptr);
}

TEST_CASE("Another instance's rules are left alone, overdue or not, and reported") {
  auto desired = desire();
  desired.opens = {open_of("g1", {"203.0.113.7"}, at("12:45:00"))};
  const auto group = opened(desired);
  desired.instance = "zzzz9999";
  desired.opens.clear();
  const auto plan = plan_rules(desired, group, at("14:00:00"));
  CHECK(plan.in_sync());
  REQUIRE(find(plan, ProblemKind::other_instance) != nullptr);
  CHECK(find(plan, ProblemKind::other_instance)->until == at("12:45:00"));
}

TEST_CASE("A shutter stays as long as something behind it has to close") {
  auto desired = desire();
  desired.opens = {open_of("g1", {"203.0.113.7"}, at("12:45:00"))};
  auto group = opened(desired);
  auto shutter = make_rule(rule_name(instance, RuleKind::shut, "s"), 120, model::Access::deny,
                           from({"203.0.113.7"}), from({"10.0.0.4"}), {port(22)});
  shutter.description = describe({.kind = RuleKind::shut, .until = at("12:40:00")});
  group.rules.push_back(shutter);
  desired.opens.clear();

  const auto plan = plan_rules(desired, group, noon);
  CHECK(classes(plan) == Texts{"remove close"});
  REQUIRE(apply(group, plan) == "");
  CHECK(classes(plan_rules(desired, group, noon)) == Texts{"remove cleanup"});
  desired.everything_known = false;
  CHECK(plan_rules(desired, group, at("13:00:00")).in_sync());
  group.rules.at(0).access = model::Access::allow;
  CHECK(classes(plan_rules(desired, group, noon)) == Texts{"remove close"});
}

}  // namespace
}  // namespace portcullis::plan
