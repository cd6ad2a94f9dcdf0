#include "controllers/policy_reconciler.hpp"

#include <algorithm>

#include "controllers/evidence.hpp"
#include "controllers/grants.hpp"
#include "controllers/group_attempts.hpp"
#include "controllers/policy_targets.hpp"
#include "controllers/resources.hpp"
#include "controllers/status_writer.hpp"
#include "controllers/target_judge.hpp"
#include "model/resource_id.hpp"
#include "plan/policy_status.hpp"
#include "plan/reasons.hpp"
#include "plan/request_status.hpp"
#include "plan/rule_codec.hpp"
#include "plan/scope.hpp"
#include "plan/steady_text.hpp"

namespace portcullis::controllers {
namespace {

// What is known is judged again this often; machines whose readings do not stand are read again.
constexpr Duration read_again = std::chrono::seconds(60);
// What a policy that is being deleted waits for wakes it; this is for what does not.
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

}  // namespace

PolicyReconciler::PolicyReconciler(World& world, kube::Client& client, kube::EventSender& events)
    : world_(world), client_(client), events_(events) {}

Task<Result<runtime::Next>> PolicyReconciler::reconcile(std::string key) {
  const Pointer policy = world_.stores.policies.find(key);
  if (!policy) {
    world_.policy_views.erase(key);
    world_.selections.erase(key);
    co_return runtime::Next{};
  }
  const bool ours = policy->meta.has_finalizer(model::finalizer);
  if (policy->meta.deleting) {
    if (!ours) co_return runtime::Next{};
    co_return co_await leave(policy);
  }
  if (!ours) {
    // Before the first lock: else a deletion between the two would leave the lock behind.
    const auto added = co_await add_finalizer(client_, policies, policy->meta);
    if (!added) co_return fail(added.error());
    co_return runtime::Next{};  // its watch event brings the next pass
  }
  co_return co_await tend(policy);
}

Task<Result<runtime::Next>> PolicyReconciler::tend(Pointer policy) {
  const auto account = world_.stores.accounts.find(policy->account);
  plan::PolicyFindings findings;
  if (!account) {
    findings.problem_reason = plan::reason::account_not_found;
    findings.problem = "CloudAccount \"" + policy->account + "\" does not exist";
  } else if (!model::allows_namespace(*account, policy->meta.ns)) {
    findings.problem_reason = plan::reason::namespace_not_allowed;
    findings.problem = "CloudAccount \"" + policy->account + "\" gives nothing to namespace \"" +
                       policy->meta.ns + "\" (spec.access)";
  }
  if (account) {
    const auto* owner =
        world_.account_of(model::virtual_machine_id(account->subscription, "any", "any"));
    if (owner != nullptr && owner->meta.uid != account->meta.uid) {
      findings.problem_reason = plan::reason::conflict;
      findings.problem = "CloudAccount \"" + owner->meta.name +
                         "\" is older and has subscription " + account->subscription +
                         "; use that one";
    }
  }
  if (!findings.problem.empty()) {
    findings.targets_expected = policy->targets.size();
    world_.policy_views[policy->meta.key()] = {.uid = policy->meta.uid,
                                               .generation = policy->meta.generation};
    const auto reported = co_await report(policy, plan::describe_policy(*policy, findings));
    if (!reported) co_return fail(reported.error());
    co_return runtime::Next{};  // an account's event wakes its policies
  }

  const auto read = co_await read_targets(policy);
  PolicyView& view = world_.policy_views[policy->meta.key()];
  const Duration wait = view.missing ? missing_believed_after : read_again;
  for (auto& target : view.targets) {
    if (target.state == plan::TargetState::State::unresolved ||
        target.state == plan::TargetState::State::unsupported ||
        target.state == plan::TargetState::State::out_of_scope) {
      continue;
    }
    judge_target(world_, *account, *policy, target);
  }
  findings.targets = view.targets;
  findings.targets_expected = view.targets.size();
  findings.problem_reason = view.problem_reason;
  findings.problem = view.problem;
  findings.active_grants =
      static_cast<int>(std::ranges::count_if(world_.stores.verdicts.all(), [&](const auto& entry) {
        return entry.second->policy_uid == policy->meta.uid && world_.is_live(*entry.second);
      }));
  const bool conflict = std::ranges::any_of(view.targets, [](const plan::TargetState& target) {
    return target.state == plan::TargetState::State::conflict;
  });
  // A request that waits for the policy looks again when what the policy says has changed; what an
  // older policy's claim ends, too.
  for (const auto& [name, request] : world_.stores.requests.all()) {
    const std::string& state = request->status.state;
    if (request->meta.ns == policy->meta.ns && request->policy == policy->meta.name &&
        (state.empty() || state == "Pending" || (conflict && !plan::is_final(state)))) {
      world_.request_queue.add(name);
    }
  }
  tell_drift(*policy);
  if (is_being_read(*policy)) co_return runtime::Next{.at = world_.clock.now() + wait};
  const auto reported = co_await report(policy, plan::describe_policy(*policy, findings));
  if (!reported) co_return fail(reported.error());
  if (!read) co_return fail(read.error());
  co_return runtime::Next{.at = world_.clock.now() + wait};
}

/// What others did to its locks and exceptions, once each time.
void PolicyReconciler::tell_drift(const model::JitPolicy& policy) {
  const auto note = world_.policy_drifts.extract(policy.meta.key());
  if (!note) return;
  announce(events_, {.resource = policies,
                     .meta = policy.meta,
                     .from = "AsWritten",
                     .to = "Drifted",
                     .reason = note.mapped().reason,
                     .message = note.mapped().message,
                     .warning = true});
}

/// Whether a group of a policy that was judged before has not been read since the start, or is
/// about to be read again: what was said stands until then, and the group's pass wakes the policy.
bool PolicyReconciler::is_being_read(const model::JitPolicy& policy) const {
  if (policy.status.changes.empty()) return false;
  const auto view = world_.policy_views.find(policy.meta.key());
  if (view == world_.policy_views.end()) return false;
  const auto selection = world_.selections.find(policy.meta.key());
  if (!view->second.listed && selection != world_.selections.end() && !selection->second.error) {
    return true;
  }
  return std::ranges::any_of(view->second.targets, [&](const plan::TargetState& target) {
    const auto ids = world_.groups_before(target.machine.id);
    return std::ranges::any_of(ids, [&](const std::string& id) {
      const auto group = world_.groups.find(model::resource_key(id));
      return group == world_.groups.end() || !group->second.passed || group->second.dirty;
    });
  });
}

Task<Result<Done>> PolicyReconciler::read_targets(Pointer policy) {
  const std::string key = policy->meta.key();
  const auto account = world_.stores.accounts.find(policy->account);
  if (const auto recalled = co_await recall(policy, account); !recalled) {
    co_return fail(recalled.error());
  }
  PolicyTargets found = co_await gather_targets(world_, policy, account);
  if (!found.listed || !world_.inventories.contains(policy->account)) {
    world_.inventory_queue.add(policy->account);
  }
  PolicyView& view = world_.policy_views[key];
  const bool changed = view.uid != policy->meta.uid || view.generation != policy->meta.generation ||
                       view.complete != found.complete;
  std::set<std::string> groups;
  for (const auto& target : view.targets) {
    for (const auto& id : world_.groups_before(target.machine.id)) groups.insert(id);
  }
  view = {.uid = policy->meta.uid,
          .generation = policy->meta.generation,
          .targets = std::move(found.list),
          .listed = found.listed,
          .complete = found.complete,
          .problem_reason = std::move(found.problem_reason),
          .problem = std::move(found.problem)};
  for (const auto& target : view.targets) {
    for (const auto& id : world_.groups_before(target.machine.id)) {
      const auto known = world_.groups.find(model::resource_key(id));
      if (known == world_.groups.end() || !known->second.passed) groups.insert(id);
      if (changed) groups.insert(id);
    }
  }
  view.missing = found.missing;
  if (found.released) mark_locking_groups(*policy);
  for (const auto& id : groups) {
    const auto known = world_.groups.find(model::resource_key(id));
    if (changed || known == world_.groups.end() || !known->second.passed) {
      world_.mark_group(id, runtime::Workqueue::Urgency::normal);
    }
  }
  if (found.error) co_return fail(*found.error);
  co_return Done{};
}

/// Those that hold a lock of the policy, wherever its machines are now.
void PolicyReconciler::mark_locking_groups(const model::JitPolicy& policy) {
  const std::string owner = plan::owner_of(policy.account, policy.meta.ns, policy.meta.name);
  for (const auto& [key, group] : world_.groups) {
    if (!group.group) continue;
    const bool locks = std::ranges::any_of(group.group->rules, [&](const auto& rule) {
      const auto mark = plan::read_mark(rule, world_.instance);
      const auto* own = std::get_if<plan::OwnMark>(&mark);
      return own != nullptr && own->owner == owner;
    });
    if (locks) world_.mark_group(group.id, runtime::Workqueue::Urgency::normal);
  }
}

/// Whom the selectors picked before the start, or the policy had before its spec changed: they are
/// looked at again, since a list may hide them. The status only says whom to ask about.
Task<Result<Done>> PolicyReconciler::recall(Pointer policy,
                                            std::shared_ptr<const model::CloudAccount> account) {
  if (!plan::has_selector(*policy)) co_return Done{};
  Selection& selection = selection_of(world_, *policy);
  const auto before = world_.policy_views.find(policy->meta.key());
  if (before != world_.policy_views.end() && before->second.uid == policy->meta.uid &&
      before->second.generation != policy->meta.generation) {
    for (const auto& target : before->second.targets) {
      add_candidate(selection, *account, target.machine.id);
    }
  }
  if (selection.recalled) co_return Done{};
  const auto object = co_await client_.get(policies, {policy->meta.ns, policy->meta.name});
  if (!object) co_return fail(object.error());
  Selection& known = selection_of(world_, *policy);
  known.recalled = true;
  const auto targets = object->find("status") == object->end()
                           ? nlohmann::json::array()
                           : object->at("status").value("targets", nlohmann::json::array());
  for (const auto& target : targets) {
    add_candidate(known, *account, target.value("resourceID", ""));
  }
  co_return Done{};
}

/// The ways of all that was ever granted under the policy are read, so that it can be proven
/// closed: after a start nobody else reads those of what was over before.
Task<void> PolicyReconciler::look_for_grants(Pointer policy) {
  std::vector<VerdictPointer> granted;
  for (const auto& [key, verdict] : world_.stores.verdicts.all()) {
    if (!is_grant_of(*verdict, *policy)) continue;
    granted.push_back(verdict);
    wake_groups_of(world_, *verdict, end_of(*verdict));
  }
  co_await read_ways(world_, granted);
  for (const VerdictPointer& verdict : granted) wake_groups_of(world_, *verdict, end_of(*verdict));
}

bool PolicyReconciler::is_grant_of(const model::AccessVerdict& verdict,
                                   const model::JitPolicy& policy) const {
  return verdict.granted && verdict.policy_uid == policy.meta.uid &&
         plan::counts(verdict, world_.operator_name) &&
         !world_.proven_closed.contains(verdict.meta.uid);
}

TimePoint PolicyReconciler::end_of(const model::AccessVerdict& verdict) const {
  const auto early = world_.early_end(verdict);
  return early ? std::min(early->at, plan::ends_at(verdict)) : plan::ends_at(verdict);
}

/// What keeps a policy that is being deleted from going, or nothing.
std::optional<std::string> PolicyReconciler::why_not_leaving(const model::JitPolicy& policy) {
  for (const auto& [key, verdict] : world_.stores.verdicts.all()) {
    if (!is_grant_of(*verdict, policy)) continue;
    const auto evidence = gather_evidence(world_, *verdict, end_of(*verdict));
    if (!evidence.closed) {
      return "waits until the grant of request \"" + verdict->request_name +
             "\" is closed: " + evidence.message;
    }
  }
  return std::nullopt;
}

/// Whether the group is on the way to one of the machines.
bool PolicyReconciler::stands_before(const std::vector<plan::TargetState>& targets,
                                     const std::string& group_key) const {
  return std::ranges::any_of(targets, [&](const plan::TargetState& target) {
    return std::ranges::any_of(world_.groups_before(target.machine.id), [&](const auto& id) {
      return model::resource_key(id) == group_key;
    });
  });
}

Task<Result<runtime::Next>> PolicyReconciler::leave(Pointer policy) {
  const auto account = world_.stores.accounts.find(policy->account);
  if (account && world_.policy_views[policy->meta.key()].targets.empty()) {
    // After a restart: a list may hide a group that stands on the way to a machine.
    (void)co_await read_targets(policy);
  }
  PolicyView& view = world_.policy_views[policy->meta.key()];
  view.uid = policy->meta.uid;
  for (const auto& [key, verdict] : world_.stores.verdicts.all()) {
    if (verdict->policy_uid == policy->meta.uid && verdict->granted && !verdict->ended) {
      world_.request_queue.add(verdict->meta.ns + "/" + verdict->request_name);
    }
  }
  plan::PolicyFindings findings;
  findings.targets = view.targets;
  findings.targets_expected = view.targets.size();
  co_await look_for_grants(policy);
  if (auto waiting = why_not_leaving(*policy)) {
    findings.problem_reason = plan::reason::unlocking;
    findings.problem = *waiting;
    const auto reported = co_await report(policy, plan::describe_policy(*policy, findings));
    if (!reported) co_return fail(reported.error());
    co_return runtime::Next{.at = world_.clock.now() + look_again};
  }

  const std::string owner = plan::owner_of(policy->account, policy->meta.ns, policy->meta.name);
  std::string left;
  if (!policy->keep_locks && !account) {
    left = "CloudAccount \"" + policy->account +
           "\" does not exist; apply it again, or set spec.onDelete: KeepLocks";
  }
  if (!policy->keep_locks && account && !world_.swept(account->meta.name)) {
    left = "the groups of the account have not all been read yet";
  }
  const bool first = !std::exchange(view.leaving, true);
  for (auto& [key, group] : world_.groups) {
    if (policy->keep_locks || !account || group.gone) continue;
    const auto* of = world_.account_of(group.id);
    if (of == nullptr || of->meta.name != account->meta.name) continue;
    // Others' that cannot be read hold up nobody; one where our rules were, or that stands before
    // one of its machines, may hold its lock.
    bool has_rules =
        !group.group.has_value() && (group.listed_with_ours || stands_before(view.targets, key));
    if (group.group) {
      has_rules = std::ranges::any_of(group.group->rules, [&](const model::SecurityRule& rule) {
        const auto mark = plan::read_mark(rule, world_.instance);
        const auto* own = std::get_if<plan::OwnMark>(&mark);
        return own != nullptr && own->owner == owner && !plan::is_inert(rule);
      });
    }
    if (!has_rules) continue;
    const auto* refused = find_refused_of_owner(group, owner);
    left = "NSG \"" + group.id + "\"" +
           (refused != nullptr ? ": " + words(*refused)
            : group.error      ? ": " + group.error->message
                               : std::string(" still has locks"));
    if (first) world_.mark_group(group.id, runtime::Workqueue::Urgency::normal);
  }
  if (!left.empty()) {
    findings.problem_reason = plan::reason::unlocking;
    findings.problem = "unlocking: " + left;
    const auto reported = co_await report(policy, plan::describe_policy(*policy, findings));
    if (!reported) co_return fail(reported.error());
    co_return runtime::Next{.at = world_.clock.now() + look_again};
  }
  announce(events_, {.resource = policies,
                     .meta = policy->meta,
                     .from = "Unlocking",
                     .to = "Unlocked",
                     .reason = "Unlocked",
                     .message = policy->keep_locks ? "the locks stay (onDelete: KeepLocks)"
                                                   : words_unlocked(world_, owner)});
  const auto removed = co_await remove_finalizer(client_, policies, policy->meta);
  if (!removed) co_return fail(removed.error());
  co_return runtime::Next{};
}

Task<Result<Done>> PolicyReconciler::report(Pointer policy, model::PolicyStatus status) {
  const auto json = api::to_json(status, policy->meta, policy->status, world_.clock.now());
  const auto ready = std::ranges::find(status.conditions, "Ready", &model::Condition::type);
  const auto before =
      std::ranges::find(policy->status.changes, "Ready", &model::SeenStatus::Change::type);
  const bool known = before != policy->status.changes.end();
  const bool turned =
      ready != status.conditions.end() && (!known || before->status != ready->status);
  const auto written =
      co_await write_status(world_, client_, policies, policy->meta, policy->status, json);
  if (!written) co_return fail(written.error());
  if (*written && turned) {
    announce(events_, {.resource = policies,
                       .meta = policy->meta,
                       .from = known ? std::string("Ready=") + to_string(before->status) : "New",
                       .to = std::string("Ready=") + to_string(ready->status),
                       .reason = ready->reason,
                       .message = ready->message,
                       .warning = known && ready->status == model::Truth::no});
  }
  co_return Done{};
}

}  // namespace portcullis::controllers
