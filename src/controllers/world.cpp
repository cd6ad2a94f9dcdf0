#include "controllers/world.hpp"

#include <algorithm>

#include "api/decode.hpp"
#include "base/log.hpp"
#include "controllers/standing.hpp"
#include "model/resource_id.hpp"
#include "plan/reasons.hpp"
#include "plan/scope.hpp"
#include "plan/steady_text.hpp"

namespace portcullis::controllers {
namespace {

template <typename T>
kube::Store<T> make_store(const char* kind, Result<T> (*decode)(simdjson::dom::element)) {
  return kube::Store<T>(api::key_of, decode, [kind](const std::string& key, const Error& error) {
    log::error("object not understood, left out",
               {{"kind", kind}, {"key", key}, {"error", error.message}});
  });
}

/// What nothing is left under is forgotten.
void take_out(std::map<std::string, std::set<std::string>>& index, const std::string& under,
              const std::string& key) {
  const auto found = index.find(under);
  if (found == index.end()) return;
  found->second.erase(key);
  if (found->second.empty()) index.erase(found);
}

}  // namespace

Stores::Stores()
    : accounts(make_store<model::CloudAccount>("CloudAccount", api::decode_account)),
      policies(make_store<model::JitPolicy>("JitPolicy", api::decode_policy)),
      requests(make_store<model::AccessRequest>("AccessRequest", api::decode_request)),
      decisions(make_store<model::AccessDecision>("AccessDecision", api::decode_decision)),
      verdicts(make_store<model::AccessVerdict>("AccessVerdict", api::decode_verdict)) {}

std::vector<std::string> Stores::unsynced() const {
  std::vector<std::string> kinds;
  const auto add = [&](const char* kind, bool synced) {
    if (!synced) kinds.emplace_back(kind);
  };
  add("CloudAccount", accounts.synced());
  add("JitPolicy", policies.synced());
  add("AccessRequest", requests.synced());
  add("AccessDecision", decisions.synced());
  add("AccessVerdict", verdicts.synced());
  return kinds;
}

std::optional<std::size_t> PolicyView::place_of(const std::string& machine_key) const {
  if (places.size() != targets.size()) {
    places.clear();
    for (std::size_t i = 0; i < targets.size(); ++i) {
      places.emplace(model::resource_key(targets[i].machine.id), i);
    }
  }
  const auto found = places.find(machine_key);
  return found == places.end() ? std::nullopt : std::optional(found->second);
}

World::World(Clock& the_clock, ProviderOf providers, std::string the_instance)
    : clock(the_clock),
      instance(std::move(the_instance)),
      began(the_clock.now()),
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
  stores.decisions.listen([this](const std::string& key, const auto& before, const auto& after) {
    if (before) take_out(decisions_about, before->request_uid, key);
    if (after) decisions_about[after->request_uid].insert(key);
  });
  stores.verdicts.listen([this](const std::string& key, const auto& before, const auto& after) {
    watch_verdict(key, before.get(), after.get());
    if (before) take_out(verdicts_about, before->meta.ns + "/" + before->request_name, key);
    if (after) verdicts_about[after->meta.ns + "/" + after->request_name].insert(key);
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
  if (!id) return nullptr;
  const model::CloudAccount* owner = nullptr;
  for (const auto& [name, account] : stores.accounts.all()) {
    if (model::ascii_lower(account->subscription) != model::ascii_lower(id->subscription)) continue;
    if (owner == nullptr || model::came_before(account->meta, owner->meta)) owner = account.get();
  }
  if (owner != nullptr) return owner;
  for (const auto& [name, account] : remembered_accounts) {
    if (model::ascii_lower(account->subscription) == model::ascii_lower(id->subscription)) {
      return account.get();
    }
  }
  return nullptr;
}

Task<Result<Done>> World::refresh_machine(std::string account, std::string id, Duration max_age) {
  const std::string key = model::resource_key(id);
  if (is_known(id, max_age)) co_return Done{};
  if (const auto known = machines.find(key);
      known != machines.end() && known->second.error &&
      clock.now() - known->second.failed_at < failure_counts_for) {
    co_return fail(*known->second.error);
  }
  const auto owner = stores.accounts.find(account);
  if (!owner) co_return fail(Error::Kind::not_found, "account \"" + account + "\" does not exist");
  const auto provider = provider_of(*owner);
  if (!provider) co_return fail(provider.error());
  const std::uint64_t shown = shown_of(*this, account, key);
  auto read = co_await (*provider)->read_machine(id);
  MachineView& view = machines[key];
  if (!read) {
    view.error = read.error();
    view.error->message = plan::steady_text(read.error().message);
    view.failed_at = clock.now();
    if (read.error().kind == Error::Kind::not_found) note_missing(id, view);
    co_return fail(read.error());
  }
  view.missing_since.reset();
  view.gone = false;
  const auto before = groups_before(id);
  const bool changed = !view.machine || *view.machine != *read;
  view.machine = std::move(*read);
  view.read_at = clock.now();
  view.error.reset();
  note_reading(view, shown);
  if (changed) {
    for (const auto& group : before) mark_group(group, runtime::Workqueue::Urgency::normal);
    for (const auto& group : groups_before(id)) {
      mark_group(group, runtime::Workqueue::Urgency::normal);
    }
  }
  co_return Done{};
}

void World::forget_machines() {
  std::set<std::string> needed;
  for (const auto& [key, view] : policy_views) {
    for (const auto& target : view.targets) needed.insert(model::resource_key(target.machine.id));
  }
  for (const auto& [key, verdict] : stores.verdicts.all()) {
    for (const auto& target : verdict->targets) {
      needed.insert(model::resource_key(target.resource_id));
    }
  }
  machines.erase_if([&](const auto& one) {
    // Whoever reads it now may be about to need it.
    const TimePoint tried_at = std::max(one.second.read_at, one.second.failed_at);
    return !needed.contains(one.first) && clock.now() - tried_at > unneeded_for;
  });
}

bool World::is_known(const std::string& id, Duration max_age) const {
  const auto known = machines.find(model::resource_key(id));
  return known != machines.end() && known->second.machine && !known->second.error &&
         clock.now() - known->second.read_at < max_age;
}

/// One 404 may be a moment of the cloud's; a second one, later, is believed.
void World::note_missing(const std::string& id, MachineView& view) {
  if (!view.missing_since) view.missing_since = clock.now();
  if (view.gone || clock.now() - *view.missing_since < missing_believed_after) return;
  for (const auto& group : groups_before(id))
    mark_group(group, runtime::Workqueue::Urgency::closing);
  view.gone = true;
  view.machine.reset();
}

void World::mark_group(const std::string& id, runtime::Workqueue::Urgency urgency) {
  const std::string key = model::resource_key(id);
  GroupView& view = groups[key];
  if (view.id.empty()) view.id = id;
  view.dirty = true;
  if (urgency == runtime::Workqueue::Urgency::closing) {
    view.closing_marked = true;
    if (!view.closing_since) view.closing_since = clock.now();
  }
  group_queue.add(key, urgency);
}

void World::wake_group(const std::string& id, const model::AccessVerdict& verdict,
                       runtime::Workqueue::Urgency urgency) {
  if (!groups[model::resource_key(id)].woken_by.emplace(verdict.meta.uid, urgency).second) return;
  mark_group(id, urgency);
}

void World::group_changed(const std::string& key) {
  const std::set<std::string> behind = machines.behind(key);
  for (const auto& [policy, view] : policy_views) {
    const bool concerned = std::ranges::any_of(
        behind, [&](const std::string& machine) { return view.place_of(machine).has_value(); });
    if (concerned || view.leaving) policy_queue.add(policy);
  }
  for (const auto& [name, verdict] : stores.verdicts.all()) {
    if (!verdict->granted || proven_closed.contains(verdict->meta.uid)) continue;
    const auto rules_in = touched.find(verdict->meta.uid);
    bool concerned = rules_in != touched.end() && rules_in->second.contains(key);
    for (const auto& target : verdict->targets) {
      for (const auto& id : groups_before(target.resource_id)) {
        concerned = concerned || model::resource_key(id) == key;
      }
    }
    if (concerned) request_queue.add(verdict->meta.ns + "/" + verdict->request_name);
  }
  if (const auto waiting = awaited.extract(key)) {
    for (const auto& name : waiting.mapped()) request_queue.add(name);
  }
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
    const std::string& request_uid, const std::string& policy) const {
  std::vector<std::shared_ptr<const model::AccessDecision>> said;
  const auto keys = decisions_about.find(request_uid);
  if (keys == decisions_about.end()) return said;
  for (const std::string& key : keys->second) {
    auto decision = stores.decisions.find(key);
    // Admission checked the verb on the policy that the decision names: it must be the request's.
    if (decision && decision->policy_name == policy && !decision->author.username.empty()) {
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
    around.account = account_of(verdict.targets.front().resource_id);
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
  for (const auto& said : said_about(verdict.request_uid, verdict.policy_name)) {
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
  return std::ranges::all_of(groups, [&](const auto& entry) {
    if (entry.second.passed || entry.second.gone) return true;  // most of them: asked often
    const auto* owner = account_of(entry.second.id);
    return owner == nullptr || owner->meta.name != account;
  });
}

void World::wake_swept(const std::string& account) {
  if (!swept(account)) return;
  for (const auto& [key, group] : groups) {
    const auto* owner = account_of(group.id);
    if (group.passed && owner != nullptr && owner->meta.name == account) group_queue.add(key);
  }
}

bool World::grants_resolved(const std::string& account) const {
  return std::ranges::all_of(stores.verdicts.all(), [&](const auto& entry) {
    const auto& verdict = *entry.second;
    if (awaits_clearance(verdict)) return false;
    if (!is_live(verdict)) return true;
    return std::ranges::all_of(verdict.targets, [&](const auto& target) {
      const auto* owner = account_of(target.resource_id);
      if (owner == nullptr || owner->meta.name != account) return true;
      const auto view = machines.find(model::resource_key(target.resource_id));
      return view != machines.end() && (view->second.machine.has_value() || view->second.gone);
    });
  });
}

}  // namespace portcullis::controllers
