#include <catch2/catch.hpp>

#include "plan/exceptions.hpp"
#include "plan_world.hpp"

// Exceptions that stand, against what their policies say now: with all machines read, and without.
namespace portcullis::plan {
namespace {

KeepWant said(const std::vector<std::string>& sources) { return keep_of(owner_a, {}, sources); }

/// Then one of them is not read any more, and the policy says this.
GroupDesired half_read(const std::vector<std::string>& sources) {
  auto desired = desire();
  desired.exceptions_known = {owner_a};
  desired.locks = {lock_of(owner_a, {"10.0.0.4"})};
  desired.keeps = {keep_of(owner_a, {"10.0.0.4"}, sources), said(sources)};
  return desired;
}

const model::SecurityRule& keep_in(const model::SecurityGroup& group) {
  return *std::ranges::find_if(group.rules, is_allow);
}

TEST_CASE("An exception that its policy says no more closes, though no machine is read") {
  auto desired = two_machines();
  const auto group = opened(desired);
  desired.locks.clear();
  desired.keeps.clear();
  SECTION("when there is none any more") {}
  SECTION("when there are others") { desired.keeps = {said({"10.0.8.0/28"})}; }
  SECTION("when it is of another port") {
    desired.keeps = {said({"10.0.9.0/28"})};
    desired.keeps[0].ports = {port(3389)};
  }
  SECTION("when only a part of it is left") { desired.keeps = {said({"10.0.9.0/29"})}; }
  SECTION("when it is another policy's") {
    desired.keeps = {said({"10.0.9.0/28"})};
    desired.keeps[0].owner = owner_b;
  }
  const auto plan = plan_rules(desired, group, noon);
  REQUIRE(classes(plan) == Texts{"remove close"});
  CHECK(plan.changes[0].rule.name == keep_in(group).name);
  CHECK(plan.changes[0].reason == "the policy has no such exception");
}

TEST_CASE("An exception that its policy still says stays, though no machine is read") {
  auto desired = two_machines();
  const auto group = opened(desired);
  desired.locks.clear();
  desired.keeps.clear();
  SECTION("in the same words") { desired.keeps = {said({"10.0.9.0/28"})}; }
  SECTION("in two") { desired.keeps = {said({"10.0.9.0/29"}), said({"10.0.9.8/29"})}; }
  SECTION("for more ports") {
    desired.keeps = {said({"10.0.9.0/28"})};
    desired.keeps[0].ports = {{.first = 20, .last = 25}};
    desired.keeps[0].protocol = model::Protocol::any;
  }
  SECTION("as far as is known: its policy cannot be read") { desired.exceptions_known.clear(); }
  CHECK(plan_rules(desired, group, noon).in_sync());
}

TEST_CASE("A rule that somebody made up under a policy's mark is no exception of it") {
  auto forged = two_machines();
  SECTION("for addresses") { forged.keeps[0].sources = prefixes({"0.0.0.0/1"}); }
  SECTION("for a tag") {
    forged.keeps[0].sources.clear();
    forged.keeps[0].service_tag = "Internet";
  }
  auto group = opened(forged);
  const auto desired = half_read({"10.0.9.0/28"});
  CHECK(classes(plan_rules(desired, group, noon)) == Texts{"remove close", "put keep"});
}

TEST_CASE("What a policy says instead is for the machines, too, that are not read but locked") {
  auto group = opened(two_machines());
  SECTION("more: what stands goes when all is read, whoever comes in meanwhile may") {
    auto desired = half_read({"10.0.9.0/24"});
    CHECK(classes(plan_rules(desired, group, noon)) == Texts{"put keep"});
    REQUIRE(apply(group, plan_rules(desired, group, noon)) == "");
    CHECK(texts(group.rules.back().destination) == Texts{"10.0.0.4/32", "10.0.0.6/32"});
    desired.releases = {{.owner = owner_a}};
    auto all = classes(plan_rules(desired, group, noon));
    std::ranges::sort(all);  // two closings have no order but their names'
    CHECK(all == Texts{"put close", "put unlock", "remove close"});
  }
  SECTION("less") {
    const auto desired = half_read({"10.0.9.0/29"});
    CHECK(classes(plan_rules(desired, group, noon)) == Texts{"remove close", "put keep"});
    REQUIRE(apply(group, plan_rules(desired, group, noon)) == "");
    CHECK(texts(keep_in(group).destination) == Texts{"10.0.0.4/32", "10.0.0.6/32"});
  }
}

TEST_CASE("An exception of one port is from the lock of all ports of its protocol") {
  auto desired = two_machines();
  desired.locks[0].ports = {port(22), port(3389)};
  desired.locks[0].protocol = model::Protocol::tcp;
  desired.keeps[0].protocol = model::Protocol::tcp;
  auto group = opened(desired);
  SECTION("whose policy nobody knows: both stay") {
    desired.locks.clear();
    desired.keeps.clear();
    desired.exceptions_known.clear();
    CHECK(plan_rules(desired, group, noon).in_sync());
  }
  SECTION("of which one machine is not read: it stays for both") {
    desired.locks[0].destinations = prefixes({"10.0.0.4"});
    desired.keeps[0].destinations = prefixes({"10.0.0.4"});
    CHECK(plan_rules(desired, group, noon).in_sync());
  }
  SECTION("whose policy leaves: it goes last") {
    desired.locks.clear();
    desired.keeps.clear();
    desired.releases = {{.owner = owner_a, .why = ReleaseEvidence::Why::leaving}};
    const auto plan = plan_rules(desired, group, noon);
    REQUIRE(classes(plan) == Texts{"remove unlock", "remove unlock"});
    CHECK(is_allow(plan.changes[1].rule));
  }
  SECTION("which never was one of other ports") {
    desired.locks.clear();
    desired.keeps.clear();
    desired.exceptions_known.clear();
    std::ranges::find_if_not(group.rules, is_allow)->destination_ports = {port(3389)};
    CHECK(classes(plan_rules(desired, group, noon)) == Texts{"remove close"});
  }
}

TEST_CASE("An exception stays as long as what takes its place may not or cannot be written") {
  auto desired = two_machines();
  const auto group = opened(desired);
  desired.keeps[0].sources = prefixes({"10.0.9.0/24"});
  desired.releases = {{.owner = owner_a}};
  REQUIRE(classes(plan_rules(desired, group, noon)) == Texts{"put keep", "remove unlock"});
  SECTION("for whose it is cannot be told") { desired.may_keep = false; }
  SECTION("for the group may not be written") { desired.may_add = false; }
  SECTION("for no priority is free") { desired.bands.locks = {.from = 299, .to = 299}; }
  SECTION("beside what another policy leaves behind") {
    desired.may_keep = false;
    auto both = group;
    auto others = two_machines();
    others.locks[0].owner = others.keeps[0].owner = owner_b;
    REQUIRE(apply(both, plan_rules(others, both, noon)) == "");
    desired.releases.push_back({.owner = owner_b, .why = ReleaseEvidence::Why::leaving});
    CHECK(classes(plan_rules(desired, both, noon)) == Texts{"remove unlock", "remove unlock"});
  }
  const auto plan = plan_rules(desired, group, noon);
  CHECK(std::ranges::none_of(plan.changes, [&](const Change& change) {
    return change.rule.name == keep_in(group).name && change.kind == Change::Kind::remove;
  }));
}

/// A policy that cannot be read stands beside those that say this.
GroupDesired beside_unread(GroupDesired desired) {
  desired.may_keep = false;
  return desired;
}

TEST_CASE("Where no exception may be made, a narrower one takes the place of a wider one") {
  auto desired = beside_unread(two_machines());
  auto earlier = two_machines();
  Texts sources{"10.0.9.0/29"};
  const Texts machines{"10.0.0.4/32", "10.0.0.6/32"};
  desired.keeps[0].sources = prefixes(sources);
  SECTION("from fewer sources") {}
  SECTION("of fewer ports") {
    sources = {"10.0.9.0/28"};
    desired.keeps[0].sources = prefixes(sources);
    earlier.keeps[0].ports = {{.first = 20, .last = 25}};
  }
  SECTION("of fewer protocols") { desired.keeps[0].protocol = model::Protocol::tcp; }
  SECTION("that are two") {
    earlier.keeps[0].sources = prefixes({"10.0.9.0/30", "10.0.9.64/28"});
    earlier.keeps.push_back(earlier.keeps[0]);
    earlier.keeps[1].sources = prefixes({"10.0.9.4/30"});
    desired.releases = {{.owner = owner_a}};
  }
  SECTION("that are two, one a port") {
    earlier.keeps.push_back(earlier.keeps[0]);
    earlier.keeps[1].ports = {port(23)};
    desired.keeps[0].ports = {{.first = 22, .last = 23}};
  }
  SECTION("though a machine is not read") { desired = beside_unread(half_read({"10.0.9.0/29"})); }
  SECTION("though all are read") { desired.releases = {{.owner = owner_a}}; }
  SECTION("but not at a machine that came since") {
    desired.locks[0].destinations.push_back(prefix("10.0.0.5"));
    desired.keeps[0].destinations.push_back(prefix("10.0.0.5"));
  }
  auto group = opened(earlier);
  const auto plan = plan_rules(desired, group, noon);
  REQUIRE(plan.changes.size() >= 2);
  CHECK(classes(plan).front() == "put replace");  // nobody could put it back afterwards
  REQUIRE(apply(group, plan) == "");
  REQUIRE(std::ranges::count_if(group.rules, is_allow) == 1);
  CHECK(texts(keep_in(group).source) == sources);
  CHECK(texts(keep_in(group).destination) == machines);
  CHECK(plan_rules(desired, group, noon).in_sync());
}

TEST_CASE("Where no exception may be made, none lets in whom those that stand do not") {
  auto desired = beside_unread(two_machines());
  auto group = opened(two_machines());
  auto& stands = *std::ranges::find_if(group.rules, is_allow);
  desired.keeps[0].sources = prefixes({"10.0.9.0/29"});
  REQUIRE(classes(plan_rules(desired, group, noon)) == Texts{"put replace", "remove close"});
  SECTION("more sources") { desired.keeps[0].sources = prefixes({"10.0.9.0/27"}); }
  SECTION("others") { desired.keeps[0].sources = prefixes({"10.0.9.0/29", "10.0.8.1"}); }
  SECTION("another port") { desired.keeps[0].ports = {port(3389)}; }
  SECTION("a port more") { desired.keeps[0].ports = {{.first = 22, .last = 23}}; }
  SECTION("a tag") {
    desired.keeps[0].sources.clear();
    desired.keeps[0].service_tag = "AzureLoadBalancer";
  }
  SECTION("another machine") {
    desired.locks[0].destinations = prefixes({"10.0.0.5"});
    desired.keeps[0].destinations = prefixes({"10.0.0.5"});
    desired.releases = {{.owner = owner_a}};
  }
  SECTION("another policy's") { desired.locks[0].owner = desired.keeps[0].owner = owner_b; }
  SECTION("what somebody widened") { stands.source.prefixes = prefixes({"10.0.8.0/22"}); }
  SECTION("what may not be in force") { stands.unsettled = GENERATE("Updating", "Failed"); }
  SECTION("what stands behind a denial") {
    stands.priority = 282;
    group.rules.push_back(make_rule("corp", 281, model::Access::deny, anywhere(), anywhere()));
  }
  SECTION("in a group that may not be written") { desired.may_add = false; }
  for (const Change& change : plan_rules(desired, group, noon).changes) {
    CHECK((change.kind == Change::Kind::remove || !is_allow(change.rule)));
  }
}

TEST_CASE("Where no exception may be made, one for which no number is free is not written") {
  auto desired = beside_unread(two_machines());
  desired.bands.locks = {.from = 298, .to = 299};
  auto earlier = two_machines();
  earlier.bands = desired.bands;
  const auto group = opened(earlier);
  desired.keeps[0].sources = prefixes({"10.0.9.0/29"});
  CHECK(classes(plan_rules(desired, group, noon)) == Texts{"remove close"});
}

TEST_CASE("Several rules together let in what each lets in, on the same ports and addresses") {
  const auto keep = keep_in(opened(two_machines()));
  const auto beyond = [&](std::vector<KeepWant> wants) {
    return lets_in_beyond(keep, exceptions_anywhere(wants));
  };
  CHECK_FALSE(beyond({said({"10.0.9.0/24"})}));
  CHECK_FALSE(beyond({said({"10.0.9.8/29"}), said({"10.0.9.0/29"})}));
  CHECK(beyond({}));
  CHECK(beyond({said({"10.0.9.8/29"})}));
  auto elsewhere = said({"10.0.9.0/29"});
  elsewhere.ports = {port(3389)};
  CHECK(beyond({said({"10.0.9.8/29"}), elsewhere}));
  auto unread = keep;
  unread.readable = false;
  CHECK(
      lets_in_beyond(unread, exceptions_anywhere(std::vector{said({"0.0.0.0/1", "128.0.0.0/1"})})));
}

}  // namespace
}  // namespace portcullis::plan
