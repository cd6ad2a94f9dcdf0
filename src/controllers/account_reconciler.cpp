#include "controllers/account_reconciler.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "controllers/account_problem.hpp"
#include "controllers/clock_watch.hpp"
#include "controllers/orphans.hpp"
#include "controllers/resources.hpp"
#include "controllers/status_writer.hpp"
#include "model/condition_types.hpp"
#include "model/resource_id.hpp"
#include "plan/reasons.hpp"
#include "plan/rule_codec.hpp"

namespace portcullis::controllers {
namespace {

// Rules that nobody remembers are found by then.
constexpr Duration list_again = std::chrono::minutes(5);

}  // namespace

AccountReconciler::AccountReconciler(World& world, kube::Client& client, kube::EventSender& events)
    : world_(world), client_(client), events_(events) {}

Task<Result<runtime::Next>> AccountReconciler::reconcile(std::string key) {
  const Pointer account = world_.stores.accounts.find(key);
  if (!account) {
    world_.account_views.erase(key);
    co_return runtime::Next{};
  }
  const bool ours = account->meta.has_finalizer(model::finalizer);
  if (account->meta.deleting && !ours) co_return runtime::Next{};
  if (!account->meta.deleting && !ours) {
    const auto added = co_await add_finalizer(client_, accounts, account->meta);
    if (!added) co_return fail(added.error());
    co_return runtime::Next{};
  }

  world_.forget_machines();
  tell_closed_orphans(*account);
  const auto provider = world_.provider_of(*account);
  Result<Done> listed = Done{};
  if (provider) {
    listed = co_await list_groups(account, *provider);
  } else {
    listed = fail(provider.error());
  }
  AccountView& view = world_.account_views[key];
  const bool changed = view.error.has_value() == listed.has_value() || !view.listed;
  if (listed) {
    view.error.reset();
    if (!std::exchange(view.listed, true)) world_.wake_swept(key);
  } else {
    view.error = listed.error();
  }
  // What policies and requests say depends on it.
  if (changed) {
    for (const auto& policy : world_.stores.policies.all()) {
      if (policy->account == key) world_.policy_queue.add(policy->meta.key());
    }
  }
  if (!listed) {
    auto problem =
        provider ? describe_unread(listed.error()) : describe_no_provider(listed.error());
    const auto reported =
        co_await report(account, false, std::move(problem.reason), std::move(problem.message));
    if (!reported) co_return fail(reported.error());
    co_return fail(listed.error());
  }
  if (account->meta.deleting) {
    if (const std::string left = what_is_left(*account); !left.empty()) {
      const auto reported = co_await report(account, false, plan::reason::in_use, left);
      if (!reported) co_return fail(reported.error());
      co_return runtime::Next{.at = world_.clock.now() + std::chrono::seconds(5)};
    }
    const auto removed = co_await remove_finalizer(client_, accounts, account->meta);
    if (!removed) co_return fail(removed.error());
    world_.remembered_accounts.erase(key);  // nothing of ours is left to close by it
    co_return runtime::Next{};
  }
  const auto* owner =
      world_.account_of(model::virtual_machine_id(account->subscription, "any", "any"));
  if (owner != nullptr && owner->meta.uid != account->meta.uid) {
    const auto told =
        co_await report(account, false, plan::reason::conflict,
                        "CloudAccount \"" + owner->meta.name + "\" is older and has subscription " +
                            account->subscription + "; this one does nothing");
    if (!told) co_return fail(told.error());
    co_return runtime::Next{.at = world_.clock.now() + list_again};
  }
  const auto reported = co_await report(account, true, plan::reason::ready,
                                        "subscription " + account->subscription + " can be read");
  if (!reported) co_return fail(reported.error());
  co_return runtime::Next{.at = world_.clock.now() + list_again};
}

Task<Result<Done>> AccountReconciler::list_groups(Pointer account, cloud::Provider* provider) {
  const auto checked = co_await provider->check();
  if (!checked) co_return fail(checked.error());
  auto scope = model::network_scope(*account);
  // "*" is the whole subscription, which a list of no names means.
  if (std::ranges::find(scope, "*") != scope.end()) scope.clear();
  const auto in_scope = co_await provider->list_groups(scope);
  if (!in_scope) co_return fail(in_scope.error());
  note_listed(*account, *in_scope);
  if (scope.empty()) co_return Done{};
  // What left the scope while nobody looked may hold rules of ours, on no machine's way any more.
  const auto anywhere = co_await provider->list_groups({});
  if (!anywhere) co_return fail(anywhere.error());
  note_listed(*account, *anywhere);
  co_return Done{};
}

void AccountReconciler::note_listed(const model::CloudAccount& account,
                                    const std::vector<cloud::ListedGroup>& groups) {
  const TimePoint now = world_.clock.now();
  for (const auto& group : groups) {
    bool overdue = false;
    bool ours = false;
    for (const auto& rule : group.rules) {
      const auto mark = plan::read_mark(rule.name, rule.description, world_.instance);
      const auto* own = std::get_if<plan::OwnMark>(&mark);
      ours = ours || !std::holds_alternative<plan::ForeignMark>(mark);
      overdue = overdue || (own != nullptr && own->expired(now));
    }
    const auto known = world_.groups.find(model::resource_key(group.id));
    const bool passed = known != world_.groups.end() && known->second.passed;
    // Whoever deletes the account was told what to remove by hand, and waits.
    const bool waited_for = account.meta.deleting && passed && known->second.group &&
                            known->second.group->etag != group.etag;
    // A list never says that something is gone; it only finds what has to be looked at.
    if (ours) world_.groups[model::resource_key(group.id)].listed_with_ours = true;
    if ((ours && (overdue || !passed)) || waited_for) {
      world_.mark_group(group.id, overdue ? runtime::Workqueue::Urgency::closing
                                          : runtime::Workqueue::Urgency::normal);
    }
  }
}

std::string AccountReconciler::what_is_left(const model::CloudAccount& account) const {
  for (const auto& policy : world_.stores.policies.all()) {
    if (policy->account == account.meta.name) {
      return "JitPolicy \"" + policy->meta.key() + "\" refers to it; delete that first";
    }
  }
  if (!world_.swept(account.meta.name)) return "its NSGs have not all been read yet";
  for (const auto& [key, group] : world_.groups) {
    const auto* owner = world_.account_of(group.id);
    if (owner == nullptr || owner->meta.uid != account.meta.uid || group.gone) continue;
    if (!group.group) return "NSG \"" + group.id + "\" cannot be read";
    for (const auto& rule : group.group->rules) {
      const auto mark = plan::read_mark(rule, world_.instance);
      const auto* own = std::get_if<plan::OwnMark>(&mark);
      if (own != nullptr && !plan::is_inert(rule)) {
        return "rule \"" + rule.name + "\" is left in NSG \"" + group.id +
               "\"; a lock of a policy deleted with KeepLocks has to be removed by hand";
      }
    }
  }
  return "";
}

Task<Result<Done>> AccountReconciler::report(Pointer account, bool ready, std::string reason,
                                             std::string message) {
  // At the start nobody has looked at the guards yet. Whoever does wakes the accounts.
  if (!world_.guard.holds && world_.guard.problem.empty()) co_return Done{};
  model::AccountStatus status;
  status.conditions.push_back({.type = model::condition_type::ready,
                               .status = ready ? model::Truth::yes : model::Truth::no,
                               .reason = reason,
                               .message = message});
  const bool proven = world_.guard.holds;
  status.conditions.push_back(
      {.type = model::condition_type::admission_guarded,
       .status = proven              ? model::Truth::yes
                 : world_.guard.told ? model::Truth::no
                                     : model::Truth::unknown,
       .reason = proven ? plan::reason::guarded : plan::reason::guard_lost,
       .message = proven ? "a request under a forged name is refused" : world_.guard.problem});
  const std::array told{describe_orphans(world_, *account), describe_clocks(world_, *account)};
  status.conditions.insert(status.conditions.end(), told.begin(), told.end());
  const auto json = api::to_json(status, account->meta, account->status, world_.clock.now());
  const auto said_before = [&](const char* type) -> std::optional<model::Truth> {
    const auto found =
        std::ranges::find(account->status.changes, type, &model::SeenStatus::Change::type);
    if (found == account->status.changes.end()) return std::nullopt;
    return found->status;
  };
  const auto ready_before = said_before(model::condition_type::ready);
  const auto written =
      co_await write_status(world_, client_, accounts, account->meta, account->status, json);
  if (!written) co_return fail(written.error());
  if (*written && ready_before != status.conditions.front().status) {
    announce(events_,
             {.resource = accounts,
              .meta = account->meta,
              .from = ready_before ? std::string("Ready=") + to_string(*ready_before) : "New",
              .to = ready ? "Ready=True" : "Ready=False",
              .reason = reason,
              .message = message,
              .warning = !ready});
  }
  for (const model::Condition& condition : told) {
    const auto before = said_before(condition.type.c_str()).value_or(model::Truth::no);
    if (!*written || before == condition.status) continue;
    announce(events_, {.resource = accounts,
                       .meta = account->meta,
                       .from = condition.type + "=" + to_string(before),
                       .to = condition.type + "=" + to_string(condition.status),
                       .reason = condition.reason,
                       .message = condition.message,
                       .warning = condition.status == model::Truth::yes});
  }
  co_return Done{};
}

void AccountReconciler::tell_closed_orphans(const model::CloudAccount& account) {
  const auto closed = world_.closed_orphans.extract(account.meta.name);
  if (!closed) return;
  for (const std::string& message : closed.mapped()) {
    announce(events_, {.resource = accounts,
                       .meta = account.meta,
                       .from = "Orphan",
                       .to = "Closed",
                       .reason = plan::reason::orphan_closed,
                       .message = message,
                       .warning = true});
  }
}

}  // namespace portcullis::controllers
