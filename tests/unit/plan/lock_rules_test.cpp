#include <catch2/catch.hpp>

#include "plan/evaluator.hpp"
#include "plan_world.hpp"

namespace portcullis::plan {
namespace {

using Why = ReleaseEvidence::Why;

model::SecurityGroup locked(const GroupDesired& desired,
                            model::SecurityGroup group = group_of({})) {
  REQUIRE(apply(group, plan_rules(desired, group, noon)) == "");
  REQUIRE(plan_rules(desired, group, noon).in_sync());
  return group;
}

GroupDesired one_lock(const Texts& destinations = {"10.0.0.4"}) {
  auto desired = desire();
  desired.locks = {lock_of(owner_a, destinations)};
  return desired;
}

TEST_CASE("A lock denies all sources on all of the owner's addresses, from the band's end") {
  auto desired = desire();
  desired.locks = {lock_of(owner_a, {"10.0.0.4"}), lock_of(owner_a, {"10.0.0.6", "fd00::4"}),
                   lock_of(owner_b, {"10.0.0.9"})};
  const auto plan = plan_rules(desired, group_of({}), noon);
  REQUIRE(classes(plan) == Texts{"put lock", "put lock", "put lock"});
  std::vector<int> priorities;
  for (const Change& change : plan.changes) {
    CHECK(change.rule.access == model::Access::deny);
    CHECK(texts(change.rule.source) == Texts{"*"});
    priorities.push_back(change.rule.priority);
    if (change.owner == owner_a && change.rule.destination.prefixes.size() == 2) {
      CHECK(texts(change.rule.destination) == Texts{"10.0.0.4/32", "10.0.0.6/32"});
      CHECK(change.rule.description == "portcullis/v1 lock owner=" + owner_a);
    }
  }
  std::ranges::sort(priorities);
  CHECK(priorities == std::vector<int>{297, 298, 299});
}

TEST_CASE("An exception stands above every lock and is written first") {
  auto desired = one_lock();
  desired.keeps = {keep_of(owner_a, {"10.0.0.4"}, {"10.0.9.0/28"}),
                   {.owner = owner_a,
                    .destinations = prefixes({"10.0.0.4", "fd00::4"}),
                    .ports = {port(22)},
                    .service_tag = "AzureLoadBalancer"}};
  const auto plan = plan_rules(desired, group_of({}), noon);
  CHECK(classes(plan) == Texts{"put keep", "put keep", "put keep", "put lock"});
  CHECK(plan.changes[3].rule.priority == 299);
  std::vector<int> priorities;
  for (int i = 0; i < 3; ++i) priorities.push_back(plan.changes.at(std::size_t(i)).rule.priority);
  std::ranges::sort(priorities);
  CHECK(priorities == std::vector<int>{280, 281, 282});

  const auto group = locked(desired);
  const Inbound ssh{.destination = prefix("10.0.0.4"), .ports = port(22)};
  const Permitted permitted{.sources = addresses_of({"10.0.9.0/28"}),
                            .tags = {"AzureLoadBalancer"}};
  CHECK(prove_closed({{.id = "nsg", .group = &group}}, ssh, permitted).closed());
}

TEST_CASE("Without evidence a lock only gains addresses") {
  auto desired = one_lock({"10.0.0.4", "10.0.0.6"});
  const auto group = locked(desired);
  desired.locks = {lock_of(owner_a, {"10.0.0.6", "10.0.0.8"})};
  const auto plan = plan_rules(desired, group, noon);
  REQUIRE(classes(plan) == Texts{"put lock"});
  CHECK(texts(plan.changes[0].rule.destination) ==
        Texts{"10.0.0.4/32", "10.0.0.6/32", "10.0.0.8/32"});

  desired.locks = {lock_of(owner_a, {"10.0.0.6"})};
  CHECK(plan_rules(desired, group, noon).in_sync());
  desired.locks.clear();
  desired.known_owners = {owner_a};
  const auto quiet = plan_rules(desired, group, noon);
  CHECK(quiet.in_sync());
  CHECK(quiet.problems.empty());
}

TEST_CASE("With evidence it loses them, and goes when nothing is left") {
  auto desired = one_lock({"10.0.0.4", "10.0.0.6"});
  auto group = locked(desired);
  desired.locks = {lock_of(owner_a, {"10.0.0.6"})};
  desired.releases = {{.owner = owner_a, .why = Why::complete}};
  const auto plan = plan_rules(desired, group, noon);
  REQUIRE(classes(plan) == Texts{"put unlock"});
  CHECK(texts(plan.changes[0].rule.destination) == Texts{"10.0.0.6/32"});

  desired.locks.clear();
  desired.releases = {{.owner = owner_a, .why = GENERATE(Why::complete, Why::leaving)}};
  const auto last = plan_rules(desired, group, noon);
  CHECK(classes(last) == Texts{"remove unlock"});
  REQUIRE(apply(group, last) == "");
  CHECK(group.rules.empty());
}

TEST_CASE("An address that another one replaces is released only when that one is locked") {
  auto desired = one_lock({"10.0.0.4"});
  const auto group = locked(desired);
  desired.locks = {lock_of(owner_a, {"10.0.0.8"})};
  desired.releases = {{.owner = owner_a, .why = Why::complete}};
  const auto plan = plan_rules(desired, group, noon);
  REQUIRE(classes(plan) == Texts{"put lock", "put unlock"});
  CHECK(texts(plan.changes[0].rule.destination) == Texts{"10.0.0.4/32", "10.0.0.8/32"});
  CHECK(texts(plan.changes[1].rule.destination) == Texts{"10.0.0.8/32"});
}

TEST_CASE("Another owner's evidence releases nothing") {
  auto desired = one_lock();
  const auto group = locked(desired);
  desired.locks.clear();
  desired.releases = {{.owner = owner_b, .why = Why::leaving}};
  const auto plan = plan_rules(desired, group, noon);
  CHECK(plan.in_sync());
  REQUIRE(find(plan, ProblemKind::orphan_lock) != nullptr);
  CHECK(find(plan, ProblemKind::orphan_lock)->owner == owner_a);
}

TEST_CASE(
    "A leaving policy's grants go first, its exceptions when no lock cuts them off any more") {
  auto desired = one_lock();
  desired.keeps = {keep_of(owner_a, {"10.0.0.4"}, {"10.0.9.0/28"})};
  desired.opens = {open_of("g1", {"203.0.113.7"}, at("12:45:00"))};
  auto group = locked(desired);
  desired.locks.clear();
  desired.keeps.clear();
  desired.opens.clear();
  desired.releases = {{.owner = owner_a, .why = Why::leaving}};
  SECTION("one change after the other") {
    const auto plan = plan_rules(desired, group, noon);
    CHECK(classes(plan) == Texts{"remove close", "remove unlock", "remove unlock"});
    CHECK(plan.changes.at(1).rule.access == model::Access::deny);
    CHECK(plan.changes.at(2).rule.access == model::Access::allow);
    REQUIRE(apply(group, plan) == "");
  }
  SECTION("at once, if the lock is gone already") {
    std::erase_if(group.rules, [](const auto& rule) { return rule.access == model::Access::deny; });
    const auto plan = plan_rules(desired, group, noon);
    CHECK(classes(plan) == Texts{"remove close", "remove close"});
    REQUIRE(apply(group, plan) == "");
  }
  CHECK(group.rules.empty());
}

TEST_CASE("What takes an exception's place stands before it goes") {
  auto desired = one_lock();
  desired.keeps = {keep_of(owner_a, {"10.0.0.4"}, {"10.0.9.0/28"})};
  auto group = locked(desired);
  desired.releases = {{.owner = owner_a, .why = Why::complete}};
  SECTION("a wider one") {
    desired.keeps = {keep_of(owner_a, {"10.0.0.4"}, {"10.0.9.0/24"})};
    CHECK(classes(plan_rules(desired, group, noon)) == Texts{"put keep", "remove unlock"});
  }
  SECTION("several together") {
    desired.keeps = {keep_of(owner_a, {"10.0.0.4"}, {"10.0.9.0/29"}),
                     keep_of(owner_a, {"10.0.0.4"}, {"10.0.9.8/29"})};
    CHECK(classes(plan_rules(desired, group, noon)) ==
          Texts{"put keep", "put keep", "remove unlock"});
  }
  SECTION("but whoever shall not come in any more is kept out first") {
    desired.keeps = {keep_of(owner_a, {"10.0.0.4"}, {"10.0.9.0/29"})};
    CHECK(classes(plan_rules(desired, group, noon)) == Texts{"remove close", "put keep"});
  }
  SECTION("and one of another policy takes no place") {
    desired.keeps = {keep_of(owner_b, {"10.0.0.4"}, {"10.0.9.0/24"})};
    CHECK(classes(plan_rules(desired, group, noon)) == Texts{"remove close", "put keep"});
  }
}

TEST_CASE("Other ports are another lock: the new one stands before the old one goes") {
  auto desired = one_lock();
  auto group = locked(desired);
  desired.locks[0].ports = {port(3389), port(22)};
  desired.releases = {{.owner = owner_a, .why = Why::complete}};
  CHECK(classes(plan_rules(desired, group, noon)) == Texts{"put lock", "remove unlock"});

  SECTION("and if there is no place for the new one, the old one stays") {
    desired.bands.locks = {.from = 299, .to = 299};
    const auto plan = plan_rules(desired, group, noon);
    CHECK(plan.in_sync());
    REQUIRE(find(plan, ProblemKind::no_free_priority) != nullptr);
    CHECK(find(plan, ProblemKind::no_free_priority)->owner == owner_a);
  }
}

TEST_CASE("An altered lock is put right") {
  const auto desired = one_lock();
  auto group = locked(desired);
  auto& rule = group.rules.at(0);
  SECTION("for one source") { rule.source = from({"203.0.113.7"}); }
  SECTION("for some source ports") { rule.source_ports = {port(1)}; }
  SECTION("without its address") { rule.destination = from({"10.0.0.99"}); }
  SECTION("made inert") { rule = make_inert(rule); }
  SECTION("outside its band") { rule.priority = 4000; }
  SECTION("turned outbound") { rule.direction = model::Direction::outbound; }
  SECTION("without its mark") { rule.description = ""; }
  const auto plan = plan_rules(desired, group, noon);
  CHECK(classes(plan) == Texts{"put lock"});
  REQUIRE(apply(group, plan) == "");
  CHECK(plan_rules(desired, group, noon).in_sync());
  const Inbound ssh{.destination = prefix("10.0.0.4"), .ports = port(22)};
  CHECK(prove_closed({{.id = "nsg", .group = &group}}, ssh).closed());
}

TEST_CASE("A lock that somebody widened over other machines or ports is put right last") {
  auto desired = one_lock();
  const auto before = locked(desired);
  auto group = before;
  SECTION("machines") { group.rules.at(0).destination = anywhere(); }
  SECTION("ports") { group.rules.at(0).destination_ports = {model::PortRange{}}; }
  desired.opens = {open_of("g1", {"203.0.113.7"}, at("12:45:00"))};
  const auto plan = plan_rules(desired, group, noon);
  CHECK(classes(plan) == Texts{"put open", "put unlock"});
  CHECK(plan.changes.at(1).rule == before.rules.at(0));
}

TEST_CASE("A lock turned into an allow is turned back first of all, whoever owns it") {
  auto desired = one_lock();
  auto group = locked(desired);
  group.rules.at(0).access = model::Access::allow;
  if (GENERATE(true, false)) desired.locks.clear();
  const auto plan = plan_rules(desired, group, noon);
  REQUIRE(classes(plan) == Texts{"put close"});
  CHECK(plan.changes[0].rule.access == model::Access::deny);
  REQUIRE(apply(group, plan) == "");
  CHECK(plan_rules(desired, group, noon).in_sync());
}

TEST_CASE("Locking goes on when opening is not allowed, and never without its exceptions") {
  auto desired = one_lock();
  desired.keeps = {keep_of(owner_a, {"10.0.0.4"}, {"10.0.9.0/28"})};
  desired.may_open = false;
  CHECK(classes(plan_rules(desired, group_of({}), noon)) == Texts{"put keep", "put lock"});
}

TEST_CASE("No exception is made or widened where whose it is cannot be told; those there stay") {
  auto desired = one_lock({"10.0.0.4", "10.0.0.6"});
  desired.keeps = {keep_of(owner_a, {"10.0.0.4"}, {"10.0.9.0/28"})};
  auto group = locked(desired);
  desired.may_keep = false;
  CHECK(plan_rules(desired, group, noon).in_sync());
  CHECK(classes(plan_rules(desired, group_of({}), noon)) == Texts{"put lock"});
  const auto source = desired.keeps[0].sources;
  desired.keeps[0].sources = prefixes({"10.0.9.0/24"});
  CHECK(plan_rules(desired, group, noon).in_sync());
  desired.keeps[0].sources = source;
  desired.keeps[0].destinations = prefixes({"10.0.0.4", "10.0.0.6"});
  CHECK(plan_rules(desired, group, noon).in_sync());
  // What somebody else widened is narrowed all the same.
  const auto keep = std::ranges::find_if(group.rules, is_allow);
  REQUIRE(keep != group.rules.end());
  keep->source = anywhere();
  CHECK(classes(plan_rules(desired, group, noon)) == Texts{"put close"});
}

TEST_CASE("An exception of a policy that cannot be seen stays with its lock, unless altered") {
  auto desired = one_lock();
  desired.keeps = {keep_of(owner_a, {"10.0.0.4"}, {"10.0.9.0/28"})};
  auto group = locked(desired);
  desired.locks.clear();
  desired.keeps.clear();
  const auto keep = std::ranges::find_if(group.rules, is_allow);
  REQUIRE(keep != group.rules.end());

  SECTION("as it was") {
    const auto plan = plan_rules(desired, group, noon);
    CHECK(plan.in_sync());
    CHECK(plan.problems.size() == 2);
  }
  SECTION("widened") {
    keep->source = anywhere();
    CHECK(classes(plan_rules(desired, group, noon)) == Texts{"remove close"});
  }
  SECTION("for addresses that are not locked") {
    keep->destination = from({"10.0.0.0/24"});
    CHECK(classes(plan_rules(desired, group, noon)) == Texts{"remove close"});
    desired.everything_known = false;
    CHECK(plan_rules(desired, group, noon).in_sync());
  }
}

TEST_CASE("A widened exception is narrowed, and no address of it is believed") {
  auto desired = one_lock({"10.0.0.4", "10.0.0.6"});
  desired.keeps = {keep_of(owner_a, {"10.0.0.4", "10.0.0.6"}, {"10.0.9.0/28"})};
  auto group = locked(desired);
  desired.keeps[0].destinations = prefixes({"10.0.0.4"});
  const auto keep = std::ranges::find_if(group.rules, is_allow);
  keep->destination = from({"10.0.0.0/24"});
  const auto plan = plan_rules(desired, group, noon);
  REQUIRE(classes(plan) == Texts{"put close"});
  CHECK(texts(plan.changes[0].rule.destination) == Texts{"10.0.0.4/32", "10.0.0.6/32"});
}

TEST_CASE("Rules that somebody moved past each other are sorted with the fewest writes") {
  auto desired = one_lock();
  desired.locks.push_back(lock_of(owner_b, {"10.0.0.9"}));
  desired.keeps = {keep_of(owner_a, {"10.0.0.4"}, {"10.0.9.0/28"})};
  auto group = locked(desired);
  const auto keep = std::ranges::find_if(group.rules, is_allow);
  keep->priority = 290;
  for (auto& rule : group.rules) {
    if (rule.priority == 299) rule.priority = 285;
  }
  const auto plan = plan_rules(desired, group, noon);
  CHECK(plan.changes.size() == 1);
  REQUIRE(apply(group, plan) == "");
  CHECK(plan_rules(desired, group, noon).in_sync());
}

TEST_CASE("A lock for which only places above an exception are free is not written") {
  auto desired = desire();
  desired.bands.locks = {.from = 280, .to = 282};
  desired.keeps = {keep_of(owner_a, {"10.0.0.4"}, {"10.0.9.0/28"})};
  auto group =
      group_of({make_rule("corp", 280, model::Access::deny, from({"192.0.2.1"}), anywhere()),
                make_rule("corp2", 282, model::Access::deny, from({"192.0.2.2"}), anywhere())});
  desired.locks = {lock_of(owner_a, {"10.0.0.4"})};
  REQUIRE(apply(group, plan_rules(desired, group, noon)) == "");
  std::erase_if(group.rules, [](const auto& rule) { return rule.name == "corp"; });
  const auto plan = plan_rules(desired, group, noon);
  CHECK(plan.in_sync());
  REQUIRE(find(plan, ProblemKind::no_free_priority) != nullptr);
  CHECK(find(plan, ProblemKind::no_free_priority)->owner == owner_a);
}

TEST_CASE("New bands move the rules into them") {
  auto desired = one_lock();
  desired.keeps = {keep_of(owner_a, {"10.0.0.4"}, {"10.0.9.0/28"})};
  desired.opens = {open_of("g1", {"203.0.113.7"}, at("12:45:00"))};
  auto group = locked(desired);
  desired.bands = {.shutters = {.from = 1000, .to = 1009},
                   .grants = {.from = 1010, .to = 1049},
                   .locks = {.from = 1050, .to = 1059}};
  REQUIRE(apply(group, plan_rules(desired, group, noon)) == "");
  std::vector<int> priorities;
  for (const auto& rule : group.rules) priorities.push_back(rule.priority);
  std::ranges::sort(priorities);
  CHECK(priorities == std::vector<int>{1010, 1050, 1059});
}

TEST_CASE("Foreign rules in the band are stepped around") {
  auto group =
      group_of({make_rule("corp", 299, model::Access::deny, from({"192.0.2.1"}), anywhere()),
                make_rule("corp2", 298, model::Access::deny, from({"192.0.2.2"}), anywhere())});
  group.rules[1].direction = model::Direction::outbound;
  const auto plan = plan_rules(one_lock(), group, noon);
  CHECK(plan.changes.at(0).rule.priority == 298);
}

TEST_CASE("A lock whose last write failed is written again, one that is being written is not") {
  const auto desired = one_lock();
  auto group = locked(desired);
  group.rules.at(0).unsettled = "Updating";
  CHECK(plan_rules(desired, group, noon).in_sync());
  group.rules.at(0).unsettled = "Failed";
  const auto plan = plan_rules(desired, group, noon);
  REQUIRE(classes(plan) == Texts{"put lock"});
  CHECK(plan.changes[0].rule.settled());
  REQUIRE(apply(group, plan) == "");
  CHECK(plan_rules(desired, group, noon).in_sync());
}

}  // namespace
}  // namespace portcullis::plan
