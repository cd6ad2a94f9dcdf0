#include <rapidcheck/catch.h>
#include <algorithm>
#include <catch2/catch.hpp>
#include <iostream>
#include <random>
#include <set>

#include "packet_judge.hpp"
#include "plan_world.hpp"

// A group, what is wanted of it, what somebody did to our rules, and a plan: for any of these, what
// the plan promises. The worlds are small enough to try every packet.
namespace portcullis::plan {
namespace {

using model::Access;
using model::Family;
using model::SecurityGroup;
using model::SecurityRule;

constexpr int source_count = 8;
constexpr int machine_count = 4;
const std::vector<std::uint16_t> ports = {22, 3389};

int pick(int from, int to) { return *rc::gen::inRange(from, to); }
bool flip() { return *rc::gen::arbitrary<bool>(); }
bool rarely() { return pick(0, 6) == 0; }

model::Prefix machine(Family family, int index) {
  return prefix((family == Family::ipv4 ? "10.0.0." : "fd00::") + std::to_string(index + 4));
}

const Tags& tags() {
  static const Tags known{{"AzureLoadBalancer", {7}}, {"VirtualNetwork", {}}, {"Internet", {}}};
  return known;
}

std::vector<model::Prefix> some_sources() {
  std::vector<model::Prefix> list;
  for (int i = pick(1, 3); i > 0; --i) {
    list.push_back(address(rarely() ? Family::ipv6 : Family::ipv4, pick(0, source_count)));
  }
  return list;
}

std::vector<model::Prefix> some_machines() {
  std::vector<model::Prefix> list;
  for (int i = pick(1, 4); i > 0; --i) {
    list.push_back(machine(rarely() ? Family::ipv6 : Family::ipv4, pick(0, machine_count)));
  }
  return list;
}

std::vector<model::PortRange> some_ports() {
  if (rarely()) return {port(22), port(3389)};
  return {port(flip() ? 22 : 3389)};
}

std::string some_owner() { return *rc::gen::element(owner_a, owner_b); }

GroupDesired random_desired() {
  auto desired = desire();
  if (rarely()) desired.bands.locks = {.from = 280, .to = 282};
  if (rarely()) desired.bands.grants = {.from = 130, .to = 131};
  for (int i = pick(0, 4); i > 0; --i) {
    desired.locks.push_back(
        {.owner = some_owner(), .destinations = some_machines(), .ports = some_ports()});
  }
  for (int i = pick(0, 3); i > 0; --i) {
    KeepWant want{.owner = some_owner(), .destinations = some_machines(), .ports = some_ports()};
    if (flip()) {
      want.sources = some_sources();
    } else {
      want.service_tag = "AzureLoadBalancer";
    }
    desired.keeps.push_back(std::move(want));
  }
  for (int i = pick(0, 5); i > 0; --i) {
    OpenWant want{.grant = "g" + std::to_string(pick(0, 6)),
                  .sources = some_sources(),
                  .destinations = some_machines(),
                  .ports = some_ports(),
                  .starts_at = noon + std::chrono::minutes(pick(-60, 3)),
                  .ends_at = noon + std::chrono::seconds(pick(-90, 240))};
    want.ended = rarely();
    desired.opens.push_back(std::move(want));
  }
  for (const std::string& owner : {owner_a, owner_b}) {
    if (flip()) continue;
    desired.releases.push_back(
        {.owner = owner,
         .why = flip() ? ReleaseEvidence::Why::complete : ReleaseEvidence::Why::leaving});
  }
  if (flip()) desired.known_owners.push_back(some_owner());
  desired.everything_known = flip();
  desired.remove_orphans = !rarely();
  desired.may_open = !rarely();
  return desired;
}

bool priority_free(const SecurityGroup& group, int priority) {
  return std::ranges::none_of(group.rules,
                              [&](const SecurityRule& rule) { return rule.priority == priority; });
}

/// `weaken`: nothing that makes a lock stronger, since to put that right is to let somebody in
/// again.
void tamper(SecurityGroup& group, SecurityRule& rule, bool weaken) {
  const int what = pick(0, 11);
  if (weaken && rule.access == Access::deny && (what == 1 || what == 3 || what == 4)) return;
  switch (what) {
    case 0:
      rule.source = anywhere();
      break;
    case 1:
      rule.destination = anywhere();
      break;
    case 2:
      rule.access = rule.access == Access::allow ? Access::deny : Access::allow;
      break;
    case 3:
      rule.destination_ports = {model::PortRange{}};
      break;
    case 4:
      if (const int other = pick(128, 301); priority_free(group, other)) rule.priority = other;
      break;
    case 5:
      rule.description = flip() ? "" : "portcullis/v1 open until=2026-11-22T13:00:00Z";
      break;
    case 6:
      rule.source.prefixes = some_sources();
      break;
    case 7:
      if (rule.destination.prefixes.empty()) break;
      rule.destination.prefixes = {
          machine(rule.destination.prefixes.front().family, pick(0, machine_count))};
      break;
    case 8:
      rule = make_inert(rule);
      break;
    case 9:
      rule.direction = model::Direction::outbound;
      break;
    default:
      rule.readable = false;
  }
}

SecurityGroup random_foreign() {
  SecurityGroup group = group_of({});
  for (int i = pick(0, 4); i > 0; --i) {
    const int priority = *rc::gen::element(110, 130, 131, 132, 280, 281, 299, 300, 1000);
    if (!priority_free(group, priority)) continue;
    const std::string name = rarely()
                                 ? rule_name("zzzz9999", RuleKind::open, std::to_string(priority))
                                 : "corp-" + std::to_string(priority);
    group.rules.push_back(make_rule(name, priority, flip() ? Access::allow : Access::deny,
                                    model::Endpoint{.prefixes = some_sources()}, anywhere(),
                                    some_ports()));
  }
  return group;
}

/// A group as an earlier pass left it, and as people left it then.
SecurityGroup random_actual(bool weaken = false) {
  SecurityGroup group = random_foreign();
  auto before = random_desired();
  before.may_open = true;
  apply(group, plan_rules(before, group, noon - std::chrono::minutes(2)));
  for (SecurityRule& rule : group.rules) {
    const bool ours = !std::holds_alternative<ForeignMark>(read_mark(rule, instance));
    if (ours && rarely()) tamper(group, rule, weaken);
  }
  return group;
}

using Flow = std::tuple<int, int, std::uint16_t, Family>;  ///< source, machine, port

Packet to_packet(const Flow& flow) {
  const auto [source, target, number, family] = flow;
  return {.source = address(family, source),
          .destination = machine(family, target),
          .source_port = 40000,
          .port = number,
          .protocol = model::Protocol::tcp};
}

std::set<Flow> flows(const SecurityGroup& group) {
  std::set<Flow> passing;
  for (const Family family : {Family::ipv4, Family::ipv6}) {
    for (int source = 0; source < source_count; ++source) {
      for (int target = 0; target < machine_count; ++target) {
        for (const auto number : ports) {
          const Flow flow{source, target, number, family};
          if (passes(group, to_packet(flow), tags())) passing.insert(flow);
        }
      }
    }
  }
  return passing;
}

std::string picture(const SecurityRule& rule) {
  std::string text = std::to_string(rule.priority) + ' ' + model::to_string(rule.access) + ' ' +
                     rule.name.substr(0, 28) + " [" + rule.description + ']';
  for (const auto& each : texts(rule.source)) text += ' ' + each;
  text += " ->";
  for (const auto& each : texts(rule.destination)) text += ' ' + each;
  for (const auto& range : rule.destination_ports) text += " :" + model::to_string(range);
  return text + (rule.readable ? "" : " unreadable") +
         (rule.direction == model::Direction::outbound ? " outbound" : "");
}

/// What a failing property shows.
std::string picture(const SecurityGroup& group, const RulePlan& plan) {
  std::string text = "group:\n";
  for (const SecurityRule& rule : group.rules) text += "  " + picture(rule) + '\n';
  for (const Change& change : plan.changes) {
    text += change.kind == Change::Kind::put ? "put " : "remove ";
    text += std::string(to_string(change.change_class)) + ": " + picture(change.rule) +
            " because " + change.reason + '\n';
  }
  for (const Problem& problem : plan.problems) text += problem.message + '\n';
  return text;
}

bool covers(const std::vector<model::Prefix>& list, const model::Prefix& one) {
  return model::PrefixSet::of(list).contains(one);
}

/// Whether a live grant or an exception lets the flow in, or its machine was released from a lock.
bool rightly_open(const GroupDesired& desired, const Flow& flow, TimePoint now) {
  const Packet packet = to_packet(flow);
  const auto here = [&](const auto& want) {
    return covers(want.destinations, packet.destination) && holds(want.ports, packet.port);
  };
  for (const OpenWant& want : desired.opens) {
    if (want.starts_at <= now && now < want.ends_at && !want.ended && here(want) &&
        covers(want.sources, packet.source)) {
      return true;
    }
  }
  return std::ranges::any_of(desired.keeps, [&](const KeepWant& want) {
    const model::Endpoint source{.prefixes = want.sources,
                                 .tags = want.service_tag.empty()
                                             ? std::vector<std::string>{}
                                             : std::vector<std::string>{want.service_tag}};
    return here(want) && holds(source, packet.source, tags());
  });
}

std::vector<SecurityRule> foreign(const SecurityGroup& group) {
  std::vector<SecurityRule> list;
  for (const SecurityRule& rule : group.rules) {
    if (std::holds_alternative<ForeignMark>(read_mark(rule, instance))) list.push_back(rule);
  }
  return list;
}

/// An allow rule of ours that somebody turned into a denial protects nobody: that it goes is right.
SecurityGroup without_false_denials(SecurityGroup group) {
  std::erase_if(group.rules, [](const SecurityRule& rule) {
    return rule.access == Access::deny &&
           (rule.name.find("-keep-") != std::string::npos ||
            rule.name.find("-open-") != std::string::npos) &&
           !std::holds_alternative<ForeignMark>(read_mark(rule, instance));
  });
  return group;
}

/// What the unexpired open rules let in if nothing stood before them: one that was moved behind a
/// denial and that a grant shares with another, not resolved yet, comes back with both.
std::set<Flow> held_back(SecurityGroup group) {
  std::erase_if(group.rules, [](const SecurityRule& rule) {
    const Mark mark = read_mark(rule, instance);
    const auto* own = std::get_if<OwnMark>(&mark);
    return own == nullptr || own->kind != RuleKind::open || own->expired(noon) || rule.source.any ||
           rule.destination.any || rule.destination_ports.front().is_all();
  });
  group.default_rules = {group.default_rules.back()};
  return flows(group);
}

/// Plans and carries out until nothing changes; false if that does not end.
bool settle_down(const GroupDesired& desired, SecurityGroup& group) {
  for (int pass = 0; pass < 4; ++pass) {
    const auto plan = plan_rules(desired, group, noon);
    if (plan.in_sync()) return true;
    if (!apply(group, plan).empty()) return false;
  }
  return false;
}

std::vector<std::string> summary(const RulePlan& plan) {
  std::vector<std::string> lines;
  for (const Change& change : plan.changes) {
    lines.push_back(std::to_string(static_cast<int>(change.kind)) + to_string(change.change_class) +
                    change.rule.name + '@' + std::to_string(change.rule.priority) +
                    change.rule.description + change.reason);
    for (const auto& text : texts(change.rule.source)) lines.back() += ' ' + text;
    for (const auto& text : texts(change.rule.destination)) lines.back() += " >" + text;
    for (const auto& grant : change.grants) lines.back() += ' ' + grant;
  }
  for (const Problem& problem : plan.problems) {
    lines.push_back(to_string(problem.kind) + problem.rule + problem.message);
  }
  for (const WantedRule& wanted : plan.wanted) lines.push_back("wanted " + wanted.rule.name);
  return lines;
}

TEST_CASE(
    "Any plan can be carried out, touches no rule of others, and then there is no more to do") {
  rc::prop("for any wants and any group", [] {
    SecurityGroup group = random_actual();
    const auto desired = random_desired();
    const auto others = foreign(group);
    const auto plan = plan_rules(desired, group, noon);
    RC_LOG(picture(group, plan));
    for (const Change& change : plan.changes) {
      RC_ASSERT(!std::holds_alternative<ForeignMark>(read_mark(change.rule, instance)));
      RC_ASSERT(apply(group, change) == "");
    }
    RC_ASSERT(foreign(group) == others);
    RC_ASSERT(settle_down(desired, group));
    RC_ASSERT(foreign(group) == others);
  });
}

TEST_CASE("A plan cut short lets nobody in, and the next one comes to the same end") {
  rc::prop("after any number of its changes", [] {
    const SecurityGroup before = random_actual(true);
    const auto desired = random_desired();
    const auto plan = plan_rules(desired, before, noon);
    RC_LOG(picture(before, plan));
    auto passed_before = flows(before);
    passed_before.merge(flows(without_false_denials(before)));
    passed_before.merge(held_back(before));

    SecurityGroup now = before;
    for (const Change& change : plan.changes) {
      RC_ASSERT(apply(now, change) == "");
      // Those are meant to let in whom the rule kept out.
      if (change.change_class == ChangeClass::unlock) break;
      if (change.change_class == ChangeClass::cleanup && !is_inert(change.rule)) break;
      for (const Flow& flow : flows(now)) {
        RC_ASSERT(passed_before.contains(flow) || rightly_open(desired, flow, noon));
      }
      SecurityGroup restarted = now;
      RC_ASSERT(settle_down(desired, restarted));
    }
  });
}

TEST_CASE("When all is known and done, our rules let in whom a grant or an exception lets in") {
  rc::prop("and nobody else, whatever was altered", [] {
    SecurityGroup group = random_actual();
    auto desired = random_desired();
    desired.everything_known = true;
    desired.remove_orphans = true;
    RC_LOG(picture(group, plan_rules(desired, group, noon)));
    RC_ASSERT(settle_down(desired, group));
    for (const SecurityRule& rule : group.rules) {
      const Mark mark = read_mark(rule, instance);
      const auto* own = std::get_if<OwnMark>(&mark);
      if (own == nullptr || own->kind == RuleKind::keep || rule.access == Access::deny) continue;
      RC_ASSERT(own->kind == RuleKind::open);
      RC_ASSERT(rule.readable);
      SecurityGroup alone = group_of({rule});
      alone.default_rules = {alone.default_rules.back()};
      for (const Flow& flow : flows(alone)) RC_ASSERT(rightly_open(desired, flow, noon));
    }
  });
}

TEST_CASE("Wanted locks deny, and wanted grants are open, unless the plan says why not") {
  rc::prop("once carried out in an untouched group", [] {
    SecurityGroup group = group_of({});
    auto desired = random_desired();
    desired.may_open = true;
    RC_ASSERT(settle_down(desired, group));
    const auto plan = plan_rules(desired, group, noon);
    std::set<std::string> stopped;
    bool all_locked = true;
    for (const Problem& problem : plan.problems) {
      stopped.insert(problem.grants.begin(), problem.grants.end());
      if (!problem.owner.empty()) all_locked = false;
    }
    const auto passing = flows(group);
    for (const OpenWant& want : desired.opens) {
      const bool live = want.starts_at <= noon && noon < want.ends_at && !want.ended;
      if (!live || want.ends_at - noon < least_life_to_open || stopped.contains(want.grant)) {
        continue;
      }
      for (int i = 0; i < source_count * machine_count; ++i) {
        for (const Family family : {Family::ipv4, Family::ipv6}) {
          for (const auto number : ports) {
            const Flow flow{i % source_count, i / source_count, number, family};
            const Packet packet = to_packet(flow);
            const bool asked = covers(want.sources, packet.source) &&
                               covers(want.destinations, packet.destination) &&
                               holds(want.ports, number);
            RC_ASSERT(!asked || passing.contains(flow));
          }
        }
      }
    }
    for (const LockWant& want : desired.locks) {
      for (const Flow& flow : passing) {
        const Packet packet = to_packet(flow);
        const bool here =
            covers(want.destinations, packet.destination) && holds(want.ports, packet.port);
        RC_ASSERT(!here || !all_locked || rightly_open(desired, flow, noon));
      }
    }
  });
}

TEST_CASE("The order of wants and rules means nothing") {
  rc::prop("for any shuffle", [] {
    SecurityGroup group = random_actual();
    auto desired = random_desired();
    const auto plan = summary(plan_rules(desired, group, noon));
    std::mt19937 dice(static_cast<unsigned>(pick(0, 1 << 20)));
    std::ranges::shuffle(group.rules, dice);
    std::ranges::shuffle(desired.locks, dice);
    std::ranges::shuffle(desired.keeps, dice);
    std::ranges::shuffle(desired.opens, dice);
    std::ranges::shuffle(desired.releases, dice);
    for (LockWant& want : desired.locks) std::ranges::shuffle(want.destinations, dice);
    for (OpenWant& want : desired.opens) std::ranges::shuffle(want.sources, dice);
    RC_ASSERT(summary(plan_rules(desired, group, noon)) == plan);
  });
}

TEST_CASE("Every rule of ours stands in its band, exceptions before locks") {
  rc::prop("once carried out, whatever was altered", [] {
    SecurityGroup group = random_actual();
    auto desired = random_desired();
    RC_LOG(picture(group, plan_rules(desired, group, noon)));
    RC_ASSERT(settle_down(desired, group));
    int last_keep = 0;
    int first_lock = 1 << 20;
    for (const WantedRule& wanted : plan_rules(desired, group, noon).wanted) {
      const auto& bands = desired.bands;
      const int priority = wanted.rule.priority;
      if (!desired.may_open && wanted.mark.kind != RuleKind::lock) continue;
      if (wanted.mark.kind == RuleKind::open) {
        // One for which nothing was free may stand where it stood.
        RC_ASSERT((bands.grants.from <= priority && priority <= bands.grants.to) ||
                  find(plan_rules(desired, group, noon), ProblemKind::no_free_priority));
      } else if (bands.locks.from <= priority && priority <= bands.locks.to) {
        if (wanted.mark.kind == RuleKind::keep) last_keep = std::max(last_keep, priority);
        if (wanted.mark.kind == RuleKind::lock) first_lock = std::min(first_lock, priority);
      }
    }
    RC_ASSERT(last_keep < first_lock ||
              find(plan_rules(desired, group, noon), ProblemKind::no_free_priority));
  });
}

}  // namespace
}  // namespace portcullis::plan
