#include "controllers/evidence.hpp"
#include "controllers/group_reconciler.hpp"
#include "scene.hpp"
#include "support/run.hpp"

namespace portcullis::controllers {
namespace {

/// A grant that ended early, and whose rule a plan left standing, for whatever reason.
struct Standing : Scene {
  GroupReconciler reconciler{world, client, [] { return true; }};
  asio::io_context io;  // last: its coroutines must die before what they refer to

  Standing() {
    REQUIRE(test::run(io, clock, reconciler.reconcile(key)));
    grant();
    REQUIRE(test::run(io, clock, reconciler.reconcile(key)));
    REQUIRE(kinds() == Kinds{"open", "lock", "foreign"});
    GroupView& view = world.groups[key];
    view.plan.wanted.front().grants.clear();
    view.read_at = clock.now();
    view.passed = true;
    view.dirty = false;
  }

  const model::AccessVerdict& over() const { return *world.stores.verdicts.find("team-a/request"); }
  plan::Evidence look() const { return gather_evidence(world, over(), clock.now()); }
  bool wakes() const { return !groups_to_read(world, over(), clock.now()).empty(); }
  plan::WantedRule& wanted() { return world.groups[key].plan.wanted.front(); }
  model::SecurityRule& rule() { return world.groups[key].group->rules.front(); }

  /// Another live grant to the same machine, from the same source.
  void grant_to_another() {
    json other = verdict();
    other["metadata"]["name"] = "b";
    other["metadata"]["uid"] = "b";
    other["spec"]["requestRef"] = {{"name", "b"}, {"uid", "b"}};
    world.stores.verdicts.begin_replace();
    simdjson::dom::parser parser;
    world.stores.verdicts.put(parser.parse(live_verdict.dump()).value());
    world.stores.verdicts.put(parser.parse(other.dump()).value());
    world.stores.verdicts.end_replace();
    wanted().grants = {"b"};
  }
};

TEST_CASE_METHOD(Standing, "while a rule lets in for a grant it is not closed", "[controllers]") {
  const auto evidence = look();
  CHECK_FALSE(evidence.closed);
  CHECK(evidence.message.find(rule().name) != std::string::npos);
  SECTION("a plan that did not know of the end is made anew, one that did would be the same") {
    CHECK(wakes());
    world.groups[key].known_over.insert("verdict");
    CHECK_FALSE(wakes());
  }
  SECTION("one that is inert lets nobody in") {
    rule() = plan::make_inert(rule());
    CHECK(look().closed);
  }
  SECTION("one that is not settled may do what it did before, whatever it says") {
    rule() = plan::make_inert(rule());
    rule().unsettled = GENERATE("Updating", "Failed");
    const auto unsettled = look();
    CHECK_FALSE(unsettled.closed);
    CHECK(unsettled.message.find(rule().unsettled) != std::string::npos);
    CHECK(unsettled.waits_for == nsg);
  }
  SECTION("not even one that now stands for another's source alone") {
    rule().source.prefixes = {prefix("203.0.113.99")};
    CHECK(look().closed);
    rule().unsettled = "Updating";
    CHECK_FALSE(look().closed);
  }
  SECTION("one that is gone while the group is being changed may be in force") {
    std::erase(world.groups[key].group->rules, model::SecurityRule(rule()));
    world.groups[key].group->provisioning_state = "Updating";
    CHECK_FALSE(look().closed);
    // That the last write of anything failed says nothing about this rule.
    world.groups[key].group->provisioning_state = "Failed";
    CHECK(look().closed);
  }
  SECTION("one that is gone lets nobody in") {
    std::erase(world.groups[key].group->rules, model::SecurityRule(rule()));
    CHECK(look().closed);
  }
  SECTION("one that ends in another minute is not its") {
    rule().description =
        plan::describe({.kind = plan::RuleKind::open, .until = plan::ends_at(over()) + 5min});
    CHECK(look().closed);
  }
  SECTION("one for other ports is not its") {
    rule().destination_ports = {{3389, 3389}};
    CHECK(look().closed);
  }
}

TEST_CASE_METHOD(Standing, "a rule that stands for another's grant alone holds up nobody",
                 "[controllers]") {
  grant_to_another();
  CHECK(look().closed);
  SECTION("but one that lets in more than that other's does") {
    rule().source.prefixes.push_back(prefix("203.0.113.99"));
    CHECK_FALSE(look().closed);
  }
}

}  // namespace
}  // namespace portcullis::controllers
