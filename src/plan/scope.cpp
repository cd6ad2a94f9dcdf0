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

bool names_machine(const model::JitPolicy& policy, std::string_view resource_id) {
  const auto id = model::parse_resource_id(resource_id);
  if (!id) return false;
  return std::ranges::any_of(policy.targets, [&](const model::PolicyTarget& target) {
    const bool group_fits =
        target.resource_group.empty() || same(target.resource_group, id->resource_group);
    return group_fits && (target.name.empty() || same(target.name, id->name));
  });
}

bool share_port(const model::PolicyPort& a, const model::PolicyPort& b) {
  return a.range.first <= b.range.last && b.range.first <= a.range.last &&
         (covers(a.protocol, b.protocol) || covers(b.protocol, a.protocol));
}

}  // namespace portcullis::plan
