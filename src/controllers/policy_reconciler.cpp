#include "controllers/policy_reconciler.hpp"

#include <algorithm>

#include "controllers/open_grants.hpp"
#include "controllers/policy_reading.hpp"
#include "controllers/policy_report.hpp"
#include "controllers/resources.hpp"
#include "controllers/status_writer.hpp"
#include "controllers/target_judge.hpp"
#include "model/resource_id.hpp"
#include "plan/policy_status.hpp"
#include "plan/reasons.hpp"
#include "plan/request_status.hpp"

namespace portcullis::controllers {
namespace {

// What is known is judged again this often; machines whose readings do not stand are read again.
constexpr Duration read_again = std::chrono::seconds(60);

}  // namespace

PolicyReconciler::PolicyReconciler(World& world, kube::Client& client, kube::EventSender& events)
    : world_(world), client_(client), events_(events), leaving_(world, client, events) {}

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
    co_return co_await leaving_.leave(policy);
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
    findings.problem = "CloudAccount \"" + policy->account + "\" " +
                       why_missing(world_.stores.accounts, policy->account);
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
    const auto reported = co_await report_policy(world_, client_, events_, policy,
                                                 plan::describe_policy(*policy, findings));
    if (!reported) co_return fail(reported.error());
    co_return runtime::Next{};  // an account's event wakes its policies
  }

  const auto read = co_await read_policy(world_, client_, policy);
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
  count_grants(world_, *policy, findings);
  const bool conflict = std::ranges::any_of(view.targets, [](const plan::TargetState& target) {
    return target.state == plan::TargetState::State::conflict;
  });
  // A request that waits for the policy looks again when what the policy says has changed; what an
  // older policy's claim ends, too.
  for (const auto& request : world_.request_index.of(policy->meta.ns, policy->meta.name)) {
    const std::string& state = request->status.state;
    if (state.empty() || state == "Pending" || (conflict && !plan::is_final(state))) {
      world_.request_queue.add(request->meta.key());
    }
  }
  tell_drift(*policy);
  if (is_being_read(*policy)) {
    if (!read) co_return fail(read.error());
    co_return runtime::Next{.at = world_.clock.now() + wait};
  }
  const auto reported = co_await report_policy(world_, client_, events_, policy,
                                               plan::describe_policy(*policy, findings));
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

}  // namespace portcullis::controllers
