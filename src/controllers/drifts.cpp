#include "controllers/drifts.hpp"

#include <algorithm>

#include "base/log.hpp"
#include "model/resource_id.hpp"
#include "plan/reasons.hpp"
#include "plan/rule_codec.hpp"

namespace portcullis::controllers {
namespace {

// So many readings that show changes by others within that time are a contest, not an accident.
constexpr std::size_t contended_from = 4;
constexpr Duration contended_within = std::chrono::minutes(10);

std::string on_drift(const World& world, const model::AccessVerdict& verdict) {
  const auto policy = world.stores.policies.find(verdict.meta.ns + "/" + verdict.policy_name);
  return policy && policy->meta.uid == verdict.policy_uid ? policy->on_drift : "Correct";
}

model::DriftNote describe(const GroupView& view, const plan::Drift& drift) {
  return {.reason = drift.widened ? plan::reason::rule_widened
                    : drift.after ? plan::reason::rule_edited
                                  : plan::reason::rule_removed,
          .message = "rule \"" + drift.before.rule.name + "\" in NSG \"" +
                     model::short_name(view.id) + "\" was changed by somebody: " + words(drift)};
}

void tell_grants(World& world, const plan::Drift& drift, const model::DriftNote& note) {
  for (const std::string& uid : drift.before.grants) {
    const auto verdict = world.verdict_index.find(uid);
    if (!verdict || !world.is_live(*verdict)) continue;
    world.drifted.insert_or_assign(uid, note);
    if (on_drift(world, *verdict) == "End") {
      world.remember_end(*verdict, {.at = world.clock.now(),
                                    .reason = plan::reason::drifted,
                                    .by = world.operator_name,
                                    .message = note.message + " (onDrift: End)"});
    }
    world.request_queue.add(verdict->meta.ns + "/" + verdict->request_name);
  }
}

void tell_policy(World& world, const plan::Drift& drift, const model::DriftNote& note) {
  if (drift.before.mark.owner.empty()) return;
  for (const auto& key : world.policy_index.of_owner(drift.before.mark.owner)) {
    world.policy_drifts.insert_or_assign(key, note);
    world.policy_queue.add(key);
  }
}

}  // namespace

bool note_drift(World& world, GroupView& view) {
  const auto drifts = plan::find_drift(view.standing, view.plan, *view.group);
  bool ended = false;
  for (const plan::Drift& drift : drifts) {
    const auto note = describe(view, drift);
    log::warning("drift", {{"group", view.id},
                           {"rule", drift.before.rule.name},
                           {"reason", note.reason},
                           {"what", words(drift)}});
    tell_grants(world, drift, note);
    tell_policy(world, drift, note);
    ended = ended || std::ranges::any_of(drift.before.grants, [&](const std::string& uid) {
              return world.ended_seen.contains(uid);
            });
  }
  if (!drifts.empty()) view.drifts.push_back(world.clock.now());
  std::erase_if(view.drifts,
                [&](TimePoint at) { return world.clock.now() - at > contended_within; });
  view.standing = plan::standing_rules(view.plan, *view.group);
  return ended;
}

void forget_standing(GroupView& view, const std::string& rule) {
  view.standing.erase(model::ascii_lower(rule));
}

void leave_drifted(const World& world, plan::RulePlan& plan) {
  if (world.drifted.empty()) return;
  std::erase_if(plan.changes, [&](const plan::Change& change) {
    if (change.change_class != plan::ChangeClass::open || change.grants.empty()) return false;
    return std::ranges::all_of(change.grants, [&](const std::string& uid) {
      const auto verdict = world.verdict_index.find(uid);
      return verdict && is_left_drifted(world, *verdict);
    });
  });
}

bool is_left_drifted(const World& world, const model::AccessVerdict& verdict) {
  // Only what this process saw: a status decides about no write.
  return on_drift(world, verdict) == "Report" && world.drifted.contains(verdict.meta.uid);
}

std::optional<model::DriftNote> drift_of(const World& world, const model::AccessVerdict& verdict) {
  if (const auto seen = world.drifted.find(verdict.meta.uid); seen != world.drifted.end()) {
    return seen->second;
  }
  const auto request = world.stores.requests.find(verdict.meta.ns + "/" + verdict.request_name);
  if (!request || request->meta.uid != verdict.request_uid) return std::nullopt;
  return request->status.drift;
}

bool is_contended(const GroupView& view, TimePoint now) {
  return std::ranges::count_if(view.drifts, [&](TimePoint at) {
           return now - at <= contended_within;
         }) >= static_cast<std::ptrdiff_t>(contended_from);
}

}  // namespace portcullis::controllers
