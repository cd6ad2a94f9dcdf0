#include "plan/drift.hpp"

#include <algorithm>

#include "model/resource_id.hpp"
#include "plan/rule_shape.hpp"
#include "plan/words.hpp"

namespace portcullis::plan {
namespace {

using model::SecurityRule;

std::map<std::string, const SecurityRule*> by_name(const model::SecurityGroup& group) {
  std::map<std::string, const SecurityRule*> rules;
  for (const SecurityRule& rule : group.rules) rules.emplace(model::ascii_lower(rule.name), &rule);
  return rules;
}

std::string words(const model::Endpoint& end) {
  if (end.any) return "any";
  std::vector<std::string> parts;
  parts.reserve(end.prefixes.size());
  for (const auto& prefix : end.prefixes) parts.push_back(to_string(prefix));
  parts.insert(parts.end(), end.tags.begin(), end.tags.end());
  for (const auto& group : end.groups) parts.push_back(model::short_name(group));
  if (!end.unread.empty()) parts.emplace_back("something unreadable");
  return parts.empty() ? "nothing" : join(parts);
}

std::string words(const std::vector<model::PortRange>& ports) {
  std::vector<std::string> parts;
  for (const auto& range : merge_ports(ports)) parts.push_back(to_string(range));
  return join(parts);
}

const char* words(model::Direction direction) {
  return direction == model::Direction::inbound ? "Inbound" : "Outbound";
}

void compare(std::vector<std::string>& parts, const char* what, const std::string& before,
             const std::string& after) {
  if (before != after) parts.push_back(std::string(what) + " was " + before + ", is " + after);
}

}  // namespace

Standing standing_rules(const RulePlan& plan, const model::SecurityGroup& actual) {
  const auto rules = by_name(actual);
  Standing standing;
  for (const WantedRule& wanted : plan.wanted) {
    const std::string name = model::ascii_lower(wanted.rule.name);
    const auto found = rules.find(name);
    if (found == rules.end() || !same_rule(*found->second, wanted.rule)) continue;
    standing.emplace(name, wanted);
  }
  return standing;
}

std::vector<Drift> find_drift(const Standing& stood, const RulePlan& plan,
                              const model::SecurityGroup& actual) {
  const auto rules = by_name(actual);
  std::vector<Drift> drifts;
  for (const WantedRule& wanted : plan.wanted) {
    const auto before = stood.find(model::ascii_lower(wanted.rule.name));
    if (before == stood.end()) continue;
    const auto found = rules.find(before->first);
    if (found == rules.end()) {
      drifts.push_back({.before = before->second});
    } else if (!same_rule(*found->second, before->second.rule)) {
      const SecurityRule& after = *found->second;
      const SecurityRule& rule = before->second.rule;
      const bool allows = rule.access == model::Access::allow;
      drifts.push_back({.before = before->second,
                        .after = after,
                        .widened = allows ? lets_in_beyond(after, rule) : lets_in(after)});
    }
  }
  return drifts;
}

std::string words(const Drift& drift) {
  if (!drift.after) return "it was removed";
  const SecurityRule& before = drift.before.rule;
  const SecurityRule& after = *drift.after;
  if (!after.readable) return "it holds values that are not understood";
  std::vector<std::string> parts;
  const auto access = [](model::Access value) { return std::string(to_string(value)); };
  compare(parts, "access", access(before.access), access(after.access));
  compare(parts, "direction", words(before.direction), words(after.direction));
  compare(parts, "source", words(before.source), words(after.source));
  compare(parts, "source ports", words(before.source_ports), words(after.source_ports));
  compare(parts, "destination", words(before.destination), words(after.destination));
  compare(parts, "ports", words(before.destination_ports), words(after.destination_ports));
  compare(parts, "protocol", to_string(before.protocol), to_string(after.protocol));
  compare(parts, "priority", std::to_string(before.priority), std::to_string(after.priority));
  if (before.description != after.description) parts.emplace_back("its description was changed");
  std::string text;
  for (const auto& part : parts) text += (text.empty() ? "" : "; ") + part;
  return text;
}

}  // namespace portcullis::plan
