#include "controllers/usage.hpp"

#include "plan/lifecycle.hpp"

namespace portcullis::controllers {

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
    if (same && plan::ends_at(verdict) > now - std::chrono::hours(24)) {
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
      add(verdict, true);
    }
  }
  return usage;
}

}  // namespace portcullis::controllers
