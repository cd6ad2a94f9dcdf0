#pragma once

#include <catch2/catch.hpp>

#include <algorithm>
#include <string>
#include <vector>

#include "model/resource_id.hpp"
#include "plan/capacity.hpp"
#include "plan/rule_plan.hpp"
#include "rule_builders.hpp"

/// A group that does what ARM does with single writes, and wants in few words.
namespace portcullis::plan {

inline const std::string instance = "abcd1234";

inline TimePoint at(std::string_view clock) {
  return parse_rfc3339("2026-11-22T" + std::string(clock) + "Z").value();
}

inline const TimePoint noon = at("12:00:00");

/// Carries out one change as ARM would, or says why it would not: "".
inline std::string apply(model::SecurityGroup& group, const Change& change) {
  const std::string name = model::ascii_lower(change.rule.name);
  const auto named = [&](const model::SecurityRule& rule) {
    return model::ascii_lower(rule.name) == name;
  };
  if (change.kind == Change::Kind::remove) {
    return std::erase_if(group.rules, named) == 1 ? "" : "no rule " + name + " to remove";
  }
  const auto clash = std::ranges::find_if(group.rules, [&](const model::SecurityRule& rule) {
    return !named(rule) && rule.priority == change.rule.priority &&
           rule.direction == change.rule.direction;
  });
  if (clash != group.rules.end()) return name + " has the priority of " + clash->name;
  const Capacity before = Capacity::of(group);
  std::erase_if(group.rules, named);
  group.rules.push_back(change.rule);
  if (!Capacity::of(group).fits_after(before)) return name + " does not fit into the group";
  return "";
}

inline std::string apply(model::SecurityGroup& group, const RulePlan& plan) {
  for (const Change& change : plan.changes) {
    if (auto error = apply(group, change); !error.empty()) return error;
  }
  return "";
}

inline LockWant lock_of(std::string owner, const std::vector<std::string>& destinations) {
  return {.owner = std::move(owner), .destinations = prefixes(destinations), .ports = {port(22)}};
}

inline KeepWant keep_of(std::string owner, const std::vector<std::string>& destinations,
                        const std::vector<std::string>& sources) {
  return {.owner = std::move(owner),
          .destinations = prefixes(destinations),
          .ports = {port(22)},
          .sources = prefixes(sources)};
}

inline OpenWant open_of(std::string grant, const std::vector<std::string>& sources,
                        TimePoint ends_at,
                        const std::vector<std::string>& destinations = {"10.0.0.4"}) {
  return {.grant = std::move(grant),
          .sources = prefixes(sources),
          .destinations = prefixes(destinations),
          .ports = {port(22)},
          .starts_at = noon - Duration(3'600'000),
          .ends_at = ends_at};
}

inline const std::string owner_a = owner_of("prod", "team-a", "ssh");
inline const std::string owner_b = owner_of("prod", "team-b", "ssh");

inline GroupDesired desire() { return {.instance = instance, .everything_known = true}; }

inline std::vector<std::string> texts(const model::Endpoint& end) {
  std::vector<std::string> list;
  if (end.any) list.push_back("*");
  for (const auto& each : end.prefixes) list.push_back(model::to_string(each));
  list.insert(list.end(), end.tags.begin(), end.tags.end());
  return list;
}

inline const Problem* find(const RulePlan& plan, ProblemKind kind) {
  const auto found = std::ranges::find(plan.problems, kind, &Problem::kind);
  return found == plan.problems.end() ? nullptr : &*found;
}

inline bool is_allow(const model::SecurityRule& rule) {
  return rule.access == model::Access::allow;
}

inline std::vector<std::string> classes(const RulePlan& plan) {
  std::vector<std::string> list;
  for (const Change& change : plan.changes) {
    list.push_back(std::string(change.kind == Change::Kind::put ? "put " : "remove ") +
                   to_string(change.change_class));
  }
  return list;
}

using Texts = std::vector<std::string>;

/// The group after the plan for `desired` was carried out.
inline model::SecurityGroup opened(const GroupDesired& desired, TimePoint now = noon,
                                   model::SecurityGroup group = group_of({})) {
  REQUIRE(apply(group, plan_rules(desired, group, now)) == "");
  return group;
}

/// Two machines are locked, and a bastion reaches both.
inline GroupDesired two_machines() {
  auto desired = desire();
  desired.locks = {lock_of(owner_a, {"10.0.0.4", "10.0.0.6"})};
  desired.keeps = {keep_of(owner_a, {"10.0.0.4", "10.0.0.6"}, {"10.0.9.0/28"})};
  desired.exceptions_known = {owner_a};
  return desired;
}

}  // namespace portcullis::plan
