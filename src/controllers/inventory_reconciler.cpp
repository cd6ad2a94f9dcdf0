#include "controllers/inventory_reconciler.hpp"

#include <algorithm>
#include <map>
#include <vector>

#include "base/log.hpp"
#include "controllers/ambiguity.hpp"
#include "controllers/selections.hpp"
#include "controllers/standing.hpp"
#include "model/resource_id.hpp"
#include "plan/scope.hpp"
#include "plan/steady_text.hpp"

namespace portcullis::controllers {
namespace {

// What changes in a group is seen within that time, as where each is read by itself.
constexpr Duration list_groups_every = std::chrono::seconds(60);
// A policy that comes is content with lists that are no older.
constexpr Duration young_lists = std::chrono::seconds(30);
// Where a list goes on showing another etag than so many readings in a row, the group is read again
// only this often.
constexpr int readings_until_doubt = 3;
constexpr Duration doubt_groups_for = std::chrono::minutes(15);

std::string prefix_of(const model::CloudAccount& account) {
  return "/subscriptions/" + model::ascii_lower(account.subscription) + "/";
}

/// A policy with selectors looks at those of its own groups only.
std::map<std::string, std::vector<const model::ListedMachine*>> by_resource_group(
    const std::vector<model::ListedMachine>& machines) {
  std::map<std::string, std::vector<const model::ListedMachine*>> groups;
  for (const auto& machine : machines) {
    if (const auto id = model::parse_resource_id(machine.id)) {
      groups[model::ascii_lower(id->resource_group)].push_back(&machine);
    }
  }
  return groups;
}

}  // namespace

InventoryReconciler::InventoryReconciler(World& world, Duration period,
                                         std::size_t groups_read_directly)
    : world_(world), period_(period), groups_read_directly_(groups_read_directly) {}

Task<Result<runtime::Next>> InventoryReconciler::reconcile(std::string key) {
  const auto account = world_.stores.accounts.find(key);
  const Policies policies = account ? policies_of(key) : Policies{};
  if (policies.empty()) {
    world_.inventories.erase(key);
    co_return runtime::Next{};
  }
  world_.inventories[key].period = period_;
  const auto provider = world_.provider_of(*account);
  if (!provider) co_return fail(provider.error());
  Result<Done> listed = Done{};
  if (is_due(key, policies)) {
    listed = co_await list_machines(*provider, account, policies);
  } else {
    note_selections(*account, policies);
  }
  TimePoint next = next_list(key);
  if (count_groups(*account) > groups_read_directly_) {
    if (groups_due(key) <= world_.clock.now()) {
      const auto groups = co_await list_groups(*provider, key);
      if (listed) listed = groups;
    }
    next = std::min(next, groups_due(key));
  }
  if (!listed) co_return fail(listed.error());
  co_return runtime::Next{.at = next};
}

InventoryReconciler::Policies InventoryReconciler::policies_of(const std::string& account) const {
  Policies policies;
  for (const auto& policy : world_.stores.policies.all()) {
    if (policy->account == account) policies.push_back(policy);
  }
  return policies;
}

bool InventoryReconciler::is_due(const std::string& account, const Policies& policies) const {
  const auto view = world_.inventories.find(account);
  if (view == world_.inventories.end() || !view->second.listed_at || view->second.error) {
    return true;
  }
  const bool awaited = std::ranges::any_of(policies, [&](const auto& policy) {
    const auto selection = world_.selections.find(policy->meta.key());
    return plan::has_selector(*policy) &&
           (selection == world_.selections.end() || selection->second.uid != policy->meta.uid ||
            selection->second.listed_for != policy->meta.generation);
  });
  const Duration old = awaited ? std::min(period_, young_lists) : period_;
  return world_.clock.now() >= *view->second.listed_at + old;
}

TimePoint InventoryReconciler::next_list(const std::string& account) const {
  const auto view = world_.inventories.find(account);
  const bool listed = view != world_.inventories.end() && view->second.listed_at;
  return (listed ? *view->second.listed_at : world_.clock.now()) + period_;
}

TimePoint InventoryReconciler::groups_due(const std::string& account) const {
  const auto view = world_.inventories.find(account);
  if (view == world_.inventories.end() || !view->second.groups_listed_at) return {};
  return *view->second.groups_listed_at + list_groups_every;
}

Task<Result<Done>> InventoryReconciler::list_machines(cloud::Provider* provider,
                                                      AccountPointer account, Policies policies) {
  const TimePoint began = world_.clock.now();
  auto taken = co_await provider->take_inventory();
  const bool awaited = addresses_unknown(world_, *account).has_value();
  InventoryView& view = world_.inventories[account->meta.name];
  view.period = period_;
  view.error.reset();
  if (!taken) {
    view.error = taken.error();
    view.error->message = plan::steady_text(taken.error().message);
    note_selections(*account, policies);
    co_return fail(taken.error());
  }
  note_inventory(*account, policies, std::move(*taken), began);
  if (awaited) wake_unlisted(world_, *account);
  co_return Done{};
}

void InventoryReconciler::note_inventory(const model::CloudAccount& account,
                                         const Policies& policies, model::Inventory inventory,
                                         TimePoint began) {
  InventoryView& view = world_.inventories[account.meta.name];
  view.listed_at = began;
  view.addresses = std::move(inventory.addresses);
  view.skipped = inventory.skipped;
  view.shown.clear();
  for (auto& machine : inventory.machines) {
    if (machine.whole) view.shown[model::resource_key(machine.id)] = fingerprint(*machine.whole);
    machine.whole.reset();
  }
  view.machines = std::move(inventory.machines);
  if (view.skipped > 0) {
    log::warning("items of the lists are not understood and were left out",
                 {{"account", account.meta.name}, {"items", view.skipped}});
  }
  note_selections(account, policies);
  wake_policies(account.meta.name, policies);
}

/// What was listed counts for the policies as they were when it was asked for.
void InventoryReconciler::note_selections(const model::CloudAccount& account,
                                          const Policies& asked) {
  const InventoryView& view = world_.inventories[account.meta.name];
  const auto machines = by_resource_group(view.machines);
  for (const auto& policy : asked) {
    if (!plan::has_selector(*policy)) continue;
    Selection& selection = selection_of(world_, *policy);
    bool news = selection.error.has_value() != view.error.has_value();
    selection.error = view.error;
    if (!view.error) {
      news = news || selection.listed_for != policy->meta.generation;
      selection.listed_for = policy->meta.generation;
      for (const auto& selector : policy->targets) {
        const auto group = machines.find(model::ascii_lower(selector.resource_group));
        if (group == machines.end() ||
            !model::allows(account, policy->meta.ns, selector.resource_group)) {
          continue;
        }
        for (const auto* machine : group->second) {
          if (!plan::selects(selector, machine->id, machine->tags)) continue;
          if (add_candidate(selection, account, machine->id)) news = true;
        }
      }
    }
    if (news) world_.policy_queue.add(policy->meta.key());
  }
}

/// Those with a machine that has to be read directly now do so without waiting for their time.
void InventoryReconciler::wake_policies(const std::string& account, const Policies& policies) {
  for (const auto& policy : policies) {
    const auto view = world_.policy_views.find(policy->meta.key());
    if (view == world_.policy_views.end()) continue;
    const bool changed =
        std::ranges::any_of(view->second.targets, [&](const plan::TargetState& target) {
          const std::string machine = model::resource_key(target.machine.id);
          const auto known = world_.machines.find(machine);
          return known != world_.machines.end() && known->second.machine &&
                 !machine_stands(world_, account, machine);
        });
    if (changed) world_.policy_queue.add(policy->meta.key());
  }
}

std::size_t InventoryReconciler::count_groups(const model::CloudAccount& account) const {
  const std::string prefix = prefix_of(account);
  return static_cast<std::size_t>(std::ranges::count_if(world_.groups, [&](const auto& entry) {
    return !entry.second.gone && entry.first.starts_with(prefix);
  }));
}

Task<Result<Done>> InventoryReconciler::list_groups(cloud::Provider* provider,
                                                    std::string account) {
  const TimePoint began = world_.clock.now();
  const auto listed = co_await provider->list_groups({});
  if (!listed) co_return fail(listed.error());
  InventoryView& view = world_.inventories[account];
  const TimePoint before = view.groups_listed_at.value_or(TimePoint{});
  view.groups_listed_at = began;
  for (const auto& group : *listed) {
    const std::string key = model::resource_key(group.id);
    const auto known = world_.groups.find(key);
    if (known != world_.groups.end() && known->second.group) {
      note_group(world_.groups.at(key), group, before, began);
    }
  }
  co_return Done{};
}

/// `before`: when the list before this one was begun.
void InventoryReconciler::note_group(GroupView& view, const cloud::ListedGroup& listed,
                                     TimePoint before, TimePoint began) {
  const bool listed_as_before = !listed.etag.empty() && view.listed_etag == listed.etag;
  view.listed_etag = listed.etag;
  const bool same = !listed.etag.empty() && listed.etag == view.group->etag;
  if (same || !listed_as_before) {
    view.contradicted = 0;
  } else if (view.read_at >= before) {
    ++view.contradicted;
  }
  // Another etag than its own, which several readings did not explain: the list still tells whether
  // anything changes.
  const bool doubted = !same && view.contradicted >= readings_until_doubt &&
                       world_.clock.now() - view.read_at < doubt_groups_for;
  if (same || doubted) {
    view.confirmed_at = began;
  } else {
    view.confirmed_at = {};  // so that it is read
    world_.mark_group(view.id, runtime::Workqueue::Urgency::normal);
  }
}

}  // namespace portcullis::controllers
