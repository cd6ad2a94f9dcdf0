// What groups and policies are asked for by, kept right through whatever becomes of them.

#include "controllers/group_views.hpp"
#include "controllers/policy_views.hpp"
#include "controllers/touched_groups.hpp"
#include "scene.hpp"

namespace portcullis::controllers {
namespace {

using Keys = std::set<std::string>;

const std::string instance = "abcd1234";
const std::string subscription = "11111111-1111-4111-8111-111111111111";
const std::string owner = plan::owner_of("prod", "team-a", "prod-ssh");

model::SecurityRule rule_of(plan::RuleKind kind) {
  const bool owned = kind == plan::RuleKind::lock || kind == plan::RuleKind::keep;
  plan::OwnMark mark{.kind = kind};
  if (owned) mark.owner = owner;
  if (!owned) mark.until = TimePoint{std::chrono::seconds(1'795'003'200)};
  return {.name = plan::rule_name(instance, kind, "x"),
          .description = plan::describe(mark),
          .priority = 200,
          .access = kind == plan::RuleKind::lock ? model::Access::deny : model::Access::allow,
          .source = {.prefixes = {prefix("203.0.113.7")}},
          .destination = {.prefixes = {prefix("10.0.0.4")}},
          .destination_ports = {{22, 22}}};
}

struct Groups {
  GroupViews groups{instance};

  Groups() {
    groups[key].id = nsg;
    groups["none"].id = "no id";
  }

  void read(std::vector<model::SecurityRule> rules) {
    groups[key].group = model::SecurityGroup{.id = nsg, .rules = std::move(rules)};
  }
  bool holds(Holds what) const { return groups.that_hold(what).contains(key); }
};

TEST_CASE_METHOD(Groups, "a group counts until a pass of it, or until it is gone",
                 "[controllers]") {
  REQUIRE(groups.by_subscription().size() == 1);
  CHECK(groups.by_subscription().at(subscription) == Keys{key});
  REQUIRE(groups.not_passed().contains(subscription));
  CHECK(groups.not_passed().at(subscription) == Keys{key});
  SECTION("passed") { groups[key].passed = true; }
  SECTION("gone") { groups[key].gone = true; }
  CHECK(groups.not_passed().empty());
  CHECK(groups.by_subscription().at(subscription) == Keys{key});
  groups[key].passed = false;
  groups[key].gone = false;
  CHECK(groups.not_passed().at(subscription) == Keys{key});
  groups.clear();
  CHECK(groups.not_passed().empty());
  CHECK(groups.by_subscription().empty());
}

TEST_CASE_METHOD(Groups, "a group that is forgotten is found by nothing any more",
                 "[controllers]") {
  read({rule_of(plan::RuleKind::open), rule_of(plan::RuleKind::lock)});
  SECTION("after somebody asked") { REQUIRE(holds(Holds::open)); }
  SECTION("before") {}
  groups.erase(key);
  CHECK_FALSE(groups.contains(key));
  CHECK_FALSE(holds(Holds::open));
  CHECK_FALSE(holds(Holds::passing));
  CHECK(groups.with_rules_of(owner).empty());
  CHECK(groups.not_passed().empty());
  CHECK(groups.by_subscription().empty());
  groups[key].id = nsg;
  CHECK(groups.not_passed().at(subscription) == Keys{key});
}

TEST_CASE_METHOD(Groups, "a group is found by the rules of its last reading", "[controllers]") {
  read({rule_of(plan::RuleKind::lock)});
  CHECK(groups.with_rules_of(owner) == Keys{key});
  CHECK_FALSE(holds(Holds::passing));
  CHECK_FALSE(holds(Holds::open));

  read({rule_of(plan::RuleKind::open), rule_of(plan::RuleKind::lock)});
  CHECK(groups.with_rules_of(owner) == Keys{key});
  CHECK(holds(Holds::open));
  CHECK(holds(Holds::passing));
  CHECK_FALSE(holds(Holds::inert));

  read({plan::make_inert(rule_of(plan::RuleKind::open))});
  CHECK(groups.with_rules_of(owner).empty());
  CHECK_FALSE(holds(Holds::open));
  CHECK(holds(Holds::inert));

  read({rule_of(plan::RuleKind::keep)});
  CHECK(groups.with_rules_of(owner) == Keys{key});
  CHECK(holds(Holds::passing));
  CHECK_FALSE(holds(Holds::inert));

  groups[key].group.reset();
  CHECK(groups.with_rules_of(owner).empty());
  CHECK_FALSE(holds(Holds::passing));
}

TEST_CASE_METHOD(Groups, "what is not clear is found until it is clear", "[controllers]") {
  CHECK_FALSE(holds(Holds::unclear));
  SECTION("a mark that cannot be read, until somebody removes the rule") {
    auto rule = rule_of(plan::RuleKind::open);
    rule.description = "by hand";
    read({rule});
    CHECK(holds(Holds::unclear));
    read({});
    CHECK_FALSE(holds(Holds::unclear));
  }
  SECTION("a group that cannot be read and had rules of ours, until it is read") {
    groups[key].listed_with_ours = true;
    CHECK(holds(Holds::unclear));
    read({});
    CHECK_FALSE(holds(Holds::unclear));
  }
  SECTION("the same, until it is gone") {
    groups[key].listed_with_ours = true;
    CHECK(holds(Holds::unclear));
    groups[key].gone = true;
    CHECK_FALSE(holds(Holds::unclear));
  }
}

TEST_CASE("a policy has the machines of its last pass", "[controllers]") {
  PolicyViews views;
  const auto target = [](const std::string& id) {
    plan::TargetState out;
    out.machine.id = id;
    return out;
  };
  views["a"].targets = {target("/VM/1"), target("/vm/2")};
  views["b"].targets = {target("/vm/2")};
  CHECK(views.having("/vm/1") == Keys{"a"});
  CHECK(views.having("/vm/2") == Keys{"a", "b"});
  views["a"] = {.uid = "another", .targets = {target("/vm/3")}};
  CHECK(views.having("/vm/1").empty());
  CHECK(views.having("/vm/2") == Keys{"b"});
  CHECK(views.having("/vm/3") == Keys{"a"});
  views.erase("a");
  CHECK(views.having("/vm/3").empty());
  views["a"].targets = {target("/vm/3")};
  CHECK(views.having("/vm/3") == Keys{"a"});
  views.clear();
  CHECK(views.having("/vm/2").empty());
}

TEST_CASE("policies that leave are known until they are gone", "[controllers]") {
  PolicyViews views;
  views["a"].uid = "a";
  CHECK(views.leaving().empty());
  views["a"].leaving = true;
  CHECK(views.leaving() == Keys{"a"});
  SECTION("gone") { views.erase("a"); }
  SECTION("another one of that name") { views["a"] = {.uid = "another"}; }
  CHECK(views.leaving().empty());
}

TEST_CASE("a machine that is a target twice has a place all the same", "[controllers]") {
  PolicyView view;
  plan::TargetState target;
  target.machine.id = "/vm/1";
  view.targets = {target, target};
  CHECK(view.place_of("/vm/1") == 0);
  CHECK(view.place_of("/vm/2") == std::nullopt);
  view.targets.clear();
  CHECK(view.place_of("/vm/1") == std::nullopt);
}

TEST_CASE("grants and the groups that they had rules in are known to each other", "[controllers]") {
  TouchedGroups touched;
  touched.add("one", "a");
  touched.add("one", "b");
  touched.add("two", "b");
  CHECK(touched.groups_of("one") == Keys{"a", "b"});
  CHECK(touched.grants_in("b") == Keys{"one", "two"});
  touched.erase("one");
  CHECK(touched.groups_of("one").empty());
  CHECK(touched.grants_in("a").empty());
  CHECK(touched.grants_in("b") == Keys{"two"});
  touched.clear();
  CHECK(touched.grants_in("b").empty());
}

}  // namespace
}  // namespace portcullis::controllers
