// What others do to rules of ours.

#include "controllers/drifts.hpp"

#include "controllers/account_reconciler.hpp"
#include "request_scene.hpp"

namespace portcullis::controllers {
namespace {

/// A grant that is open.
struct Fixture : RequestScene {
  AccountReconciler accounts{world, client, events};

  Fixture() { open(); }

  model::SecurityRule& rule(plan::RuleKind kind) {
    for (auto& each : cloud.groups.at(key).rules) {
      const auto mark = plan::read_mark(each, world.instance);
      const auto* own = std::get_if<plan::OwnMark>(&mark);
      if (own != nullptr && own->kind == kind) return each;
    }
    FAIL("there is no such rule");
    return cloud.groups.at(key).rules.front();
  }

  void remove(plan::RuleKind kind) {
    const std::string name = rule(kind).name;
    std::erase_if(cloud.groups.at(key).rules, [&](const auto& each) { return each.name == name; });
  }

  void on_drift(const char* mode) {
    api.edit("jitpolicies/prod-ssh", {{"spec", {{"onDrift", mode}}}});
    REQUIRE(policy_pass());
  }

  /// The group is read again, and what was found is told.
  void look() {
    REQUIRE(group_pass());
    REQUIRE(pass());
  }

  json drifted() { return condition("Drifted"); }
};

TEST_CASE_METHOD(Fixture, "as long as nobody else touches it nothing has drifted", "[drift]") {
  look();
  look();
  CHECK(drifted()["status"] == "False");
  CHECK(drifted()["reason"] == "AsWritten");
  clock.advance(10min);
  look();
  CHECK(state() == "Expired");
  CHECK(drifted()["status"] == "False");
  CHECK(world.groups.at(key).drifts.empty());
}

TEST_CASE_METHOD(Fixture, "a widened rule is corrected at once, and that is told for good",
                 "[drift]") {
  const char* mode = GENERATE("Correct", "Report");
  on_drift(mode);
  auto& open_rule = rule(plan::RuleKind::open);
  const std::string name = open_rule.name;
  open_rule.source = {.any = true};
  look();
  CHECK(to_string(rule(plan::RuleKind::open).source.prefixes.at(0)) == "203.0.113.7/32");
  CHECK(drifted()["status"] == "True");
  CHECK(drifted()["reason"] == "RuleWidened");
  CHECK(drifted()["message"] == "rule \"" + name +
                                    "\" in NSG \"nsg-web\" was changed by somebody: source was "
                                    "203.0.113.7/32, is any");
  CHECK(state() == "Active");

  SECTION("also after its end") {
    clock.advance(10min);
    look();
    CHECK(state() == "Expired");
    CHECK(drifted()["status"] == "True");
  }
  SECTION("also after a restart") {
    restart();
    REQUIRE(group_pass());
    REQUIRE(policy_pass());
    REQUIRE(pass());
    CHECK(drifted()["status"] == "True");
    CHECK(drifted()["reason"] == "RuleWidened");
  }
}

TEST_CASE_METHOD(Fixture, "a rule that was removed is put back, reported, or ends the grant",
                 "[drift]") {
  SECTION("Correct") {
    remove(plan::RuleKind::open);
    look();
    CHECK(is_open());
    CHECK(state() == "Active");
  }
  SECTION("Report") {
    on_drift("Report");
    remove(plan::RuleKind::open);
    cloud.writes.clear();
    look();
    look();
    CHECK_FALSE(is_open());
    CHECK(cloud.writes.empty());
    CHECK(condition("Ready")["status"] == "False");
    CHECK(message().find("onDrift: Report") != std::string::npos);
  }
  SECTION("Report, by a process that did not see it: a status decides about no write") {
    on_drift("Report");
    remove(plan::RuleKind::open);
    look();
    restart();
    REQUIRE(group_pass());
    REQUIRE(policy_pass());
    REQUIRE(pass());
    REQUIRE(group_pass());
    CHECK(is_open());
  }
  SECTION("End") {
    on_drift("End");
    remove(plan::RuleKind::open);
    look();
    look();
    CHECK_FALSE(is_open());
    CHECK(state() == "Revoked");
    CHECK(verdict_object()["spec"]["ended"]["reason"] == "Drifted");
  }
  CHECK(drifted()["reason"] == "RuleRemoved");
}

TEST_CASE_METHOD(Fixture, "a rule that was given another number of its band stays there",
                 "[drift]") {
  rule(plan::RuleKind::open).priority = 131;
  cloud.writes.clear();
  look();
  CHECK(drifted()["reason"] == "RuleEdited");
  CHECK(drifted()["message"].get<std::string>().ends_with("priority was 130, is 131"));
  CHECK(state() == "Active");
  CHECK(cloud.writes.empty());
}

TEST_CASE_METHOD(Fixture, "every other edit of a rule is put right", "[drift]") {
  auto& open_rule = rule(plan::RuleKind::open);
  std::string what;
  SECTION("a priority outside of the band") {
    open_rule.priority = 90 + 200;
    what = "priority was 130, is 290";
  }
  SECTION("access") {
    open_rule.access = model::Access::deny;
    what = "access was Allow, is Deny";
  }
  SECTION("direction") {
    open_rule.direction = model::Direction::outbound;
    what = "direction was Inbound, is Outbound";
  }
  SECTION("destination") {
    open_rule.destination.prefixes = {prefix("10.0.0.5")};
    what = "destination was 10.0.0.4/32, is 10.0.0.5/32";
  }
  SECTION("port") {
    open_rule.destination_ports = {{23, 23}};
    what = "ports was 22, is 23";
  }
  SECTION("protocol") {
    open_rule.protocol = model::Protocol::udp;
    what = "protocol was TCP, is UDP";
  }
  SECTION("description") {
    open_rule.description += " ";
    what = "its description was changed";
  }
  const auto before = world.groups.at(key).group->rules;
  look();
  look();
  look();
  CHECK(drifted()["message"].get<std::string>().find(what) != std::string::npos);
  CHECK(cloud.groups.at(key).rules == before);
  CHECK(world.groups.at(key).drifts.size() == 1);
}

TEST_CASE_METHOD(Fixture, "a lock that others remove comes back, and its policy tells it",
                 "[drift]") {
  remove(plan::RuleKind::lock);
  look();
  CHECK(kinds() == Kinds{"open", "lock", "foreign"});
  CHECK(world.policy_drifts.at("team-a/prod-ssh").reason == "RuleRemoved");
  REQUIRE(policy_pass());
  CHECK(world.policy_drifts.empty());
  CHECK(drifted()["status"] == "False");
}

TEST_CASE_METHOD(Fixture, "who keeps changing our rules is named", "[drift]") {
  const auto target = [this]() -> const plan::TargetState& {
    return world.policy_views.at("team-a/prod-ssh").targets.at(0);
  };
  for (int i = 0; i < 3; ++i) {
    remove(plan::RuleKind::lock);
    clock.advance(1min);
    REQUIRE(group_pass());
  }
  REQUIRE(policy_pass());
  CHECK(target().state == plan::TargetState::State::locked);
  remove(plan::RuleKind::lock);
  clock.advance(1min);
  REQUIRE(group_pass());
  REQUIRE(policy_pass());
  CHECK(target().state == plan::TargetState::State::contended);
  clock.advance(10min);
  REQUIRE(group_pass());
  REQUIRE(policy_pass());
  CHECK(target().state == plan::TargetState::State::locked);
}

TEST_CASE_METHOD(Fixture, "rules that nobody owns are told by their account", "[drift]") {
  const auto orphans = [this] {
    clock.advance(1min);
    REQUIRE(group_pass());
    api.deliver(world);
    REQUIRE(test::run(io, clock, accounts.reconcile("prod")));
    for (const json& one : api.objects.at("cloudaccounts/prod")["status"]["conditions"]) {
      if (one["type"] == "Orphans") return one;
    }
    return json();
  };
  CHECK(orphans()["status"] == "False");
  model::SecurityRule copy = rule(plan::RuleKind::lock);
  SECTION("a lock of a policy that is not there") {
    copy.name = plan::rule_name(world.instance, plan::RuleKind::lock, "another");
    copy.description =
        plan::describe({.kind = plan::RuleKind::lock, .owner = plan::owner_of("a", "b", "c")});
    copy.priority = 298;
    cloud.groups.at(key).rules.push_back(copy);
    const auto told = orphans();
    CHECK(told["status"] == "True");
    CHECK(told["reason"] == "OrphanLock");
    CHECK(told["message"].get<std::string>().find(copy.name) != std::string::npos);
  }
  SECTION("a rule whose mark cannot be read") {
    copy.name = plan::rule_name(world.instance, plan::RuleKind::lock, "another");
    copy.description = "portcullis/v1 lock owner=?";
    copy.priority = 298;
    cloud.groups.at(key).rules.push_back(copy);
    CHECK(orphans()["reason"] == "UnreadableMark");
  }
  CHECK(std::ranges::any_of(cloud.groups.at(key).rules,
                            [&](const auto& each) { return each.name == copy.name; }));
}

TEST_CASE_METHOD(Fixture, "an open rule that was nobody's is told when it is gone", "[drift]") {
  model::SecurityRule copy = rule(plan::RuleKind::open);
  copy.name = plan::rule_name(world.instance, plan::RuleKind::open, "another");
  copy.priority = 140;
  SECTION("it let in whom no grant lets in") {
    copy.source.prefixes = {*model::parse_prefix("198.51.100.9/32")};
    cloud.groups.at(key).rules.push_back(copy);
    clock.advance(1min);
    look();
    CHECK(world.orphans_closed == 1);
    REQUIRE(world.closed_orphans.at("prod").size() == 1);
    CHECK(world.closed_orphans.at("prod").front().find(copy.name) != std::string::npos);
    REQUIRE(test::run(io, clock, accounts.reconcile("prod")));
    CHECK(world.closed_orphans.empty());
  }
  SECTION("it was like the grant's own") {
    cloud.groups.at(key).rules.push_back(copy);
    clock.advance(1min);
    look();
    CHECK(world.orphans_closed == 0);
  }
  CHECK(kinds() == Kinds{"open", "lock", "foreign"});
}

TEST_CASE_METHOD(Fixture, "a shutter that is nobody's is told when it is gone", "[drift]") {
  model::SecurityRule shutter = rule(plan::RuleKind::open);
  const auto mark = plan::read_mark(shutter, world.instance);
  shutter.name = plan::rule_name(world.instance, plan::RuleKind::shut, "another");
  shutter.description =
      plan::describe({.kind = plan::RuleKind::shut, .until = std::get<plan::OwnMark>(mark).until});
  shutter.access = model::Access::deny;
  shutter.priority = 120;
  cloud.groups.at(key).rules.push_back(shutter);
  clock.advance(1min);
  look();
  CHECK(kinds() == Kinds{"open", "lock", "foreign"});
  CHECK(world.orphans_closed == 1);
  REQUIRE(world.closed_orphans.at("prod").size() == 1);
  CHECK(world.closed_orphans.at("prod").front().find(shutter.name) != std::string::npos);
}

}  // namespace
}  // namespace portcullis::controllers
