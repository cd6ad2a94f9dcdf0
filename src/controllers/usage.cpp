#include "controllers/usage.hpp"

#include "plan/lifecycle.hpp"

namespace portcullis::controllers {
namespace {

constexpr Duration total_counts_for = std::chrono::hours(24);

}  // namespace

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
    add(*verdict, now < plan::ends_at(*verdict) && !world.early_end(*verdict));
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
