#include "lab/cloud.hpp"

#include <fmt/format.h>

#include "lab/names.hpp"

namespace portcullis::lab {
namespace {

/// '*' stands for any text. Letter case is ignored.
bool fits(std::string_view pattern, std::string_view text) {
  if (pattern.empty()) return text.empty();
  if (pattern.front() == '*') {
    for (std::size_t skip = 0; skip <= text.size(); ++skip) {
      if (fits(pattern.substr(1), text.substr(skip))) return true;
    }
    return false;
  }
  return !text.empty() && same_name(pattern.substr(0, 1), text.substr(0, 1)) &&
         fits(pattern.substr(1), text.substr(1));
}

}  // namespace

Cloud::Cloud(World from, Settings with) : world(std::move(from)), settings(std::move(with)) {
  for (const auto& group : world.groups) resource_groups.insert(lower(group.resource_group));
  for (const auto& network : world.networks) resource_groups.insert(lower(network.resource_group));
  for (const auto& nic : world.interfaces) resource_groups.insert(lower(nic.resource_group));
  for (const auto& machine : world.machines) resource_groups.insert(lower(machine.resource_group));
  for (SecurityGroup& group : world.groups) {
    if (group.guid.empty()) group.guid = guid_of("guid-" + lower(id_of(world, group)));
    touch(world, group);
  }
  packets = world;
}

std::string Cloud::make_guid() { return guid_of(fmt::format("lab-{}", ++guids)); }

void Cloud::publish() {
  World next = world;
  for (const Operation& operation : operations.all()) {
    if (operation.status != Operation::Status::running) continue;
    SecurityGroup* group = find_group_by_id(next, operation.group);
    if (group == nullptr) continue;
    const SecurityGroup* old = find_group(packets, group->resource_group, group->name);
    if (operation.rule.empty()) {
      group->rules = old != nullptr ? old->rules : std::vector<Rule>();
      continue;
    }
    // What it writes does not count yet: packets go on meeting what was there.
    const Rule* kept = old != nullptr ? find_rule(*old, operation.rule) : nullptr;
    Rule* shown = find_rule(*group, operation.rule);
    if (kept == nullptr) {
      std::erase_if(group->rules,
                    [&](const Rule& rule) { return same_name(rule.name, operation.rule); });
    } else if (shown != nullptr) {
      *shown = *kept;
    } else {
      group->rules.push_back(*kept);
    }
  }
  packets = std::move(next);
  ++packet_changes;
}

bool Cloud::may(const std::string& client, const std::string& action,
                const std::string& scope) const {
  for (const Denial& denial : denials) {
    if (!denial.client.empty() && !same_name(denial.client, client)) continue;
    if (!fits(denial.action, action)) continue;
    if (denial.scope.empty() || (lower(scope) + "/").starts_with(lower(denial.scope) + "/")) {
      return false;
    }
  }
  return true;
}

}  // namespace portcullis::lab
