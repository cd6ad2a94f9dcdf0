#include <catch2/catch.hpp>

#include "plan_world.hpp"

namespace portcullis::plan {
namespace {

TEST_CASE("A live grant gets one rule that says until when") {
  auto desired = desire();
  desired.opens = {open_of("g1", {"203.0.113.7"}, at("12:45:30"))};
  const auto plan = plan_rules(desired, group_of({}), noon);
  REQUIRE(plan.changes.size() == 1);
  const Change& change = plan.changes[0];
  CHECK(change.change_class == ChangeClass::open);
  CHECK(change.grants == Texts{"g1"});
  CHECK(change.rule.access == model::Access::allow);
  CHECK(change.rule.priority == 130);
  CHECK(change.rule.description == "portcullis/v1 open until=2026-11-22T12:45:30Z");
  CHECK(change.rule.name.starts_with("portcullis-abcd1234-open-"));
  CHECK(texts(change.rule.source) == Texts{"203.0.113.7/32"});
  CHECK(texts(change.rule.destination) == Texts{"10.0.0.4/32"});
  CHECK(plan.next_change == at("12:45:30"));
  CHECK(plan.wanted.at(0).grants == Texts{"g1"});
}

TEST_CASE("A grant is open from its start to its end, both to the second") {
  auto desired = desire();
  desired.opens = {open_of("g1", {"203.0.113.7"}, at("12:45:30.700"))};
  desired.opens[0].starts_at = at("12:10:00");
  const auto none = group_of({});
  CHECK(plan_rules(desired, none, at("12:09:59.999")).in_sync());
  CHECK(plan_rules(desired, none, noon).next_change == at("12:10:00"));
  CHECK(plan_rules(desired, none, noon).next_close == at("12:45:30"));
  CHECK_FALSE(plan_rules(desired, none, at("12:10:00")).in_sync());
  CHECK(plan_rules(desired, none, at("12:45:30")).in_sync());
  CHECK_FALSE(plan_rules(desired, none, at("12:45:30")).next_change);
}

TEST_CASE("Nothing is opened for the last half minute, but what is open stays") {
  auto desired = desire();
  desired.opens = {open_of("g1", {"203.0.113.7"}, at("12:45:30"))};
  CHECK_FALSE(plan_rules(desired, group_of({}), at("12:45:00")).in_sync());
  CHECK(plan_rules(desired, group_of({}), at("12:45:00.001")).in_sync());
  const auto group = opened(desired);
  CHECK(plan_rules(desired, group, at("12:45:29")).in_sync());
  CHECK(classes(plan_rules(desired, group, at("12:45:30"))) == Texts{"remove close"});
}

TEST_CASE("Grants that end in one minute share a rule, and each leaves at its own end") {
  auto desired = desire();
  desired.opens = {open_of("g1", {"203.0.113.7"}, at("12:45:10")),
                   open_of("g2", {"203.0.113.9"}, at("12:45:50")),
                   open_of("g3", {"203.0.113.9"}, at("12:46:30"))};
  auto group = opened(desired);
  REQUIRE(group.rules.size() == 2);

  const auto plan = plan_rules(desired, group, at("12:45:10"));
  CHECK(classes(plan) == Texts{"put close"});
  CHECK(texts(plan.changes.at(0).rule.source) == Texts{"203.0.113.9/32"});
  CHECK(plan.changes.at(0).rule.description == "portcullis/v1 open until=2026-11-22T12:45:50Z");
  REQUIRE(apply(group, plan) == "");
  CHECK(classes(plan_rules(desired, group, at("12:45:50"))) == Texts{"remove close"});
}

TEST_CASE("Overlapping grants of one slot are one minimal cover") {
  auto desired = desire();
  desired.opens = {open_of("g1", {"203.0.113.0/29", "203.0.113.8/29"}, at("12:45:00")),
                   open_of("g2", {"203.0.113.4"}, at("12:45:00"))};
  CHECK(texts(opened(desired).rules.at(0).source) == Texts{"203.0.113.0/28"});
}

TEST_CASE("Grants to other machines, ports or protocols never share a rule") {
  auto desired = desire();
  desired.opens = {open_of("g1", {"203.0.113.7"}, at("12:45:00")),
                   open_of("g2", {"203.0.113.8"}, at("12:45:00"), {"10.0.0.5"}),
                   open_of("g3", {"203.0.113.9"}, at("12:45:00")),
                   open_of("g4", {"203.0.113.10"}, at("12:45:00"))};
  desired.opens[2].ports = {port(3389)};
  desired.opens[3].protocol = model::Protocol::udp;
  CHECK(opened(desired).rules.size() == 4);
}

TEST_CASE("A rule is of one address family") {
  auto desired = desire();
  desired.opens = {
      open_of("g1", {"203.0.113.7", "2001:db8::7"}, at("12:45:00"), {"10.0.0.4", "fd00::4"}),
      open_of("g2", {"2001:db8::8"}, at("12:45:00"), {"10.0.0.4"})};
  const auto group = opened(desired);
  REQUIRE(group.rules.size() == 2);
  for (const auto& rule : group.rules) {
    CHECK(rule.source.prefixes.front().family == rule.destination.prefixes.front().family);
  }
}

TEST_CASE("What nobody wants closes when everything is known, and not before") {
  auto desired = desire();
  desired.opens = {open_of("g1", {"203.0.113.7"}, at("12:45:00"))};
  const auto group = opened(desired);
  desired.opens.clear();
  CHECK(classes(plan_rules(desired, group, noon)) == Texts{"remove close"});

  desired.everything_known = false;
  const auto careful = plan_rules(desired, group, noon);
  CHECK(careful.in_sync());
  CHECK(careful.wanted.size() == 1);
  CHECK(classes(plan_rules(desired, group, at("12:45:00"))) == Texts{"remove close"});

  desired.everything_known = true;
  desired.remove_orphans = false;
  const auto report = plan_rules(desired, group, noon);
  CHECK(report.in_sync());
  CHECK(report.wanted.empty());
  REQUIRE(find(report, ProblemKind::orphan_open) != nullptr);
  CHECK(find(report, ProblemKind::orphan_open)->rule == group.rules.at(0).name);
  CHECK(classes(plan_rules(desired, group, at("12:45:00"))) == Texts{"remove close"});
}

TEST_CASE("A grant that ended early closes at once, whatever else is unknown") {
  auto desired = desire();
  desired.opens = {open_of("g1", {"203.0.113.7"}, at("12:45:00")),
                   open_of("g2", {"203.0.113.9"}, at("12:45:00"))};
  const auto group = opened(desired);
  desired.everything_known = false;
  desired.opens.resize(1);
  desired.opens[0].ended = true;
  SECTION("where it was") {}
  SECTION("wherever it was") { desired.opens[0].destinations.clear(); }
  const auto plan = plan_rules(desired, group, noon);
  REQUIRE(classes(plan) == Texts{"put close"});
  CHECK(texts(plan.changes[0].rule.source) == Texts{"203.0.113.9/32"});
}

TEST_CASE("A second grant to the same source keeps it open when the first ends early") {
  auto desired = desire();
  desired.opens = {open_of("g1", {"203.0.113.7"}, at("12:45:00")),
                   open_of("g2", {"203.0.113.7"}, at("12:45:00"))};
  const auto group = opened(desired);
  desired.opens[0].ended = true;
  CHECK(plan_rules(desired, group, noon).in_sync());
}

TEST_CASE("When opening is not allowed, only closing goes on") {
  auto desired = desire();
  desired.opens = {open_of("g1", {"203.0.113.7"}, at("12:45:00"))};
  auto group = opened(desired);
  desired.may_open = false;
  desired.opens.push_back(open_of("g2", {"203.0.113.9"}, at("12:45:30")));
  desired.opens.push_back(open_of("g3", {"203.0.113.9"}, at("12:45:00")));
  desired.opens.push_back(open_of("g4", {"203.0.113.9"}, at("12:55:00")));
  CHECK(plan_rules(desired, group, noon).in_sync());

  group.rules.at(0).source = anywhere();
  const auto plan = plan_rules(desired, group, noon);
  CHECK(plan.changes.at(0).change_class == ChangeClass::close);
  CHECK(plan.changes.size() == 1);
}

TEST_CASE("A rule that somebody widened is narrowed at once, also when little is known") {
  auto desired = desire();
  desired.opens = {open_of("g1", {"203.0.113.7"}, at("12:45:00"))};
  auto group = opened(desired);
  desired.everything_known = GENERATE(true, false);
  auto& rule = group.rules.at(0);
  SECTION("its source") { rule.source = anywhere(); }
  SECTION("its source, by a tag") { rule.source.tags = {"Internet"}; }
  SECTION("its destination") { rule.destination = anywhere(); }
  SECTION("its ports") { rule.destination_ports = {model::PortRange{}}; }
  SECTION("its protocol") { rule.protocol = model::Protocol::any; }
  SECTION("something that cannot be read") { rule.readable = false; }
  SECTION("its end") { rule.description = "portcullis/v1 open until=2027-11-22T12:45:00Z"; }
  const auto plan = plan_rules(desired, group, noon);
  REQUIRE_FALSE(plan.in_sync());
  CHECK(plan.changes.at(0).change_class == ChangeClass::close);
  REQUIRE(apply(group, plan) == "");
  CHECK(plan_rules(desired, group, noon).in_sync());
  CHECK(texts(group.rules.at(0).source) == Texts{"203.0.113.7/32"});
}

TEST_CASE("An altered rule that nobody wants goes, also when little is known") {
  auto desired = desire();
  desired.opens = {open_of("g1", {"203.0.113.7"}, at("12:45:00"))};
  auto group = opened(desired);
  desired.opens.clear();
  desired.everything_known = false;
  group.rules.at(0).destination = from({"10.0.0.0/24"});
  CHECK(classes(plan_rules(desired, group, noon)) == Texts{"remove close"});
}

TEST_CASE("A rule that somebody narrowed, denied or moved is put right") {
  auto desired = desire();
  desired.opens = {open_of("g1", {"203.0.113.0/28"}, at("12:45:00"))};
  auto group = opened(desired);
  auto& rule = group.rules.at(0);
  SECTION("narrowed") { rule.source = from({"203.0.113.7"}); }
  SECTION("denied") { rule.access = model::Access::deny; }
  SECTION("made inert") { rule = make_inert(rule); }
  SECTION("turned outbound") { rule.direction = model::Direction::outbound; }
  SECTION("moved out of its band") { rule.priority = 500; }
  const auto plan = plan_rules(desired, group, noon);
  CHECK(classes(plan) == Texts{"put open"});
  CHECK(plan.changes.at(0).rule.priority == 130);
  REQUIRE(apply(group, plan) == "");
  CHECK(plan_rules(desired, group, noon).in_sync());
}

TEST_CASE("A rule that is narrowed while opening is not allowed stays where it is") {
  auto desired = desire();
  desired.opens = {open_of("g1", {"203.0.113.7"}, at("12:45:00"))};
  auto group = opened(desired);
  group.rules.at(0).priority = 500;
  group.rules.at(0).source = from({"203.0.113.7", "203.0.113.99"});
  desired.may_open = false;
  const auto plan = plan_rules(desired, group, noon);
  REQUIRE(classes(plan) == Texts{"put close"});
  CHECK(plan.changes[0].rule.priority == 500);
  desired.may_open = true;
  const auto moving = plan_rules(desired, group, noon);
  REQUIRE(classes(moving) == Texts{"put close"});
  CHECK(moving.changes[0].rule.priority == 130);
}

TEST_CASE("What may be an unresolved grant's is not moved to where it takes effect") {
  auto desired = desire();
  desired.opens = {open_of("g1", {"203.0.113.7"}, at("12:45:00"))};
  auto group = opened(desired);
  group.rules.at(0).priority = 500;
  desired.opens.clear();
  desired.everything_known = false;
  CHECK(plan_rules(desired, group, noon).in_sync());
}

TEST_CASE("Two rules at one priority, should a cloud ever show that, end at two") {
  auto desired = desire();
  desired.opens = {open_of("g1", {"203.0.113.7"}, at("12:45:00"))};
  auto group = opened(desired);
  group.rules.push_back(
      make_rule("corp", 130, model::Access::deny, from({"192.0.2.1"}), anywhere()));
  const auto plan = plan_rules(desired, group, noon);
  REQUIRE(classes(plan) == Texts{"put open"});
  CHECK(plan.changes[0].rule.priority == 131);
}

TEST_CASE("A rule that the cloud spells in another way is left alone") {
  auto desired = desire();
  desired.opens = {open_of("g1", {"203.0.113.0/28"}, at("12:45:00"))};
  auto group = opened(desired);
  auto& rule = group.rules.at(0);
  rule.name[0] = 'P';
  rule.source = from({"203.0.113.8/29", "203.0.113.0/29"});
  CHECK(plan_rules(desired, group, noon).in_sync());
}

TEST_CASE("A source joins and another leaves one slot: first out, then in") {
  auto desired = desire();
  desired.opens = {open_of("g1", {"203.0.113.7"}, at("12:45:00")),
                   open_of("g2", {"203.0.113.9"}, at("12:45:00"))};
  auto group = opened(desired);
  desired.opens = {open_of("g2", {"203.0.113.9"}, at("12:45:00")),
                   open_of("g3", {"203.0.113.11"}, at("12:45:00"))};
  const auto plan = plan_rules(desired, group, noon);
  REQUIRE(classes(plan) == Texts{"put close", "put open"});
  CHECK(texts(plan.changes[0].rule.source) == Texts{"203.0.113.9/32"});
  CHECK(texts(plan.changes[1].rule.source) == Texts{"203.0.113.9/32", "203.0.113.11/32"});
}

TEST_CASE("An inert rule that may not be deleted is clean-up, not closing") {
  auto desired = desire();
  desired.opens = {open_of("g1", {"203.0.113.7"}, at("12:45:00"))};
  auto group = opened(desired);
  group.rules.at(0) = make_inert(group.rules.at(0));
  const auto plan = plan_rules(desired, group, at("13:00:00"));
  CHECK(classes(plan) == Texts{"remove cleanup"});
  CHECK(plan.nothing_to_close());
}

TEST_CASE("What is past its end goes by a closing, also where another grant shares its minute") {
  auto desired = desire();
  desired.opens = {open_of("g1", {"203.0.113.7"}, at("12:45:10"))};
  auto group = opened(desired);
  desired.opens.push_back(open_of("g2", {"203.0.113.9"}, at("12:45:50")));
  const auto plan = plan_rules(desired, group, at("12:45:10"));
  CHECK(classes(plan) == Texts{"remove close", "put open"});
  CHECK(texts(plan.changes.at(1).rule.source) == Texts{"203.0.113.9/32"});
  CHECK(apply(group, plan) == "");
  CHECK(plan_rules(desired, group, at("12:45:10")).in_sync());

  group = opened({.instance = instance, .opens = {desired.opens[0]}, .everything_known = true});
  SECTION("where nothing may be opened it goes all the same") {
    desired.may_open = false;
    CHECK(classes(plan_rules(desired, group, at("12:45:10"))) == Texts{"remove close"});
  }
  SECTION("where it could only be made inert there is nothing to close") {
    group.rules.at(0) = make_inert(group.rules.at(0));
    CHECK(classes(plan_rules(desired, group, at("12:45:10"))) == Texts{"put open"});
  }
}

TEST_CASE("The longest overdue closes first, and every closing before any opening") {
  auto desired = desire();
  desired.opens = {open_of("g1", {"203.0.113.7"}, at("12:46:00")),
                   open_of("g2", {"203.0.113.7"}, at("12:45:00")),
                   open_of("g3", {"203.0.113.7"}, at("12:47:00"))};
  const auto group = opened(desired);
  desired.opens.push_back(open_of("g4", {"203.0.113.7"}, at("14:45:00")));
  const auto plan = plan_rules(desired, group, at("13:00:00"));
  REQUIRE(classes(plan) == Texts{"remove close", "remove close", "remove close", "put open"});
  CHECK(plan.changes[0].rule.description.find("12:45") != std::string::npos);
  CHECK(plan.changes[2].rule.description.find("12:47") != std::string::npos);
}

TEST_CASE("An open rule whose last write failed is written again, with leave to open only") {
  auto desired = desire();
  desired.opens = {open_of("g1", {"203.0.113.7"}, at("12:45:00"))};
  auto group = opened(desired);
  group.rules.at(0).unsettled = "Updating";
  CHECK(plan_rules(desired, group, noon).in_sync());
  group.rules.at(0).unsettled = "Failed";
  const auto plan = plan_rules(desired, group, noon);
  REQUIRE(classes(plan) == Texts{"put open"});
  CHECK(plan.changes[0].rule.settled());
  CHECK(classes(plan_rules(desired, group, at("13:00:00"))) == Texts{"remove close"});
  desired.may_open = false;
  CHECK(plan_rules(desired, group, noon).in_sync());
}

TEST_CASE("A rule that was not made inert with success may still let in") {
  auto desired = desire();
  desired.opens = {open_of("g1", {"203.0.113.7"}, at("12:45:00"))};
  auto group = opened(desired);
  group.rules.at(0) = make_inert(group.rules.at(0));
  group.rules.at(0).unsettled = GENERATE("Updating", "Failed");
  const auto plan = plan_rules(desired, group, at("13:00:00"));
  CHECK(classes(plan) == Texts{"remove close"});
  CHECK_FALSE(plan.nothing_to_close());
}

}  // namespace
}  // namespace portcullis::plan
