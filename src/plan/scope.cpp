#include "plan/scope.hpp"

#include <algorithm>

#include "model/resource_id.hpp"

namespace portcullis::plan {
namespace {

using model::ascii_lower;
using model::Protocol;

bool same(std::string_view a, std::string_view b) { return ascii_lower(a) == ascii_lower(b); }

bool covers(Protocol outer, Protocol inner) { return outer == Protocol::any || outer == inner; }

}  // namespace

std::vector<const TargetState*> find_targets(std::span<const TargetState> targets,
                                             std::string_view wanted) {
  const auto slash = wanted.find('/');
  const std::string_view group = slash == std::string_view::npos ? "" : wanted.substr(0, slash);
  const std::string_view name = slash == std::string_view::npos ? wanted : wanted.substr(slash + 1);
  std::vector<const TargetState*> found;
  for (const TargetState& target : targets) {
    if (!same(target.machine.name, name)) continue;
    if (!group.empty() && !same(target.machine.resource_group, group)) continue;
    found.push_back(&target);
  }
  return found;
}

std::vector<const TargetState*> find_all_targets(std::span<const TargetState> targets,
                                                 const std::vector<std::string>& wanted) {
  std::vector<const TargetState*> found;
  for (const TargetState& target : targets) {
    const bool named = wanted.empty() || std::ranges::any_of(wanted, [&](const std::string& one) {
                         return !find_targets(std::span(&target, 1), one).empty();
                       });
    if (named) found.push_back(&target);
  }
  return found;
}

const model::PolicyPort* find_port(const model::JitPolicy& policy,
                                   const model::PortSelection& wanted) {
  for (const auto& port : policy.ports) {
    if (port.range.contains(wanted.range) && covers(port.protocol, wanted.protocol)) return &port;
  }
  return nullptr;
}

bool source_allowed(const model::PolicyPort& port, const model::Prefix& source) {
  return port.allowed_sources.empty() ||
         model::PrefixSet::of(port.allowed_sources).contains(source);
}

bool may_have_machine(const model::JitPolicy& policy, std::string_view resource_id) {
  const auto id = model::parse_resource_id(resource_id);
  return id && std::ranges::any_of(policy.targets, [&](const model::PolicyTarget& target) {
           return same(target.resource_group, id->resource_group) &&
                  (target.name.empty() || same(target.name, id->name));
         });
}

bool has_machine(const model::JitPolicy& policy, const model::VirtualMachine& machine) {
  return std::ranges::any_of(policy.targets, [&](const model::PolicyTarget& target) {
    if (target.name.empty()) return selects(target, machine.id, machine.tags);
    return same(target.resource_group, machine.resource_group) && same(target.name, machine.name);
  });
}

bool selects(const model::PolicyTarget& selector, std::string_view resource_id,
             const model::Tags& tags) {
  const auto id = model::parse_resource_id(resource_id);
  if (!selector.name.empty() || !id || !same(selector.resource_group, id->resource_group)) {
    return false;
  }
  return std::ranges::all_of(selector.tags, [&](const auto& wanted) {
    return std::ranges::any_of(tags, [&](const auto& tag) {
      return same(tag.first, wanted.first) && tag.second == wanted.second;
    });
  });
}

bool has_selector(const model::JitPolicy& policy) {
  return std::ranges::any_of(policy.targets,
                             [](const model::PolicyTarget& target) { return target.name.empty(); });
}

bool share_port(const model::PolicyPort& a, const model::PolicyPort& b) {
  return a.range.first <= b.range.last && b.range.first <= a.range.last &&
         (covers(a.protocol, b.protocol) || covers(b.protocol, a.protocol));
}

}  // namespace portcullis::plan
