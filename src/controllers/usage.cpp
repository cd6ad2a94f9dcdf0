#include "controllers/usage.hpp"

#include <algorithm>

#include "plan/lifecycle.hpp"
#include "plan/reasons.hpp"

namespace portcullis::controllers {
namespace {

using plan::total_counts_for;

/// Whether it is scheduled or open.
bool is_live(const World& world, const model::AccessVerdict& verdict) {
  return world.clock.now() < plan::ends_at(verdict) && !world.early_end(verdict);
}

/// All grants of the policy that may count: those that have time left taken for live.
std::vector<plan::Granted> list_grants(const World& world, const model::JitPolicy& policy) {
  const auto& all = world.verdict_index.of_policy(policy.meta.uid);
  const auto running = VerdictIndex::ending_after(all, world.clock.now());
  auto first = running;
  if (policy.limits.total_duration && running != all.end()) {
    const auto oldest = std::min_element(running, all.end(), [](const auto& a, const auto& b) {
      return a->meta.created < b->meta.created;
    });
    first = VerdictIndex::ending_after(all, (*oldest)->meta.created - total_counts_for);
  }
  std::vector<plan::Granted> granted;
  for (auto next = first; next != all.end(); ++next) {
    if (!plan::counts(**next, world.operator_name)) continue;
    granted.push_back({.verdict = next->get(), .live = world.clock.now() < plan::ends_at(**next)});
  }
  return granted;
}

/// Most policies are far from their limits: what the grants stand on is looked up only where even
/// all of them together are too many.
std::vector<plan::Surplus> find_surplus(const World& world, const model::JitPolicy& policy) {
  std::vector<plan::Granted> granted = list_grants(world, policy);
  if (plan::find_surplus(policy.limits, granted).empty()) return {};
  for (plan::Granted& grant : granted) grant.live = grant.live && is_live(world, *grant.verdict);
  return plan::find_surplus(policy.limits, std::move(granted));
}

}  // namespace

bool ends_by_limits(World& world, const model::AccessVerdict& verdict) {
  const auto policy = world.stores.policies.find(verdict.meta.ns + "/" + verdict.policy_name);
  if (!policy || policy->meta.uid != verdict.policy_uid) return false;
  if (world.limits_judged.insert(policy->meta.uid).second) {
    for (const auto& surplus : find_surplus(world, *policy)) {
      const auto& grant = *surplus.verdict;
      world.remember_end(grant, {.at = world.clock.now(),
                                 .reason = plan::reason::limit_exceeded,
                                 .by = world.operator_name,
                                 .message = "too many: " + surplus.message});
      world.request_queue.add(grant.meta.ns + "/" + grant.request_name,
                              runtime::Workqueue::Urgency::closing);
    }
  }
  const auto seen = world.ended_seen.find(verdict.meta.uid);
  return seen != world.ended_seen.end() && seen->second.end.reason == plan::reason::limit_exceeded;
}

std::optional<TimePoint> counted_until(const World& world, const model::AccessVerdict& verdict) {
  const auto policy = world.stores.policies.find(verdict.meta.ns + "/" + verdict.policy_name);
  const bool counts = verdict.granted && policy && policy->meta.uid == verdict.policy_uid &&
                      policy->limits.total_duration && plan::counts(verdict, world.operator_name);
  if (!counts) return std::nullopt;
  return plan::ends_at(verdict) + total_counts_for;
}

plan::Usage usage_of(const World& world, const SentVerdicts& sent,
                     const model::AccessRequest& request, const model::JitPolicy& policy) {
  plan::Usage usage;
  const TimePoint now = world.clock.now();
  const auto add = [&](const model::AccessVerdict& verdict, bool live) {
    const bool same = verdict.requester == request.requester->username;
    if (live) ++usage.active;
    if (live && same) {
      ++usage.active_of_requester;
      usage.live_request = verdict.request_name;
    }
    if (same && plan::ends_at(verdict) > now - total_counts_for) {
      usage.total_of_requester += verdict.duration;
    }
  };
  for (const auto& verdict : world.verdict_index.of_policy(policy.meta.uid)) {
    if (!plan::counts(*verdict, world.operator_name)) continue;
    // One that is scheduled counts like one that is open.
    add(*verdict, is_live(world, *verdict));
  }
  for (const auto& [uid, verdict] : sent) {
    const bool shown = world.stores.verdicts.find(verdict.meta.ns + "/" + uid) != nullptr;
    if (!shown && verdict.granted && verdict.policy_uid == policy.meta.uid &&
        uid != request.meta.uid) {
      // Whatever became of it: it is none when its time is over.
      add(verdict, now < plan::ends_at(verdict));
    }
  }
  return usage;
}

}  // namespace portcullis::controllers
