#include "controllers/policy_leaving.hpp"

#include <algorithm>
#include <utility>

#include "controllers/evidence.hpp"
#include "controllers/grants.hpp"
#include "controllers/group_attempts.hpp"
#include "controllers/policy_reading.hpp"
#include "controllers/resources.hpp"
#include "controllers/status_writer.hpp"
#include "model/resource_id.hpp"
#include "plan/policy_status.hpp"
#include "plan/reasons.hpp"
#include "plan/rule_codec.hpp"

namespace portcullis::controllers {
namespace {

// What it waits for wakes it; this is for what does not.
constexpr Duration look_again = std::chrono::seconds(5);

/// What became of the locks of an owner that none is left of in force.
std::string words_unlocked(const World& world, const std::string& owner) {
  for (const auto& [key, group] : world.groups) {
    for (const auto& problem : group.plan.problems) {
      if (problem.kind != plan::ProblemKind::cleanup_blocked || problem.owner != owner) continue;
      return "all locks are out of force, proven by a read; NSG \"" + model::short_name(group.id) +
             "\": " + problem.message;
    }
  }
  return "all locks are removed, proven by a read";
}

std::string owner_of(const model::JitPolicy& policy) {
  return plan::owner_of(policy.account, policy.meta.ns, policy.meta.name);
}

bool has_locks_in_force(const World& world, const model::SecurityGroup& group,
                        const std::string& owner) {
  return std::ranges::any_of(group.rules, [&](const model::SecurityRule& rule) {
    const auto mark = plan::read_mark(rule, world.instance);
    const auto* own = std::get_if<plan::OwnMark>(&mark);
    return own != nullptr && own->owner == owner && !plan::is_inert(rule);
  });
}

}  // namespace

Task<Result<runtime::Next>> PolicyLeaving::leave(PolicyPointer policy) {
  if (world_.stores.accounts.find(policy->account) &&
      world_.policy_views[policy->meta.key()].targets.empty()) {
    // After a restart: a list may hide a group that stands on the way to a machine.
    (void)co_await read_policy(world_, client_, policy);
  }
  world_.policy_views[policy->meta.key()].uid = policy->meta.uid;
  for (const auto& verdict : world_.verdict_index.of_policy(policy->meta.uid)) {
    if (!verdict->ended) {
      world_.request_queue.add(verdict->meta.ns + "/" + verdict->request_name,
                               runtime::Workqueue::Urgency::closing);
    }
  }
  co_await look_for_grants(policy);
  if (auto waiting = why_not_yet(*policy)) {
    co_return co_await say_what_is_left(policy, std::move(*waiting));
  }
  PolicyView& view = world_.policy_views[policy->meta.key()];
  const bool is_first = !std::exchange(view.leaving, true);
  if (std::string left = what_is_locked(*policy, view, is_first); !left.empty()) {
    co_return co_await say_what_is_left(policy, "unlocking: " + left);
  }
  announce(events_, {.resource = policies,
                     .meta = policy->meta,
                     .from = "Unlocking",
                     .to = "Unlocked",
                     .reason = plan::reason::unlocked,
                     .message = policy->keep_locks ? "the locks stay (onDelete: KeepLocks)"
                                                   : words_unlocked(world_, owner_of(*policy))});
  const auto removed = co_await remove_finalizer(client_, policies, policy->meta);
  if (!removed) co_return fail(removed.error());
  co_return runtime::Next{};
}

Task<Result<runtime::Next>> PolicyLeaving::say_what_is_left(PolicyPointer policy,
                                                            std::string left) {
  const PolicyView& view = world_.policy_views[policy->meta.key()];
  plan::PolicyFindings findings;
  findings.targets = view.targets;
  findings.targets_expected = view.targets.size();
  findings.problem_reason = plan::reason::unlocking;
  findings.problem = std::move(left);
  const auto reported = co_await report_policy(world_, client_, events_, policy,
                                               plan::describe_policy(*policy, findings));
  if (!reported) co_return fail(reported.error());
  co_return runtime::Next{.at = world_.clock.now() + look_again};
}

/// The ways of all that was ever granted under the policy are read, so that it can be proven
/// closed: after a start nobody else reads those of what was over before.
Task<void> PolicyLeaving::look_for_grants(PolicyPointer policy) {
  std::vector<VerdictPointer> granted;
  for (const auto& verdict : world_.verdict_index.of_policy(policy->meta.uid)) {
    if (!may_be_open(*verdict)) continue;
    granted.push_back(verdict);
    wake_groups_of(world_, *verdict, end_of(*verdict));
  }
  co_await read_ways(world_, granted);
  for (const VerdictPointer& verdict : granted) wake_groups_of(world_, *verdict, end_of(*verdict));
}

bool PolicyLeaving::may_be_open(const model::AccessVerdict& verdict) const {
  return plan::counts(verdict, world_.operator_name) &&
         !world_.proven_closed.contains(verdict.meta.uid);
}

TimePoint PolicyLeaving::end_of(const model::AccessVerdict& verdict) const {
  const auto early = world_.early_end(verdict);
  return early ? std::min(early->at, plan::ends_at(verdict)) : plan::ends_at(verdict);
}

/// A grant that keeps it from unlocking, or nothing.
std::optional<std::string> PolicyLeaving::why_not_yet(const model::JitPolicy& policy) const {
  for (const auto& verdict : world_.verdict_index.of_policy(policy.meta.uid)) {
    if (!may_be_open(*verdict)) continue;
    const auto evidence = gather_evidence(world_, *verdict, end_of(*verdict));
    if (!evidence.closed) {
      return "waits until the grant of request \"" + verdict->request_name +
             "\" is closed: " + evidence.message;
    }
  }
  return std::nullopt;
}

/// Keys of the groups that hold its locks, or may. Others' that cannot be read hold up nobody; one
/// where our rules were, or that stands before one of its machines, may hold its lock.
std::set<std::string> PolicyLeaving::where_locks_may_be(const std::string& owner,
                                                        const PolicyView& view) const {
  std::set<std::string> keys;
  for (const auto& key : world_.groups.with_rules_of(owner)) {
    const auto& group = world_.groups.find(key)->second.group;
    if (group && has_locks_in_force(world_, *group, owner)) keys.insert(key);
  }
  const auto add_unread = [&](const std::string& key) {
    const auto known = world_.groups.find(key);
    if (known != world_.groups.end() && !known->second.group) keys.insert(key);
  };
  for (const auto& key : world_.groups.that_hold(Holds::unclear)) add_unread(key);
  for (const auto& target : view.targets) {
    for (const auto& id : world_.groups_before(target.machine.id)) {
      add_unread(model::resource_key(id));
    }
  }
  return keys;
}

/// Where its locks still stand, or may; empty: nowhere. Groups are marked the first time.
std::string PolicyLeaving::what_is_locked(const model::JitPolicy& policy, const PolicyView& view,
                                          bool is_first) {
  if (policy.keep_locks) return "";
  const auto account = world_.stores.accounts.find(policy.account);
  if (!account) {
    return "CloudAccount \"" + policy.account + "\" " +
           why_missing(world_.stores.accounts, policy.account) +
           "; apply it again, or set spec.onDelete: KeepLocks";
  }
  std::string left;
  if (!world_.swept(account->meta.name)) {
    left = "the groups of the account have not all been read yet";
  }
  const std::string owner = owner_of(policy);
  for (const auto& key : where_locks_may_be(owner, view)) {
    const GroupView& group = world_.groups.find(key)->second;
    const auto* of = group.gone ? nullptr : world_.account_of(group.id);
    if (of == nullptr || of->meta.name != account->meta.name) continue;
    const auto* refused = find_refused_of_owner(group, owner);
    left = "NSG \"" + group.id + "\"" +
           (refused != nullptr ? ": " + words(*refused)
            : group.error      ? ": " + group.error->message
                               : std::string(" still has locks"));
    if (is_first) world_.mark_group(group.id, runtime::Workqueue::Urgency::normal);
  }
  return left;
}

}  // namespace portcullis::controllers
