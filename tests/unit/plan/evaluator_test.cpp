#include "plan/evaluator.hpp"

#include <catch2/catch.hpp>

#include "plan/rule_match.hpp"
#include "rule_builders.hpp"

namespace portcullis::plan {
namespace {

using model::Access;
using model::PrefixSet;
using model::Protocol;
using Closed = ClosedProof::Verdict;
using Open = OpenProof::Verdict;

const Inbound ssh{.destination = prefix("10.0.0.4"), .ports = port(22)};

model::SecurityRule lock(int priority = 299) {
  return make_rule("lock", priority, Access::deny, anywhere(), from({"10.0.0.4"}), {port(22)});
}

FilterPath through(const model::SecurityGroup& group) {
  return {{.id = group.id, .group = &group}};
}

FilterPath through(const model::SecurityGroup& first, const model::SecurityGroup& second) {
  return {{.id = first.id, .group = &first}, {.id = second.id, .group = &second}};
}

TEST_CASE("A lock closes a port for both the internet and the neighbours") {
  const auto group = group_of({lock()});
  CHECK(prove_closed(through(group), ssh).closed());
}

TEST_CASE("Without a lock the default rules let the virtual network in") {
  const auto group = group_of({});
  const auto proof = prove_closed(through(group), ssh);
  CHECK(proof.verdict == Closed::bypassed);
  REQUIRE(proof.blames.size() == 2);
  CHECK(proof.blames[0].rule == "AllowVnetInBound");
  CHECK(proof.blames[0].names == std::vector<std::string>{"VirtualNetwork"});
  CHECK_FALSE(proof.blames[0].proven);
  CHECK(proof.blames[0].why ==
        "Allow from VirtualNetwork, which is not expanded, to VirtualNetwork");
  CHECK(proof.blames[1].rule == "AllowAzureLoadBalancerInBound");
}

TEST_CASE("A foreign allow above the lock is named, with whom it lets in") {
  const auto group = group_of(
      {lock(), make_rule("corp", 110, Access::allow, from({"198.51.100.0/24"}), anywhere())});
  const auto proof = prove_closed(through(group), ssh);
  CHECK(proof.verdict == Closed::bypassed);
  CHECK(proof.sources == addresses_of({"198.51.100.0/24"}));
  REQUIRE(proof.blames.size() == 1);
  CHECK(proof.blames[0].rule == "corp");
  CHECK(proof.blames[0].priority == 110);
  CHECK(proof.blames[0].group == "nsg");
  CHECK(proof.blames[0].proven);
}

TEST_CASE("An allow below the lock, or for another port, protocol or address, is no bypass") {
  const auto rule = GENERATE(
      make_rule("x", 300, Access::allow, anywhere(), anywhere()),
      make_rule("x", 110, Access::allow, anywhere(), anywhere(), {port(443)}),
      make_rule("x", 110, Access::allow, anywhere(), anywhere(), {port(22)}, Protocol::udp),
      make_rule("x", 110, Access::allow, anywhere(), anywhere(), {port(22)}, Protocol::icmp),
      make_rule("x", 110, Access::allow, anywhere(), from({"10.0.0.5"})),
      make_rule("x", 110, Access::allow, from({"2001:db8::/32"}), anywhere()),
      make_rule("x", 110, Access::deny, anywhere(), anywhere()));
  const auto group = group_of({lock(), rule});
  CHECK(prove_closed(through(group), ssh).closed());
}

TEST_CASE("What may let somebody in above a lock is a bypass: tags, groups, what cannot be read") {
  auto unreadable = make_rule("x", 110, Access::deny, anywhere(), from({"192.0.2.9"}));
  unreadable.readable = false;
  auto some_source_ports = make_rule("x", 110, Access::allow, anywhere(), anywhere());
  some_source_ports.source_ports = {port(1024)};
  const auto rule = GENERATE_COPY(
      make_rule("x", 110, Access::allow, tag("Internet"), anywhere()),
      make_rule("x", 110, Access::allow, model::Endpoint{.groups = {"/asg/a"}}, anywhere()),
      make_rule("x", 110, Access::allow, model::Endpoint{.unread = {"?"}}, anywhere()),
      make_rule("x", 110, Access::allow, anywhere(), model::Endpoint{.unread = {"?"}}),
      make_rule("x", 110, Access::allow, anywhere(), tag("VirtualNetwork")), some_source_ports,
      unreadable);
  const auto group = group_of({lock(), rule});
  const auto proof = prove_closed(through(group), ssh);
  CHECK(proof.verdict == Closed::bypassed);
  REQUIRE(proof.blames.size() == 1);
  CHECK(proof.blames[0].rule == "x");
  CHECK_FALSE(proof.blames[0].proven);
}

TEST_CASE("A lock of some source ports locks nothing") {
  auto half = lock();
  half.source_ports = {{.first = 0, .last = 1023}};
  auto both_halves = lock();
  both_halves.source_ports = {{.first = 1024, .last = 65535}, {.first = 0, .last = 1023}};
  const auto locked = group_of({both_halves});
  const auto not_locked = group_of({half});
  CHECK(prove_closed(through(locked), ssh).closed());
  CHECK_FALSE(prove_closed(through(not_locked), ssh).closed());
}

TEST_CASE("A lock of IPv4 addresses does not lock IPv6 ones") {
  const auto group = group_of({lock()});
  const Inbound v6{.destination = prefix("fd00::4"), .ports = port(22)};
  CHECK_FALSE(prove_closed(through(group), v6).closed());
}

TEST_CASE("One group that denies suffices, wherever it stands") {
  const auto locked = group_of({lock()}, "locked");
  const auto wide =
      group_of({make_rule("all", 100, Access::allow, anywhere(), anywhere())}, "wide");
  CHECK(prove_closed(through(locked, wide), ssh).closed());
  CHECK(prove_closed(through(wide, locked), ssh).closed());
  const FilterPath unread{{.id = "unread"}, {.id = "locked", .group = &locked}};
  CHECK(prove_closed(unread, ssh).closed());
}

TEST_CASE("Two groups that close one half each close the whole") {
  const auto low = group_of({make_rule("low", 100, Access::deny, from({"0.0.0.0/1"}), anywhere()),
                             make_rule("all", 200, Access::allow, anywhere(), anywhere())});
  const auto high = group_of({make_rule("hi", 100, Access::deny, from({"128.0.0.0/1"}), anywhere()),
                              make_rule("all", 200, Access::allow, anywhere(), anywhere())});
  CHECK(prove_closed(through(low, high), ssh).closed());
  CHECK_FALSE(prove_closed(through(low), ssh).closed());
}

TEST_CASE("No group on the way is unprotected, and an unread one proves nothing") {
  CHECK(prove_closed({}, ssh).verdict == Closed::unprotected);
  CHECK(prove_closed({{.id = "unread"}}, ssh).verdict == Closed::unread);
  CHECK(what_is_cut({}, ssh).size() == 1);
}

TEST_CASE("A group whose default rules were not read decides nothing beyond its own rules") {
  auto group = group_of({});
  group.default_rules.clear();
  CHECK(prove_closed(through(group), ssh).verdict == Closed::unread);
  CHECK(prove_open(through(group), ssh, addresses_of({"10.1.1.1"})).verdict == Open::unproven);
}

TEST_CASE("Exceptions and live grants are permitted, and nothing beyond them") {
  const auto keep = make_rule("keep", 280, Access::allow, from({"10.0.9.0/28"}), anywhere());
  const auto probe = make_rule("probe", 281, Access::allow, tag("AzureLoadBalancer"), anywhere());
  const auto open =
      make_rule("open", 130, Access::allow, from({"203.0.113.7"}), from({"10.0.0.4"}), {port(22)});
  const auto group = group_of({lock(), keep, probe, open});
  Permitted permitted{
      .sources = addresses_of({"10.0.9.0/28"}), .tags = {"azureloadbalancer"}, .rules = {open}};
  CHECK(prove_closed(through(group), ssh, permitted).closed());

  SECTION("a widened own rule is a bypass") {
    auto wide = open;
    wide.source = anywhere();
    const auto tampered = group_of({lock(), keep, probe, wide});
    const auto proof = prove_closed(through(tampered), ssh, permitted);
    CHECK(proof.verdict == Closed::bypassed);
    CHECK_FALSE(proof.sources.contains(prefix("203.0.113.7")));
    CHECK(proof.sources.contains(prefix("203.0.113.8")));
  }
  SECTION("a foreign rule does not become permitted by a grant to the same source") {
    auto foreign = open;
    foreign.name = "foreign";
    foreign.priority = 120;
    const auto other = group_of({lock(), keep, probe, open, foreign});
    CHECK(prove_closed(through(other), ssh, permitted).blames.at(0).rule == "foreign");
  }
  SECTION("another tag is no exception") {
    permitted.tags = {"Storage"};
    CHECK_FALSE(prove_closed(through(group), ssh, permitted).closed());
  }
  SECTION("a permitted rule that is wanted for other ports permits nothing here") {
    permitted.rules.front().destination_ports = {port(3389)};
    CHECK_FALSE(prove_closed(through(group), ssh, permitted).closed());
  }
}

TEST_CASE("Ports are split where the rules split them") {
  const auto group = group_of({lock(), make_rule("web", 110, Access::allow, from({"192.0.2.0/24"}),
                                                 anywhere(), {{.first = 23, .last = 80}})});
  Inbound range = ssh;
  range.ports = {.first = 20, .last = 25};
  auto wide_lock = lock();
  wide_lock.destination_ports = {{.first = 20, .last = 22}, {.first = 23, .last = 25}};
  const auto locked = group_of({wide_lock});
  CHECK(prove_closed(through(locked), range).closed());
  CHECK(prove_closed(through(group), ssh).closed());
  CHECK_FALSE(prove_closed(through(group), range).closed());
}

TEST_CASE("Asking for any protocol asks for TCP and UDP both") {
  auto tcp_lock = lock();
  tcp_lock.protocol = Protocol::tcp;
  const auto group = group_of({tcp_lock});
  Inbound any = ssh;
  any.protocol = Protocol::any;
  CHECK(prove_closed(through(group), ssh).closed());
  CHECK_FALSE(prove_closed(through(group), any).closed());
}

TEST_CASE("A grant is open only if every group lets all of its sources through") {
  const auto open = make_rule("open", 130, Access::allow, from({"203.0.113.0/28"}),
                              from({"10.0.0.4"}), {port(22)});
  const auto group = group_of({lock(), open});
  const auto sources = addresses_of({"203.0.113.0/28"});
  CHECK(prove_open(through(group), ssh, sources).open());
  CHECK(prove_open({}, ssh, sources).open());

  SECTION("a denial above it shadows it, and is named") {
    const auto deny = make_rule("corp", 100, Access::deny, from({"203.0.113.4"}), anywhere());
    const auto shadowed = group_of({lock(), open, deny});
    const auto proof = prove_open(through(shadowed), ssh, sources);
    CHECK(proof.verdict == Open::shadowed);
    CHECK(proof.sources == addresses_of({"203.0.113.4"}));
    REQUIRE(proof.blames.size() == 1);
    CHECK(proof.blames[0].rule == "corp");
  }
  SECTION("the other group denies by default") {
    const auto other = group_of({}, "subnet");
    const auto proof = prove_open(through(other, group), ssh, sources);
    CHECK_FALSE(proof.open());
    CHECK(proof.blames.back().rule == "DenyAllInBound");
    CHECK(proof.blames.back().group == "subnet");
  }
  SECTION("a tag in a denial above it leaves it unproven") {
    const auto deny = make_rule("geo", 100, Access::deny, tag("Internet"), anywhere());
    const auto doubtful = group_of({lock(), open, deny});
    const auto proof = prove_open(through(doubtful), ssh, sources);
    CHECK(proof.verdict == Open::unproven);
    CHECK(proof.blames.at(0).rule == "geo");
  }
  SECTION("so does a rule above it that cannot be read, whatever it seems to do") {
    auto unknown = make_rule("new", 100, Access::allow, from({"192.0.2.9"}), anywhere());
    unknown.readable = false;
    const auto doubtful = group_of({lock(), open, unknown});
    const auto proof = prove_open(through(doubtful), ssh, sources);
    CHECK(proof.verdict == Open::unproven);
    CHECK(proof.blames.at(0).rule == "new");
  }
  SECTION("a group that could not be read leaves it unproven") {
    const FilterPath path{{.id = "nsg", .group = &group}, {.id = "unread"}};
    CHECK(prove_open(path, ssh, sources).verdict == Open::unproven);
  }
  SECTION("it is not open for a part of the ports") {
    Inbound both = ssh;
    both.ports = {.first = 22, .last = 23};
    CHECK_FALSE(prove_open(through(group), both, sources).open());
  }
  SECTION("sources of the other family prove nothing") {
    CHECK(prove_open(through(group), ssh, addresses_of({"2001:db8::1"})).verdict == Open::unproven);
  }
}

TEST_CASE("Application groups as destination are those of the interface") {
  const auto deny = make_rule("asg", 120, Access::deny, anywhere(),
                              model::Endpoint{.groups = {"/asg/web"}}, {port(22)});
  const auto group = group_of({deny});
  Inbound member = ssh;
  member.application_groups = {"/ASG/web"};
  CHECK(prove_closed(through(group), member).closed());
  CHECK_FALSE(prove_closed(through(group), ssh).closed());
}

TEST_CASE("Audit lists whom a lock would cut, but for the exceptions") {
  const auto group =
      group_of({make_rule("office", 110, Access::allow, from({"198.51.100.0/24"}), anywhere()),
                make_rule("bastion", 120, Access::allow, from({"10.0.9.0/28"}), anywhere()),
                make_rule("shut", 130, Access::deny, anywhere(), anywhere())});
  const auto cut = what_is_cut(through(group), ssh, {.sources = addresses_of({"10.0.9.0/28"})});
  REQUIRE(cut.size() == 1);
  CHECK(cut[0].rule == "office");
  CHECK(cut[0].sources == addresses_of({"198.51.100.0/24"}));
}

TEST_CASE("Reach is bounded from both sides") {
  const auto group =
      group_of({make_rule("office", 110, Access::allow, from({"198.51.100.0/24"}), anywhere())});
  const auto reach = allowed_sources(through(group), ssh);
  CHECK(reach.surely_allowed == addresses_of({"198.51.100.0/24"}));
  CHECK(reach.maybe_allowed == PrefixSet::everything(model::Family::ipv4));
  CHECK(reach.allowed_by.size() == 3);
}

TEST_CASE("A rule that is not settled proves nothing: neither that it denies nor that it lets in") {
  const auto state = GENERATE(as<std::string>{}, "Updating", "Failed", "Deleting", "Dreaming");
  auto rule = lock();
  rule.unsettled = state;
  const auto shut = group_of({rule});
  const auto closed = prove_closed(through(shut), ssh);
  CHECK(closed.verdict == Closed::bypassed);
  CHECK(closed.blames[0].rule == "AllowVnetInBound");

  auto allow = make_rule("open", 130, Access::allow, from({"203.0.113.7"}), from({"10.0.0.4"}));
  CHECK(prove_open(through(group_of({allow, lock()})), ssh, addresses_of({"203.0.113.7"})).open());
  allow.unsettled = state;
  const auto opening = group_of({allow, lock()});
  CHECK_FALSE(prove_open(through(opening), ssh, addresses_of({"203.0.113.7"})).open());
  // And yet it may let in.
  const auto bypass = prove_closed(through(opening), ssh);
  CHECK(bypass.verdict == Closed::bypassed);
  CHECK_FALSE(bypass.blames[0].proven);
  CHECK(bypass.blames[0].why ==
        "Allow from 203.0.113.7/32, and it is " + state + ": it may not be in force");

  auto deny = make_rule("foreign", 110, Access::deny, anywhere(), anywhere());
  deny.unsettled = state;
  allow.unsettled.clear();
  const auto shadow = group_of({deny, allow});
  CHECK(prove_open(through(shadow), ssh, addresses_of({"203.0.113.7"})).verdict == Open::unproven);
}

/// Many rules, each for other ports, as an NSG may have whose owner means no good.
std::vector<model::SecurityRule> many_rules() {
  std::vector<model::SecurityRule> rules;
  for (int i = 0; i < 990; ++i) {
    const auto first = static_cast<std::uint16_t>(1000 + i * 60);
    rules.push_back(make_rule("rule-" + std::to_string(i), 1000 + i, Access::allow,
                              from({"198.51.100.0/24"}), anywhere(),
                              {{first, static_cast<std::uint16_t>(first + 5)}}));
  }
  return rules;
}

TEST_CASE("A group of a thousand rules is not judged port by port") {
  const Inbound all{
      .destination = prefix("10.0.0.4"), .ports = {1, 65535}, .protocol = Protocol::any};
  const PrefixSet everybody = PrefixSet::everything(model::Family::ipv4);
  const auto atoms = [&](const model::SecurityGroup& group) {
    return split_atoms({find_deciders({.id = "nsg", .group = &group}, all, everybody)}, all).size();
  };
  auto rules = many_rules();
  const auto open = group_of(rules);
  CHECK(atoms(open) <= 2 * 257);
  // Whatever is between the bounds that are left out may be let in, nothing of it surely.
  const auto proof = prove_closed(through(open), all);
  CHECK(proof.verdict == Closed::bypassed);
  CHECK(proof.sources.contains(addresses_of({"198.51.100.0/24"})));
  CHECK_FALSE(prove_open(through(open), {.destination = prefix("10.0.0.4"), .ports = {1, 65535}},
                         addresses_of({"198.51.100.7"}))
                  .open());
  CHECK(prove_open(through(open), {.destination = prefix("10.0.0.4"), .ports = port(1003)},
                   addresses_of({"198.51.100.7"}))
            .open());

  // Those behind a lock of all that is asked, and those for others, are nobody's concern.
  rules.push_back(
      make_rule("lock", 299, Access::deny, anywhere(), from({"10.0.0.4"}), {{1, 65535}}));
  const auto locked = group_of(rules);
  CHECK(atoms(locked) == 2);
  CHECK(prove_closed(through(locked), all).closed());
  auto others = many_rules();
  for (auto& rule : others) rule.destination = from({"10.9.9.9"});
  CHECK(atoms(group_of(others)) == 2);
}

TEST_CASE("A rule for a part of the ports between two bounds is in doubt, not overlooked") {
  auto rules = many_rules();
  rules.push_back(
      make_rule("one-port", 150, Access::allow, from({"192.0.2.9"}), anywhere(), {port(50'007)}));
  const auto group = group_of(rules);
  const auto proof =
      prove_closed(through(group), {.destination = prefix("10.0.0.4"), .ports = {1, 65535}});
  CHECK(proof.sources.contains(addresses_of({"192.0.2.9"})));
  REQUIRE_FALSE(proof.blames.empty());
  CHECK(proof.blames[0].rule == "one-port");
}

}  // namespace
}  // namespace portcullis::plan
