#include "lab/operations.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "lab/names.hpp"

namespace portcullis::lab {
namespace {

using Status = Operation::Status;

void set_state(Rule& rule, const char* state) { rule.properties["provisioningState"] = state; }

void upsert(SecurityGroup& group, const Rule& rule) {
  if (Rule* old = find_rule(group, rule.name)) {
    *old = rule;
  } else {
    group.rules.push_back(rule);
  }
}

void erase_rule(SecurityGroup& group, const std::string& name) {
  std::erase_if(group.rules, [&](const Rule& rule) { return same_name(rule.name, name); });
}

void erase_group(World& world, const std::string& id) {
  std::erase_if(world.groups,
                [&](const SecurityGroup& group) { return same_name(id_of(world, group), id); });
}

SecurityGroup& packet_group(World& packets, const SecurityGroup& group) {
  if (SecurityGroup* found = find_group(packets, group.resource_group, group.name)) return *found;
  packets.groups.push_back(group);
  packets.groups.back().rules.clear();
  return packets.groups.back();
}

void let_stand(World& world, World& packets, const Operation& operation, SecurityGroup& group) {
  if (!operation.rule.empty()) {
    if (operation.deletes) {
      erase_rule(group, operation.rule);
      erase_rule(packet_group(packets, group), operation.rule);
    } else if (Rule* rule = find_rule(group, operation.rule)) {
      // What a failed write left behind says so until a write goes well.
      set_state(*rule, operation.status == Status::failed ? "Failed" : "Succeeded");
      upsert(packet_group(packets, group), *rule);
    }
  } else if (operation.deletes) {
    erase_group(packets, operation.group);
    erase_group(world, operation.group);
  } else {
    for (Rule& rule : group.rules) set_state(rule, "Succeeded");
    packet_group(packets, group).rules = group.rules;
  }
}

void go_back(World& world, const Operation& operation, SecurityGroup& group) {
  if (!operation.rule.empty()) {
    if (operation.rule_before) {
      upsert(group, *operation.rule_before);
    } else {
      erase_rule(group, operation.rule);
    }
  } else if (operation.group_before) {
    group.rules = operation.group_before->rules;
    group.tags = operation.group_before->tags;
  } else {
    erase_group(world, operation.group);
  }
}

}  // namespace

void touch(World& world, SecurityGroup& group) { group.revision = ++world.last_revision; }

Operation& Operations::start(World& world, Operation operation) {
  if (SecurityGroup* group = find_group_by_id(world, operation.group)) {
    group->provisioning_state =
        operation.deletes && operation.rule.empty() ? "Deleting" : "Updating";
    if (Rule* rule = find_rule(*group, operation.rule)) {
      set_state(*rule, operation.deletes ? "Deleting" : "Updating");
    }
    touch(world, *group);
  }
  operations_.push_back(std::move(operation));
  return operations_.back();
}

void Operations::finish(World& world, World& packets, Operation& operation) {
  operation.status = operation.outcome == Operation::Outcome::succeed ? Status::succeeded
                     : operation.outcome == Operation::Outcome::fail  ? Status::failed
                                                                      : Status::canceled;
  SecurityGroup* group = find_group_by_id(world, operation.group);
  if (group == nullptr) return;
  if (operation.status == Status::succeeded || operation.keeps_effect) {
    let_stand(world, packets, operation, *group);
  } else {
    go_back(world, operation, *group);
  }
  group = find_group_by_id(world, operation.group);
  if (group == nullptr) return;
  touch(world, *group);
  if (running_in(operation.group) == nullptr) {
    group->provisioning_state = operation.status == Status::failed ? "Failed" : "Succeeded";
  }
}

bool Operations::advance(World& world, World& packets, TimePoint now) {
  bool changed = false;
  while (true) {
    Operation* due = nullptr;
    for (Operation& operation : operations_) {
      if (operation.status != Status::running || operation.ends > now) continue;
      if (due == nullptr || operation.ends < due->ends) due = &operation;
    }
    if (due == nullptr) break;
    finish(world, packets, *due);
    changed = true;
  }
  // The real one forgets its operations, too.
  std::erase_if(operations_, [&](const Operation& operation) {
    return operation.status != Status::running && now - operation.ends > std::chrono::hours(1);
  });
  return changed;
}

const Operation* Operations::running_in(const std::string& group) const {
  const auto found = std::ranges::find_if(operations_, [&](const Operation& operation) {
    return operation.status == Status::running && same_name(operation.group, group);
  });
  return found == operations_.end() ? nullptr : &*found;
}

void Operations::supersede(World& world, World& packets, const std::string& group,
                           const std::string& by, bool keep) {
  for (Operation& operation : operations_) {
    if (operation.status != Status::running || !same_name(operation.group, group)) continue;
    operation.outcome = Operation::Outcome::cancel;
    operation.keeps_effect = keep;
    operation.superseded_by = by;
    finish(world, packets, operation);
  }
}

void Operations::abandon(const std::string& group) {
  for (Operation& operation : operations_) {
    if (operation.status == Status::running && same_name(operation.group, group)) {
      operation.status = Status::canceled;
    }
  }
}

const Operation* Operations::find(const std::string& id) const {
  const auto found = std::ranges::find_if(
      operations_, [&](const Operation& operation) { return same_name(operation.id, id); });
  return found == operations_.end() ? nullptr : &*found;
}

std::optional<TimePoint> Operations::next_end() const {
  std::optional<TimePoint> next;
  for (const Operation& operation : operations_) {
    if (operation.status != Status::running) continue;
    if (!next || operation.ends < *next) next = operation.ends;
  }
  return next;
}

}  // namespace portcullis::lab
