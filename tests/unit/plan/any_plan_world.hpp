#pragma once

#include <rapidcheck.h>

#include <algorithm>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "packet_judge.hpp"
#include "plan_world.hpp"

// Worlds for properties of plans: a group, what is wanted of it and what somebody did to our rules,
// small enough to try every packet.
namespace portcullis::plan {

using model::Access;
using model::Family;
using model::SecurityGroup;
using model::SecurityRule;

inline constexpr int source_count = 8;
inline constexpr int machine_count = 4;
inline const std::vector<std::uint16_t> ports = {22, 3389};

inline int pick(int from, int to) { return *rc::gen::inRange(from, to); }
inline bool flip() { return *rc::gen::arbitrary<bool>(); }
inline bool rarely() { return pick(0, 6) == 0; }

inline model::Prefix machine(Family family, int index) {
  return prefix((family == Family::ipv4 ? "10.0.0." : "fd00::") + std::to_string(index + 4));
}

inline const Tags& tags() {
  static const Tags known{{"AzureLoadBalancer", {7}}, {"VirtualNetwork", {}}, {"Internet", {}}};
  return known;
}

inline std::vector<model::Prefix> some_sources() {
  std::vector<model::Prefix> list;
  for (int i = pick(1, 3); i > 0; --i) {
    list.push_back(address(rarely() ? Family::ipv6 : Family::ipv4, pick(0, source_count)));
  }
  return list;
}

inline std::vector<model::Prefix> some_machines() {
  std::vector<model::Prefix> list;
  for (int i = pick(1, 4); i > 0; --i) {
    list.push_back(machine(rarely() ? Family::ipv6 : Family::ipv4, pick(0, machine_count)));
  }
  return list;
}

inline std::vector<model::PortRange> some_ports() {
  if (rarely()) return {port(22), port(3389)};
  return {port(flip() ? 22 : 3389)};
}

inline std::string some_owner() { return *rc::gen::element(owner_a, owner_b); }

inline GroupDesired random_desired() {
  auto desired = desire();
  if (rarely()) desired.bands.locks = {.from = 280, .to = 282};
  if (rarely()) desired.bands.grants = {.from = 130, .to = 131};
  for (int i = pick(0, 4); i > 0; --i) {
    desired.locks.push_back(
        {.owner = some_owner(), .destinations = some_machines(), .ports = some_ports()});
    // As a policy with several ports has it.
    if (flip()) desired.locks.back().ports = {port(22), port(3389)};
  }
  for (int i = pick(0, 3); i > 0; --i) {
    KeepWant want{.owner = some_owner(), .destinations = some_machines(), .ports = some_ports()};
    if (rarely()) want.destinations.clear();  // none of its machines is known
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
  for (const std::string& owner : {owner_a, owner_b}) {
    if (flip()) desired.exceptions_known.push_back(owner);
  }
  for (int i = pick(0, 3); i > 0; --i) {
    desired.overruled.push_back(
        {.owner = some_owner(), .destinations = some_machines(), .ports = some_ports()});
  }
  if (flip()) desired.known_owners.push_back(some_owner());
  desired.everything_known = flip();
  desired.remove_orphans = !rarely();
  desired.may_open = !rarely();
  desired.may_keep = !rarely();
  desired.may_add = !rarely();
  return desired;
}

inline bool priority_free(const SecurityGroup& group, int priority) {
  return std::ranges::none_of(group.rules,
                              [&](const SecurityRule& rule) { return rule.priority == priority; });
}

/// `weaken`: nothing that makes a lock stronger, since to put that right is to let somebody in
/// again.
inline void tamper(SecurityGroup& group, SecurityRule& rule, bool weaken) {
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

inline SecurityGroup random_foreign() {
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
inline SecurityGroup random_actual(bool weaken = false) {
  SecurityGroup group = random_foreign();
  auto before = random_desired();
  before.may_open = before.may_keep = before.may_add = true;
  apply(group, plan_rules(before, group, noon - std::chrono::minutes(2)));
  for (SecurityRule& rule : group.rules) {
    const bool ours = !std::holds_alternative<ForeignMark>(read_mark(rule, instance));
    if (ours && rarely()) tamper(group, rule, weaken);
  }
  return group;
}

using Flow = std::tuple<int, int, std::uint16_t, Family>;  ///< source, machine, port

inline Packet to_packet(const Flow& flow) {
  const auto [source, target, number, family] = flow;
  return {.source = address(family, source),
          .destination = machine(family, target),
          .source_port = 40000,
          .port = number,
          .protocol = model::Protocol::tcp};
}

inline std::set<Flow> flows(const SecurityGroup& group) {
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

inline std::string picture(const SecurityRule& rule) {
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
inline std::string picture(const SecurityGroup& group, const RulePlan& plan) {
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

}  // namespace portcullis::plan
