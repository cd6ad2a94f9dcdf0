#include "controllers/world.hpp"

#include <algorithm>

#include "base/log.hpp"
#include "model/resource_id.hpp"
#include "plan/reasons.hpp"
#include "plan/scope.hpp"

namespace portcullis::controllers {

World::World(Clock& the_clock, ProviderOf providers, std::string the_instance)
    : clock(the_clock),
      instance(std::move(the_instance)),
      began(the_clock.now()),
      groups(instance),
      account_queue(the_clock),
      inventory_queue(the_clock),
      policy_queue(the_clock),
      request_queue(the_clock),
      group_queue(the_clock),
      provider_of_(std::move(providers)) {
  stores.accounts.listen([this](const std::string& key, const auto&, const auto& after) {
    // One that we let go is not taken up again because others still hold it.
    const bool leaving =
        after && after->meta.deleting && !after->meta.has_finalizer(model::finalizer);
    if (after && (!leaving || remembered_accounts.contains(key))) remembered_accounts[key] = after;
  });
  stores.policies.listen([this](const std::string& key, const auto& before, const auto& after) {
    policy_index.change(key, before.get(), after.get());
    const bool same = before && after && before->meta.generation == after->meta.generation;
    if (before && !same) limits_judged.erase(before->meta.uid);
  });
  stores.requests.listen([this](const std::string&, const auto& before, const auto& after) {
    request_index.change(before, after);
  });
  stores.decisions.listen([this](const std::string& key, const auto& before, const auto& after) {
    if (before) decisions_about.remove(before->request_uid, key);
    if (after) decisions_about.add(after->request_uid, key);
  });
  stores.verdicts.listen([this](const std::string& key, const auto& before, const auto& after) {
    verdict_index.change(before, after);
    if (!before) limits_judged.erase(after->policy_uid);
    watch_verdict(key, before.get(), after.get());
  });
}

void World::watch_verdict(const std::string& key, const model::AccessVerdict* before,
                          const model::AccessVerdict* after) {
  if (after != nullptr) {
    if (after->ended) return remember_end(*after, *after->ended);
    if (!ended_seen.contains(after->meta.uid) || before == nullptr || !before->ended) return;
    log::warning("an end is no longer in the API server, it stands all the same",
                 {{"verdict", key}, {"uid", after->meta.uid}});
    // Another process may have opened for it since: only new readings prove that nothing is open.
    proven_closed.erase(after->meta.uid);
    for (auto& [name, group] : groups) mark_group(group.id, runtime::Workqueue::Urgency::closing);
    return;
  }
  if (stores.verdicts.poisoned().contains(key)) return;  // there, but not understood
  remember_end(*before, {.at = clock.now(),
                         .reason = plan::reason::deleted,
                         .by = operator_name,
                         .message = "its verdict was deleted"});
  touched.erase(before->meta.uid);
  cleared.erase(before->meta.uid);
  stood.erase(before->meta.uid);
  proven_closed.erase(before->meta.uid);
  opened.erase(before->meta.uid);
  drifted.erase(before->meta.uid);
}

std::optional<model::AccessVerdict::End> World::early_end(
    const model::AccessVerdict& verdict) const {
  if (verdict.ended) return verdict.ended;
  if (const auto seen = ended_seen.find(verdict.meta.uid); seen != ended_seen.end()) {
    return seen->second.end;
  }
  return plan::ends_early(verdict, surroundings(verdict), clock.now());
}

void World::remember_end(const model::AccessVerdict& verdict,
                         const model::AccessVerdict::End& end) {
  const TimePoint until = plan::ends_at(verdict);
  if (!verdict.granted || until <= clock.now() || ended_seen.contains(verdict.meta.uid)) return;
  std::erase_if(ended_seen, [&](const auto& one) { return one.second.until <= clock.now(); });
  ended_seen.emplace(verdict.meta.uid, SeenEnd{.end = end, .until = until});
}

const model::CloudAccount* World::account_of(std::string_view resource_id) const {
  const auto id = model::parse_resource_id(resource_id);
  return id ? account_of_subscription(id->subscription) : nullptr;
}

const model::CloudAccount* World::account_of_subscription(std::string_view subscription) const {
  const std::string wanted = model::ascii_lower(subscription);
  const model::CloudAccount* owner = nullptr;
  for (const auto& account : stores.accounts.all()) {
    if (model::ascii_lower(account->subscription) != wanted) continue;
    if (owner == nullptr || model::came_before(account->meta, owner->meta)) owner = account.get();
  }
  if (owner != nullptr) return owner;
  for (const auto& [name, account] : remembered_accounts) {
    if (model::ascii_lower(account->subscription) == wanted) return account.get();
  }
  return nullptr;
}

std::vector<std::string> World::groups_of(const std::string& account) const {
  std::vector<std::string> keys;
  for (const auto& [subscription, groups_there] : groups.by_subscription()) {
    const auto* owner = account_of_subscription(subscription);
    if (owner == nullptr || owner->meta.name != account) continue;
    keys.insert(keys.end(), groups_there.begin(), groups_there.end());
  }
  return keys;
}

void World::mark_group(const std::string& id, runtime::Workqueue::Urgency urgency) {
  const std::string key = model::resource_key(id);
  GroupView& view = groups[key];
  if (view.id.empty()) view.id = id;
  view.dirty = true;
  if (urgency == runtime::Workqueue::Urgency::closing) {
    ++view.closing_marks;
    if (!view.closing_since) view.closing_since = clock.now();
  }
  group_queue.add(key, urgency);
}

void World::wake_group(const std::string& id, const model::AccessVerdict& verdict,
                       runtime::Workqueue::Urgency urgency) {
  if (!groups[model::resource_key(id)].woken_by.emplace(verdict.meta.uid, urgency).second) return;
  mark_group(id, urgency);
}

void World::wake_requests(const std::string& account) {
  for (const auto& policy : stores.policies.all()) {
    if (policy->account != account) continue;
    for (const auto& request : request_index.of(policy->meta.ns, policy->meta.name)) {
      request_queue.add(request->meta.key());
    }
  }
}

void World::group_changed(const std::string& key) {
  std::set<std::string> policies = policy_views.leaving();
  std::set<std::string> requests;
  const auto concerns = [&](const model::AccessVerdict& verdict) {
    if (!verdict.granted || proven_closed.contains(verdict.meta.uid)) return;
    requests.insert(verdict.meta.ns + "/" + verdict.request_name);
  };
  for (const std::string& machine : machines.behind(key)) {
    const auto& having = policy_views.having(machine);
    policies.insert(having.begin(), having.end());
    for (const auto& verdict : verdict_index.on_machine(machine)) concerns(*verdict);
  }
  for (const auto& uid : touched.grants_in(key)) {
    if (const auto verdict = verdict_index.find(uid)) concerns(*verdict);
  }
  for (const auto& policy : policies) wake_policy(policy);
  for (const auto& request : requests) request_queue.add(request);
  if (const auto waiting = awaited.extract(key)) {
    for (const auto& name : waiting.mapped()) request_queue.add(name);
  }
}

/// A pass looks at all machines of the policy: where there are many, what comes to be known of them
/// meanwhile is looked at together.
void World::wake_policy(const std::string& key) {
  constexpr std::size_t few = 10;
  constexpr Duration for_each_machine = std::chrono::milliseconds(10);
  constexpr Duration at_most = std::chrono::seconds(10);
  const auto view = policy_views.find(key);
  const std::size_t count = view == policy_views.end() ? 0 : view->second.targets.size();
  if (count <= few) return policy_queue.add(key);
  policy_queue.add_at(
      key, clock.now() + std::min(for_each_machine * static_cast<Duration::rep>(count), at_most));
}

std::vector<std::string> World::groups_before(const std::string& machine_id) const {
  std::vector<std::string> ids;
  const auto view = machines.find(model::resource_key(machine_id));
  if (view == machines.end() || !view->second.machine) return ids;
  for (const auto& path : view->second.machine->paths) {
    for (std::string& id : group_ids(path)) ids.push_back(std::move(id));
  }
  return ids;
}

plan::FilterPath World::filters(const model::NetworkPath& path) const {
  plan::FilterPath out;
  for (const std::string& id : group_ids(path)) {
    const auto view = groups.find(model::resource_key(id));
    const bool read = view != groups.end() && view->second.group && !view->second.gone;
    out.push_back({.id = id, .group = read ? &*view->second.group : nullptr});
  }
  return out;
}

std::vector<std::shared_ptr<const model::AccessDecision>> World::said_about(
    const std::string& ns, const std::string& request_uid, const std::string& policy) const {
  std::vector<std::shared_ptr<const model::AccessDecision>> said;
  for (const std::string& key : decisions_about.of(request_uid)) {
    auto decision = stores.decisions.find(key);
    // Admission checked the verb on the policy that the decision names, in the decision's own
    // namespace: it must be the request's.
    if (decision && decision->meta.ns == ns && decision->policy_name == policy &&
        !decision->author.username.empty()) {
      said.push_back(std::move(decision));
    }
  }
  std::ranges::sort(
      said, [](const auto& a, const auto& b) { return model::came_before(a->meta, b->meta); });
  return said;
}

plan::Surroundings World::surroundings(const model::AccessVerdict& verdict) const {
  const std::string policy_key = verdict.meta.ns + "/" + verdict.policy_name;
  plan::Surroundings around;
  const std::string request_key = verdict.meta.ns + "/" + verdict.request_name;
  around.request = stores.requests.find(request_key).get();
  around.request_readable = !stores.requests.poisoned().contains(request_key);
  around.policy = stores.policies.find(policy_key).get();
  around.policy_readable = !stores.policies.poisoned().contains(policy_key);
  if (around.policy != nullptr) {
    around.account = stores.accounts.find(around.policy->account).get();
    around.account_readable = !stores.accounts.poisoned().contains(around.policy->account);
  } else if (!verdict.targets.empty()) {
    around.account = account_of(verdict.targets->front().resource_id);
    around.account_readable = around.account != nullptr;
  }
  if (around.policy != nullptr && plan::has_selector(*around.policy)) {
    for (const auto& target : verdict.targets) {
      const auto view = machines.find(model::resource_key(target.resource_id));
      const bool read = view != machines.end() && view->second.machine;
      if (!read || plan::has_machine(*around.policy, *view->second.machine)) continue;
      around.unselected = target.resource_id;
    }
  }
  for (const auto& said : said_about(verdict.meta.ns, verdict.request_uid, verdict.policy_name)) {
    if (said->decision == "Revoke" && around.revoked_by.empty()) {
      around.revoked_by = said->author.username;
      around.revoked_why = said->reason;
    }
  }
  return around;
}

bool World::is_live(const model::AccessVerdict& verdict) const {
  // Most of what was ever granted is over; what it stood on need not be looked up for that.
  if (!verdict.granted || clock.now() >= plan::ends_at(verdict)) return false;
  if (ended_seen.contains(verdict.meta.uid)) return false;
  return plan::counts(verdict, operator_name) &&
         plan::is_live(verdict, surroundings(verdict), clock.now()) && !awaits_clearance(verdict);
}

bool World::awaits_clearance(const model::AccessVerdict& verdict) const {
  if (!verdict.granted || !verdict.start_at || clock.now() >= plan::ends_at(verdict)) return false;
  return !cleared.contains(verdict.meta.uid) && plan::counts(verdict, operator_name) &&
         plan::is_live(verdict, surroundings(verdict), clock.now());
}

bool World::swept(const std::string& account) const {
  const auto view = account_views.find(account);
  if (view == account_views.end() || !view->second.listed) return false;
  return std::ranges::none_of(groups.not_passed(), [&](const auto& entry) {
    const auto* owner = account_of_subscription(entry.first);
    return owner != nullptr && owner->meta.name == account;
  });
}

void World::wake_swept(const std::string& account) {
  if (!swept(account)) return;
  for (const auto& key : groups_of(account)) {
    if (groups.find(key)->second.passed && waits_for_sweep(key)) group_queue.add(key);
  }
}

/// Whether a rule that is not only a lock may have to go from it or come into it, or somebody waits
/// for what it shows. Locks come and go without that.
bool World::waits_for_sweep(const std::string& group_key) const {
  if (groups.that_hold(Holds::passing).contains(group_key) ||
      groups.that_hold(Holds::unclear).contains(group_key) ||
      !touched.grants_in(group_key).empty() || awaited.contains(group_key)) {
    return true;
  }
  return std::ranges::any_of(machines.behind(group_key), [&](const std::string& machine) {
    const auto& grants = verdict_index.on_machine(machine);
    return VerdictIndex::ending_after(grants, clock.now()) != grants.end();
  });
}

bool World::grants_resolved(const std::string& account) const {
  const auto& grants = verdict_index.grants();
  const auto running = VerdictIndex::ending_after(grants, clock.now());
  return std::all_of(running, grants.end(), [&](const auto& grant) {
    const auto& verdict = *grant;
    if (awaits_clearance(verdict)) {
      return std::ranges::none_of(verdict.targets, [&](const auto& target) {
        const auto* owner = account_of(target.resource_id);
        return owner != nullptr && owner->meta.name == account;
      });
    }
    // The machines first: what a grant stands on takes longer to look up, and most are known.
    const bool known = std::ranges::all_of(verdict.targets, [&](const auto& target) {
      const auto view = machines.find(model::resource_key(target.resource_id));
      if (view != machines.end() && (view->second.machine || view->second.gone)) return true;
      const auto* owner = account_of(target.resource_id);
      return owner == nullptr || owner->meta.name != account;
    });
    return known || !is_live(verdict);
  });
}

}  // namespace portcullis::controllers
