#include "controllers/request_judge.hpp"

#include <set>
#include <string>
#include <vector>

#include "controllers/ambiguity.hpp"
#include "controllers/evidence.hpp"
#include "controllers/grants.hpp"
#include "controllers/target_judge.hpp"
#include "plan/reasons.hpp"

namespace portcullis::controllers {
namespace {

using plan::Decision;
using Finding = std::optional<Decision>;

Decision wait(const char* why, std::string message) {
  return {.kind = Decision::Kind::wait, .reason = why, .message = std::move(message)};
}

Decision refuse(const char* why, std::string message) {
  return {.kind = Decision::Kind::refuse, .reason = why, .message = std::move(message)};
}

std::vector<std::string> deniers_of(const World& world, const model::AccessRequest& request) {
  std::set<std::string> deniers;
  for (const auto& said : world.said_about(request.meta.ns, request.meta.uid, request.policy)) {
    if (said->decision == "Deny") deniers.insert(said->author.username);
  }
  return {deniers.begin(), deniers.end()};
}

/// What the state of the admission policies says about an undecided request; nothing: trust it.
Finding judge_guard(const World& world, const model::AccessRequest& request) {
  if (!world.guard.holds) {
    return wait(
        plan::reason::guard_lost,
        "waits until the admission policies are proven to be in force: " + world.guard.problem);
  }
  if (request.meta.created < world.guard.distrust_before) {
    return refuse(plan::reason::guard_lost,
                  "the admission policies were not in force when it was made; apply it again");
  }
  return {};
}

/// A grant as it would be.
struct Grant {
  const model::AccessRequest& request;
  const model::CloudAccount& account;
  std::vector<std::string> machines{};  ///< their ids
};

Finding ways_may_be_opened(World& world, const Grant& grant) {
  auto blocked = blocked_out_of_scope(world, grant.account, grant.request, grant.machines);
  if (!blocked) return {};
  return refuse(plan::reason::out_of_scope, std::move(*blocked));
}

Finding addresses_are_known(World& world, const Grant& grant) {
  auto unknown = addresses_unknown(world, grant.account);
  if (!unknown) return {};
  return wait(plan::reason::policy_not_ready, std::move(*unknown));
}

Finding addresses_are_theirs_alone(World& world, const Grant& grant) {
  auto twin = find_twin(world, grant.account, grant.request.sources, grant.machines);
  if (!twin) return {};
  return refuse(plan::reason::ambiguous_address, std::move(*twin));
}

Finding no_older_claim_is_unread(World& world, const Grant& grant) {
  auto unknown = what_may_claim(world, {grant.machines.begin(), grant.machines.end()});
  if (!unknown) return {};
  return wait(plan::reason::policy_not_ready, std::move(*unknown));
}

Finding clocks_agree(World& world, const Grant& grant) {
  const auto& clocks = world.clocks.look(grant.account);
  if (!clocks.stops_openings) return {};
  return wait(plan::reason::clock_skew, "waits until the clocks agree: " + clocks.problem);
}

/// What keeps from being granted what policy and request allow.
Finding judge_world(World& world, const Grant& grant) {
  static constexpr Finding (*checks[])(World&, const Grant&) = {
      ways_may_be_opened,       addresses_are_known, addresses_are_theirs_alone,
      no_older_claim_is_unread, clocks_agree,
  };
  for (const auto check : checks) {
    if (auto finding = check(world, grant)) return finding;
  }
  return {};
}

}  // namespace

std::optional<Judgement> judge_request(World& world, const model::AccessRequest& request,
                                       const SentVerdicts& sent, bool waited_for_policy) {
  const std::string policy_key = request.meta.ns + "/" + request.policy;
  Judgement judged;
  judged.policy = world.stores.policies.find(policy_key);
  if (judged.policy) judged.account = world.stores.accounts.find(judged.policy->account);
  const auto* policy = judged.policy.get();
  plan::Case the_case{.request = request,
                      .policy = policy,
                      .account = judged.account.get(),
                      .policy_error = why_unreadable(world.stores.policies, policy_key),
                      .waited_for_policy = waited_for_policy,
                      .denied_by = deniers_of(world, request),
                      .now = world.clock.now()};
  if (policy != nullptr) {
    the_case.account_error = why_unreadable(world.stores.accounts, policy->account);
    the_case.usage = usage_of(world, sent, request, *policy);
    const auto view = world.policy_views.find(policy_key);
    if (view != world.policy_views.end() && view->second.uid == policy->meta.uid &&
        view->second.generation == policy->meta.generation) {
      the_case.targets = view->second.targets;
      the_case.targets_current = view->second.listed && !view->second.targets.empty();
    }
  }
  judged.decision = plan::decide(the_case);
  // Only a refusal of the request's own making still stands without the guards.
  if (judged.decision.kind != Decision::Kind::refuse) {
    if (!world.guard.holds && world.guard.problem.empty()) return std::nullopt;
    if (auto guarded = judge_guard(world, request)) judged.decision = std::move(*guarded);
  }
  if (judged.decision.kind == Decision::Kind::grant) {
    Grant grant{.request = request, .account = *judged.account};
    for (const auto& target : judged.decision.targets) {
      grant.machines.push_back(target.resource_id);
    }
    if (auto finding = judge_world(world, grant)) judged.decision = std::move(*finding);
  }
  judged.waits_for_policy = plan::waits_for_policy(the_case, judged.decision);
  return judged;
}

bool still_stands(World& world, const model::AccessRequest& request, const Judgement& granted) {
  const auto same = [](const auto& before, const auto& now) {
    return now && now->meta.uid == before.meta.uid &&
           now->meta.generation == before.meta.generation;
  };
  return granted.policy && granted.account &&
         same(*granted.policy, world.stores.policies.find(granted.policy->meta.key())) &&
         same(request, world.stores.requests.find(request.meta.key())) &&
         !judge_guard(world, request) &&
         !what_may_claim(world, machine_ids(granted.decision.targets)) &&
         !world.clocks.look(*granted.account).stops_openings;
}

}  // namespace portcullis::controllers
