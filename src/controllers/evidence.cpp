#include "controllers/evidence.hpp"

#include <algorithm>

#include "controllers/evidence_open.hpp"
#include "controllers/evidence_rules.hpp"
#include "controllers/evidence_unknown.hpp"
#include "controllers/group_attempts.hpp"
#include "controllers/refusals.hpp"
#include "model/resource_id.hpp"
#include "plan/rule_codec.hpp"
#include "plan/rule_shape.hpp"
#include "plan/words.hpp"

namespace portcullis::controllers {
namespace {

using model::resource_key;

/// Keys of the groups in which rules for this grant may be: those it had rules in, those on its
/// ways now, and any with an open rule of ours that may be its.
std::set<std::string> groups_of(const World& world, const model::AccessVerdict& verdict) {
  std::set<std::string> keys = world.touched.groups_of(verdict.meta.uid);
  for (const auto& target : verdict.targets) {
    for (const auto& id : world.groups_before(target.resource_id)) keys.insert(resource_key(id));
  }
  for (const auto& key : world.groups.that_hold(Holds::open)) {
    if (keys.contains(key)) continue;
    for (const auto& rule : world.groups.at(key).group->rules) {
      const auto mark = plan::read_mark(rule, world.instance);
      const auto* own = std::get_if<plan::OwnMark>(&mark);
      if (own == nullptr || own->kind != plan::RuleKind::open || plan::is_inert(rule)) continue;
      if (may_be_of(world, verdict, rule, *own)) keys.insert(key);
    }
  }
  return keys;
}

void add_rules(const World& world, const model::AccessVerdict& verdict, plan::Evidence& evidence) {
  for (const auto& key : groups_of(world, verdict)) {
    const auto view = world.groups.find(key);
    if (view == world.groups.end()) continue;
    for (const auto& wanted : view->second.plan.wanted) {
      if (!is_wanted(verdict, wanted)) continue;
      evidence.rules.push_back(
          {.group = view->second.id, .name = wanted.rule.name, .priority = wanted.rule.priority});
    }
  }
}

/// What keeps the group from being closed, in the cloud's words if it gave any.
std::string still_closing(const GroupView& view, const plan::Change* change) {
  const std::string group = "NSG \"" + model::short_name(view.id) + "\"";
  if (change != nullptr) {
    const auto attempt = view.attempts.find(model::ascii_lower(change->rule.name));
    if (attempt != view.attempts.end() && attempt->second.refused) {
      return group + ": " + words(attempt->second);
    }
  }
  return group + (view.error ? ": " + view.error->message : std::string(" is being closed"));
}

}  // namespace

plan::Evidence gather_evidence(const World& world, const model::AccessVerdict& verdict,
                               std::optional<TimePoint> ended_at) {
  plan::Evidence evidence;
  prove_open_everywhere(world, verdict, evidence);
  add_rules(world, verdict, evidence);
  if (!ended_at) return evidence;

  evidence.open = false;
  evidence.reason.clear();
  evidence.message.clear();
  // One that ended before its start never let anybody in.
  const bool never_began = *ended_at < plan::starts_at(verdict);
  if (never_began || world.proven_closed.contains(verdict.meta.uid)) {
    evidence.closed = true;
    evidence.rules.clear();
    return evidence;
  }
  if (auto unknown = what_is_unknown(world, verdict)) {
    evidence.judged = false;
    evidence.hindered = unknown->hindered;
    evidence.message = std::move(unknown->message);
    evidence.waits_for = std::move(unknown->group);
    return evidence;
  }
  for (const auto& key : groups_of(world, verdict)) {
    const auto view = world.groups.find(key);
    if (view == world.groups.end()) continue;
    if (view->second.gone) continue;
    // A reading counts only with a plan that knew of the end: times have whole seconds, and one
    // from before may carry the grant as wanted.
    const auto* change = view->second.group ? find_closing(world, verdict, view->second) : nullptr;
    if (view->second.read_at < *ended_at || !view->second.passed || !view->second.group ||
        view->second.dirty || is_wanted(verdict, view->second) || change != nullptr) {
      evidence.judged = !view->second.dirty;  // else it is about to be read
      evidence.message = still_closing(view->second, change);
      return evidence;
    }
    if (const auto* rule = find_standing(world, verdict, view->second)) {
      evidence.message = "rule \"" + rule->name + "\" in NSG \"" +
                         model::short_name(view->second.id) + "\" may still let in for it" +
                         (rule->settled() ? "" : ": it is " + rule->unsettled);
      evidence.waits_for = view->second.id;
      return evidence;
    }
    if (view->second.group->under_way()) {
      evidence.message = "NSG \"" + model::short_name(view->second.id) + "\" is being changed (" +
                         view->second.group->provisioning_state +
                         "): what is gone from it may still be in force";
      evidence.waits_for = view->second.id;
      return evidence;
    }
  }
  evidence.closed = true;
  evidence.rules.clear();
  return evidence;
}

std::optional<plan::LeftRule> find_left_rule(const World& world,
                                             const model::AccessVerdict& verdict) {
  for (const auto& key : world.groups.that_hold(Holds::inert)) {
    const GroupView& view = world.groups.at(key);
    if (view.gone) continue;
    const auto* rule = find_inert(world, verdict, view);
    if (rule == nullptr) continue;
    plan::LeftRule left{.group = view.id, .rule = rule->name};
    const auto attempt = view.attempts.find(model::ascii_lower(rule->name));
    if (attempt != view.attempts.end() && attempt->second.refused) {
      left.reason = refusal_reason(*attempt->second.refused);
      left.refused = words(*attempt->second.refused);
    }
    return left;
  }
  return std::nullopt;
}

std::vector<std::string> groups_to_read(const World& world, const model::AccessVerdict& verdict,
                                        TimePoint ended_at) {
  std::vector<std::string> ids;
  for (const auto& key : groups_of(world, verdict)) {
    const auto view = world.groups.find(key);
    if (view == world.groups.end()) continue;
    // A plan that did not know of the end left standing what it closes.
    const bool unaware = !view->second.known_over.contains(verdict.meta.uid) &&
                         find_standing(world, verdict, view->second) != nullptr;
    if (view->second.read_at < ended_at || is_wanted(verdict, view->second) || unaware) {
      ids.push_back(view->second.id);
    }
  }
  return ids;
}

std::optional<std::string> blocked_out_of_scope(const World& world,
                                                const model::CloudAccount& account,
                                                const model::AccessRequest& request,
                                                const std::vector<std::string>& machine_ids) {
  const auto sources = model::PrefixSet::of(request.sources);
  for (const auto& id : machine_ids) {
    const auto view = world.machines.find(resource_key(id));
    if (view == world.machines.end() || !view->second.machine) continue;
    for (const auto& way : view->second.machine->paths) {
      if (sources.of_family(way.address.family).empty()) continue;
      for (const auto& filter : world.filters(way)) {
        const auto group = model::parse_resource_id(filter.id);
        if (group && model::may_write(account, group->resource_group)) continue;
        for (const auto& port : request.ports) {
          const auto proof = plan::prove_open({filter},
                                              {.destination = way.address,
                                               .application_groups = way.application_groups,
                                               .ports = port.range,
                                               .protocol = port.protocol},
                                              sources.of_family(way.address.family));
          if (proof.open()) continue;
          return "NSG \"" + model::short_name(filter.id) + "\" on the way to " +
                 to_string(way.address) + " does not let " + plan::list_prefixes(request.sources) +
                 " through to port " + plan::words(port) +
                 ", and the account may not write it (spec.networkResourceGroups)";
        }
      }
    }
  }
  return std::nullopt;
}

}  // namespace portcullis::controllers
