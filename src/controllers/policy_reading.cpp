#include "controllers/policy_reading.hpp"

#include <set>

#include "controllers/policy_targets.hpp"
#include "controllers/resources.hpp"
#include "controllers/selections.hpp"
#include "model/resource_id.hpp"
#include "plan/rule_codec.hpp"
#include "plan/scope.hpp"

namespace portcullis::controllers {
namespace {

/// Those that hold a lock of the policy, wherever its machines are now.
void mark_locking_groups(World& world, const model::JitPolicy& policy) {
  const std::string owner = plan::owner_of(policy.account, policy.meta.ns, policy.meta.name);
  const auto keys = world.groups.with_rules_of(owner);
  for (const auto& key : keys) {
    world.mark_group(world.groups.find(key)->second.id, runtime::Workqueue::Urgency::normal);
  }
}

/// Whom the selectors picked before the start, or the policy had before its spec changed: they are
/// looked at again, since a list may hide them. The status only says whom to ask about.
Task<Result<Done>> recall(World& world, kube::Client& client, PolicyPointer policy,
                          std::shared_ptr<const model::CloudAccount> account) {
  if (!plan::has_selector(*policy)) co_return Done{};
  Selection& selection = selection_of(world, *policy);
  const auto before = world.policy_views.find(policy->meta.key());
  if (before != world.policy_views.end() && before->second.uid == policy->meta.uid &&
      before->second.generation != policy->meta.generation) {
    for (const auto& target : before->second.targets) {
      add_candidate(selection, *account, target.machine.id);
    }
  }
  if (selection.recalled) co_return Done{};
  const auto object = co_await client.get(policies, {policy->meta.ns, policy->meta.name});
  if (!object) co_return fail(object.error());
  Selection& known = selection_of(world, *policy);
  known.recalled = true;
  const auto targets = object->find("status") == object->end()
                           ? nlohmann::json::array()
                           : object->at("status").value("targets", nlohmann::json::array());
  for (const auto& target : targets) {
    add_candidate(known, *account, target.value("resourceID", ""));
  }
  co_return Done{};
}

}  // namespace

Task<Result<Done>> read_policy(World& world, kube::Client& client, PolicyPointer policy) {
  const std::string key = policy->meta.key();
  const auto account = world.stores.accounts.find(policy->account);
  if (const auto recalled = co_await recall(world, client, policy, account); !recalled) {
    co_return fail(recalled.error());
  }
  PolicyTargets found = co_await gather_targets(world, policy, account);
  if (!found.listed || !world.inventories.contains(policy->account)) {
    world.inventory_queue.add(policy->account);
  }
  PolicyView& view = world.policy_views[key];
  const bool said_anew = view.uid != policy->meta.uid || view.generation != policy->meta.generation;
  const bool changed = said_anew || view.complete != found.complete;
  std::set<std::string> had;
  std::set<std::string> groups;  // in which something else may be wanted now
  for (const auto& target : view.targets) {
    had.insert(model::resource_key(target.machine.id));
    if (!changed) continue;
    for (const auto& id : world.groups_before(target.machine.id)) groups.insert(id);
  }
  view = {.uid = policy->meta.uid,
          .generation = policy->meta.generation,
          .targets = std::move(found.list),
          .listed = found.listed,
          .complete = found.complete,
          .problem_reason = std::move(found.problem_reason),
          .problem = std::move(found.problem)};
  view.missing = found.missing;
  for (const auto& target : view.targets) {
    const bool comes = changed || !had.contains(model::resource_key(target.machine.id));
    for (const auto& id : world.groups_before(target.machine.id)) {
      const auto known = world.groups.find(model::resource_key(id));
      if (comes || known == world.groups.end() || !known->second.passed) groups.insert(id);
    }
  }
  if (found.released || said_anew) mark_locking_groups(world, *policy);
  for (const auto& id : groups) world.mark_group(id, runtime::Workqueue::Urgency::normal);
  if (found.error) co_return fail(*found.error);
  co_return Done{};
}

}  // namespace portcullis::controllers
