#include "plan/decision.hpp"

#include <algorithm>

#include "plan/reasons.hpp"
#include "plan/scope.hpp"
#include "plan/terms.hpp"
#include "plan/words.hpp"

namespace portcullis::plan {
namespace {

Decision wait(const char* why, std::string message) {
  return {.kind = Decision::Kind::wait, .reason = why, .message = std::move(message)};
}

Decision refuse(const char* why, std::string message) {
  return {.kind = Decision::Kind::refuse, .reason = why, .message = std::move(message)};
}

Duration usual_time(const Case& c) {
  return model::decision_timeout(c.policy == nullptr ? model::JitPolicy{} : *c.policy);
}

/// Nobody waits for machines that were not asked for.
bool is_ready_for_it(const Case& c) {
  if (c.policy == nullptr || !c.targets_current) return false;
  if (!c.policy->enforce) return true;
  return std::ranges::all_of(
      find_all_targets(c.targets, c.request.targets),
      [](const TargetState* target) { return target->state == TargetState::State::locked; });
}

TimePoint decide_until(const Case& c) {
  // Its owner gets an hour to mend a policy, and whoever waited for that is served when it is done.
  constexpr Duration to_mend = std::chrono::hours(1);
  const Duration usual = usual_time(c);
  const bool has_to_mend = c.waited_for_policy || !is_ready_for_it(c);
  return c.request.meta.created + (has_to_mend ? std::max(usual, to_mend) : usual);
}

Finding requester_is_known(const Case& c) {
  if (!c.request.requester->username.empty()) return {};
  return refuse(reason::requester_unknown,
                "spec.requester.username is empty: nobody can be asked whether they may; is the "
                "admission policy portcullis-stamp-requester installed?");
}

Finding still_wanted(const Case& c) {
  if (!c.request.revoke && !c.request.meta.deleting) return {};
  return refuse(reason::withdrawn, "given back by the requester before it was decided");
}

Finding in_time(const Case& c) {
  if (c.now <= decide_until(c)) return {};
  return refuse(reason::timed_out, "nobody decided until " + format_rfc3339(decide_until(c)) +
                                       "; apply a new request");
}

Finding policy_is_there(const Case& c) {
  if (c.policy != nullptr) return {};
  if (!c.policy_error.empty()) {
    return wait(reason::policy_not_ready, "waits for JitPolicy \"" + c.request.policy +
                                              "\", which " + not_understood(c.policy_error));
  }
  return wait(reason::policy_not_found, "waits for JitPolicy \"" + c.request.policy +
                                            "\", which does not exist in namespace \"" +
                                            c.request.meta.ns + "\"");
}

Finding policy_is_live(const Case& c) {
  const auto& policy = *c.policy;
  if (policy.meta.deleting) {
    return refuse(reason::policy_deleted, "policy \"" + policy.meta.name + "\" is being deleted");
  }
  if (c.request.meta.created < policy.meta.created) {
    return refuse(reason::older_than_policy,
                  "the request (" + format_rfc3339(c.request.meta.created) +
                      ") is older than the policy (" + format_rfc3339(policy.meta.created) +
                      "); apply it again");
  }
  if (policy.suspend) {
    return refuse(reason::suspended, "policy \"" + policy.meta.name + "\" is suspended");
  }
  return {};
}

Finding account_allows(const Case& c) {
  if (c.account == nullptr) {
    return wait(reason::account_not_found,
                "waits for CloudAccount \"" + c.policy->account + "\", which " +
                    (c.account_error.empty() ? "does not exist" : not_understood(c.account_error)));
  }
  if (c.account->freeze) {
    return refuse(reason::frozen, "CloudAccount \"" + c.account->meta.name + "\" is frozen");
  }
  if (!model::allows_namespace(*c.account, c.request.meta.ns)) {
    return refuse(reason::namespace_not_allowed, "CloudAccount \"" + c.account->meta.name +
                                                     "\" gives nothing to namespace \"" +
                                                     c.request.meta.ns + "\" (spec.access)");
  }
  return {};
}

Finding requester_is_accepted(const Case& c) {
  const std::string& name = c.request.requester->username;
  if (c.policy->allow_service_accounts || !name.starts_with("system:serviceaccount:")) return {};
  return refuse(reason::service_account_refused,
                "\"" + name +
                    "\" is a service account, and the policy refuses those "
                    "(spec.serviceAccounts: Refuse)");
}

Finding form_is_supported(const Case& c) {
  if (c.request.extends) {
    return refuse(reason::not_supported,
                  "spec.extends: this version does not prolong requests; "
                  "apply a new one when this one has ended");
  }
  if (c.request.break_glass) {
    return refuse(reason::not_supported, "spec.breakGlass: this version has no break-glass access");
  }
  return {};
}

Finding within_limits(const Case& c) {
  auto exceeded =
      exceeded_limit(c.policy->limits, c.usage, c.request.requester->username, c.request.duration);
  if (!exceeded) return {};
  return refuse(reason::limit_exceeded, std::move(*exceeded));
}

Finding on_paper_only(const Case& c) {
  if (c.policy->enforce && !c.request.plan_only) return {};
  if (!c.targets_current) {
    return wait(reason::policy_not_ready, "waits until the policy's machines have been read");
  }
  return refuse(c.policy->enforce ? reason::planned : reason::audit,
                "would be granted for " + format_duration(c.request.duration) + " on " +
                    std::to_string(find_all_targets(c.targets, c.request.targets).size()) +
                    " machine(s), with " + std::to_string(c.policy->approval.required) +
                    " approval(s)" +
                    (c.policy->enforce ? " (planOnly)" : " (the policy is in Audit)"));
}

Finding nobody_denies(const Case& c) {
  if (static_cast<int>(c.denied_by.size()) < std::max(c.policy->approval.denials, 1)) return {};
  return refuse(reason::denied_by_people, "denied by " + join(c.denied_by));
}

Finding people_approve(const Case& c) {
  if (c.policy->approval.required == 0) return {};
  std::string message = "waits for " + std::to_string(c.policy->approval.required) + " approval(s)";
  if (!c.policy->approval.contact.empty()) message += " from " + c.policy->approval.contact;
  return wait(reason::approval_required,
              message + "; this version counts no approvals, so it times out at " +
                  format_rfc3339(decide_until(c)));
}

Finding targets_are_locked(const Case& c) {
  if (!c.targets_current) {
    return wait(reason::policy_not_ready,
                "waits for policy \"" + c.policy->meta.name + "\" to be Ready");
  }
  for (const TargetState* target : find_all_targets(c.targets, c.request.targets)) {
    if (target->state == TargetState::State::locked) continue;
    return wait(reason::policy_not_ready, "waits until \"" + target->machine.name +
                                              "\" is locked: " + to_string(target->state) + ", " +
                                              target->message);
  }
  return {};
}

Finding addresses_fit(const Case& c) {
  for (const TargetState* target : find_all_targets(c.targets, c.request.targets)) {
    for (const auto& source : c.request.sources) {
      const auto& paths = target->machine.paths;
      const bool reachable = std::ranges::any_of(
          paths, [&](const auto& path) { return path.address.family == source.family; });
      if (!reachable) {
        return refuse(reason::no_address, "source " + to_string(source) + " is " +
                                              family_name(source.family) + ", machine \"" +
                                              target->machine.name + "\" has no such address");
      }
    }
  }
  return {};
}

Decision grant(const Case& c) {
  Decision decision{.kind = Decision::Kind::grant,
                    .reason = reason::policy_allows,
                    .message = "policy \"" + c.policy->meta.name + "\" allows it"};
  for (const TargetState* target : find_all_targets(c.targets, c.request.targets)) {
    decision.targets.push_back({.resource_id = target->machine.id, .vm_id = target->machine.vm_id});
  }
  return decision;
}

}  // namespace

bool waits_for_policy(const Case& the_case, const Decision& decision) {
  if (decision.kind != Decision::Kind::wait) return false;
  if (the_case.now > the_case.request.meta.created + usual_time(the_case)) return false;
  return decision.reason == reason::policy_not_found ||
         decision.reason == reason::policy_not_ready ||
         decision.reason == reason::account_not_found;
}

Decision decide(const Case& the_case) {
  // The order is the order of the messages: what the requester can mend comes before what others
  // must.
  static constexpr Finding (*checks[])(const Case&) = {
      requester_is_known,    still_wanted,       in_time,
      policy_is_there,       policy_is_live,     account_allows,
      requester_is_accepted, form_is_supported,  asks_within_terms,
      within_limits,         nobody_denies,      on_paper_only,
      people_approve,        targets_are_locked, addresses_fit,
  };
  for (const auto check : checks) {
    if (auto finding = check(the_case)) {
      if (finding->kind == Decision::Kind::wait)
        finding->again_at = decide_until(the_case) + Duration(1);
      return std::move(*finding);
    }
  }
  return grant(the_case);
}

}  // namespace portcullis::plan
