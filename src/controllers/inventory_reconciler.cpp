#include "controllers/inventory_reconciler.hpp"

#include <algorithm>

#include "controllers/policy_targets.hpp"
#include "model/resource_id.hpp"
#include "plan/scope.hpp"
#include "plan/steady_text.hpp"

namespace portcullis::controllers {

InventoryReconciler::InventoryReconciler(World& world, Duration period)
    : world_(world), period_(period) {}

Task<Result<runtime::Next>> InventoryReconciler::reconcile(std::string key) {
  const auto account = world_.stores.accounts.find(key);
  if (!account) co_return runtime::Next{};
  const Policies policies = selecting_policies(key);
  std::set<std::string> resource_groups;
  for (const auto& policy : policies) {
    for (const auto& target : policy->targets) {
      if (!target.name.empty()) continue;
      if (!model::allows(*account, policy->meta.ns, target.resource_group)) continue;
      resource_groups.insert(model::ascii_lower(target.resource_group));
    }
  }
  if (resource_groups.empty()) {
    note(*account, policies, std::vector<model::ListedMachine>{});
    co_return runtime::Next{};
  }
  const auto provider = world_.provider_of(*account);
  if (!provider) co_return fail(provider.error());
  const auto listed =
      co_await (*provider)->list_machines({resource_groups.begin(), resource_groups.end()});
  note(*account, policies, listed);
  if (!listed) co_return fail(listed.error());
  co_return runtime::Next{.at = world_.clock.now() + period_};
}

InventoryReconciler::Policies InventoryReconciler::selecting_policies(
    const std::string& account) const {
  Policies policies;
  for (const auto& [key, policy] : world_.stores.policies.all()) {
    if (policy->account == account && plan::has_selector(*policy)) policies.push_back(policy);
  }
  return policies;
}

/// What was listed counts for the policies as they were when it was asked for.
void InventoryReconciler::note(const model::CloudAccount& account, const Policies& asked,
                               const Result<std::vector<model::ListedMachine>>& listed) {
  for (const auto& policy : asked) {
    Selection& selection = selection_of(world_, *policy);
    bool news = selection.error.has_value() == listed.has_value();
    selection.error.reset();
    if (!listed) {
      selection.error = listed.error();
      selection.error->message = plan::steady_text(listed.error().message);
    } else {
      news = news || selection.listed_for != policy->meta.generation;
      selection.listed_for = policy->meta.generation;
      for (const auto& machine : *listed) {
        const bool fits = std::ranges::any_of(policy->targets, [&](const auto& selector) {
          return plan::selects(selector, machine.id, machine.tags);
        });
        if (fits && add_candidate(selection, account, machine.id)) news = true;
      }
    }
    if (news) world_.policy_queue.add(policy->meta.key());
  }
}

}  // namespace portcullis::controllers
