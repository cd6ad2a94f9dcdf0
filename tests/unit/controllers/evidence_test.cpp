#include "controllers/evidence.hpp"

#include "scene.hpp"

namespace portcullis::controllers {
namespace {

/// A grant that has ended, and a group that has been read since.
struct Fixture : Scene {
  TimePoint end;

  Fixture() {
    grant();
    end = clock.now() + 10min;
    clock.advance(10min);
    read_group();
  }

  const model::AccessVerdict& over() const { return **world.stores.verdicts.all().begin(); }

  void read_group() {
    GroupView& view = world.groups[key];
    view.group = cloud.groups[key];
    view.read_at = clock.now();
    view.passed = true;
    view.dirty = false;
  }

  plan::Evidence look() const { return gather_evidence(world, over(), end); }
};

TEST_CASE_METHOD(Fixture, "closed is what was read after the end, with nothing left to close",
                 "[controllers]") {
  const auto evidence = look();
  INFO(evidence.message);
  CHECK(evidence.closed);
  CHECK_FALSE(evidence.open);
}

TEST_CASE_METHOD(Fixture, "too little knowledge is no proof", "[controllers]") {
  SECTION("the group was read before the end") { world.groups[key].read_at = end - 1ms; }
  SECTION("what is wanted of the group has changed since") { world.groups[key].dirty = true; }
  SECTION("the group on the way cannot be read") { world.groups[key].group.reset(); }
  SECTION("the groups of the account were not listed") {
    world.account_views["prod"].listed = false;
  }
  SECTION("a listed group has not been tried") {
    world.groups["other"].id = sub + "net/providers/Microsoft.Network/networkSecurityGroups/other";
  }
  SECTION("the machine was not read") { world.machines.clear(); }
  SECTION("no account has the subscription") {
    world.stores.accounts.begin_replace();
    world.stores.accounts.end_replace();
    world.remembered_accounts.clear();
  }
  SECTION("a rule named like ours lets its source in, and its mark was cleared") {
    model::SecurityRule rule = cloud.groups[key].rules.front();
    rule.name = plan::rule_name(world.instance, plan::RuleKind::open, "x");
    rule.description = "";
    rule.priority = 130;
    world.groups[key].group->rules.push_back(rule);
  }
  const auto evidence = look();
  CHECK_FALSE(evidence.closed);
  CHECK_FALSE(evidence.message.empty());
}

TEST_CASE_METHOD(Fixture, "what others broke elsewhere holds up nobody", "[controllers]") {
  const std::string other = sub + "net/providers/Microsoft.Network/networkSecurityGroups/other";
  GroupView& view = world.groups[model::resource_key(other)];
  view.id = other;
  view.passed = true;
  view.error = Error{.kind = Error::Kind::forbidden, .message = "403"};
  SECTION("a group on somebody else's way that cannot be read") { CHECK(look().closed); }
  SECTION("but one that was listed with rules of ours does") {
    view.listed_with_ours = true;
    CHECK_FALSE(look().closed);
  }
  SECTION("a rule named like ours for another source") {
    view.error.reset();
    view.read_at = clock.now();
    view.group = model::SecurityGroup{.id = other};
    model::SecurityRule rule = cloud.groups[key].rules.front();
    rule.name = plan::rule_name(world.instance, plan::RuleKind::open, "x");
    rule.source = {.prefixes = {prefix("198.51.100.1")}};
    view.group->rules.push_back(rule);
    CHECK(look().closed);
  }
}

TEST_CASE_METHOD(Fixture, "a rule without its mark holds up whom it can let in", "[controllers]") {
  model::SecurityRule rule = cloud.groups[key].rules.front();
  rule.name = plan::rule_name(world.instance, plan::RuleKind::open, "x");
  rule.priority = 130;
  const auto closed_beside = [&] {
    world.groups[key].group->rules.push_back(rule);
    return look().closed;
  };
  SECTION("from everywhere to everything") {
    rule.destination_ports = {{}};
    CHECK_FALSE(closed_beside());
  }
  SECTION("to a range with its port") {
    rule.destination_ports = {{443, 443}, {20, 30}};
    CHECK_FALSE(closed_beside());
  }
  SECTION("to its machine") {
    rule.destination = {.prefixes = {prefix("10.0.0.0/24")}};
    CHECK_FALSE(closed_beside());
  }
  SECTION("to others' ports") {
    rule.destination_ports = {{443, 443}, {8000, 8010}};
    CHECK(closed_beside());
  }
  SECTION("with another protocol") {
    rule.protocol = model::Protocol::udp;
    CHECK(closed_beside());
  }
  SECTION("to others' machines") {
    rule.source = {.tags = {"Internet"}};
    rule.destination = {.prefixes = {prefix("10.0.0.5")}};
    CHECK(closed_beside());
  }
  SECTION("to machines that cannot be told from its own") {
    rule.destination = {.prefixes = {prefix("10.0.0.5")}};
    SECTION("by a group") { rule.destination.groups = {"asg"}; }
    SECTION("its machine is gone, and so are its addresses") {
      world.machines[model::resource_key(vm)].machine.reset();
      world.machines[model::resource_key(vm)].gone = true;
    }
    CHECK_FALSE(closed_beside());
  }
  SECTION("a rule that is not understood") {
    rule.readable = false;
    rule.destination_ports = {{443, 443}};
    CHECK_FALSE(closed_beside());
  }
}

TEST_CASE_METHOD(Fixture, "a machine that is gone has no ways left", "[controllers]") {
  MachineView& view = world.machines[model::resource_key(vm)];
  view.machine.reset();
  CHECK_FALSE(look().closed);
  view.gone = true;
  CHECK(look().closed);
}

TEST_CASE_METHOD(Fixture, "a grant that ended before its start was never open", "[controllers]") {
  world.machines.clear();
  CHECK(gather_evidence(world, over(), plan::starts_at(over()) - 1s).closed);
  CHECK_FALSE(gather_evidence(world, over(), plan::starts_at(over())).closed);
}

}  // namespace
}  // namespace portcullis::controllers
