#include "controllers/evidence_open.hpp"

#include <algorithm>

#include "controllers/ambiguity.hpp"
#include "controllers/drifts.hpp"
#include "controllers/evidence_rules.hpp"
#include "controllers/grants.hpp"
#include "controllers/group_attempts.hpp"
#include "controllers/settling.hpp"
#include "model/resource_id.hpp"
#include "plan/reasons.hpp"
#include "plan/rule_codec.hpp"
#include "plan/words.hpp"

namespace portcullis::controllers {
namespace {

/// Whether nothing of the grant is written before a machine of it has been read again; says which,
/// and what the cloud says to that. What is open already waits for no reading.
bool awaits_reading(const World& world, const model::AccessVerdict& verdict,
                    plan::Evidence& evidence) {
  if (world.opened.contains(verdict.meta.uid)) return false;
  for (const auto& target : verdict.targets) {
    const auto view = world.machines.find(model::resource_key(target.resource_id));
    if (view == world.machines.end() || may_open_by_reading(world, target.resource_id)) continue;
    const std::string machine = "machine " + model::short_name(target.resource_id);
    const std::string last = format_rfc3339(view->second.read_at);
    const auto& error = view->second.error;
    evidence.reason = error ? plan::reason::cloud_error : plan::reason::opening;
    evidence.message = error ? machine + " cannot be read, and nothing opens by what it was at " +
                                   last + ": " + error->message
                             : machine + " is being read: nothing opens by what it was at " + last;
    return true;
  }
  return false;
}

/// What keeps a group from being as it should, in the words of a condition.
bool explain_group(const World& world, const model::AccessVerdict& verdict, const std::string& id,
                   plan::Evidence& evidence) {
  const auto view = world.groups.find(model::resource_key(id));
  if (view == world.groups.end() || !view->second.passed) {
    evidence.reason = plan::reason::opening;
    evidence.message = "NSG \"" + model::short_name(id) + "\" is being read";
    return true;
  }
  if (view->second.gone) {
    evidence.reason = plan::reason::cloud_error;
    evidence.message = "NSG \"" + model::short_name(id) + "\" does not exist (404)";
    return true;
  }
  for (const auto& problem : view->second.plan.problems) {
    if (std::ranges::find(problem.grants, verdict.meta.uid) == problem.grants.end()) continue;
    evidence.reason = to_string(problem.kind);
    evidence.message = "NSG \"" + model::short_name(id) + "\": " + problem.message;
    return true;
  }
  if (const auto* refused = find_refused_of_grant(view->second, verdict.meta.uid)) {
    const std::string& code = refused->refused->code;
    evidence.reason = code == plan::reason::ambiguous_address ? plan::reason::ambiguous_address
                      : code == not_listed                    ? plan::reason::opening
                                                              : plan::reason::cloud_error;
    // Nobody refused what only waits.
    evidence.message = "NSG \"" + model::short_name(id) +
                       "\": " + (code == not_listed ? refused->refused->message : words(*refused));
    return true;
  }
  if (view->second.error) {
    evidence.reason = plan::reason::cloud_error;
    evidence.message = "NSG \"" + model::short_name(id) + "\": " + view->second.error->message;
    return true;
  }
  if (const auto* account = world.account_of(id);
      account != nullptr && !is_wanted(verdict, view->second)) {
    if (const auto& clocks = world.clocks.last_of(*account); clocks.stops_openings) {
      evidence.reason = plan::reason::clock_skew;
      evidence.message =
          "NSG \"" + model::short_name(id) + "\": waits until the clocks agree: " + clocks.problem;
      return true;
    }
  }
  if (const auto* rule = find_unsettled_of_grant(view->second, verdict.meta.uid)) {
    const bool failed = model::write_failed(*rule);
    evidence.reason = failed ? plan::reason::cloud_error : plan::reason::opening;
    evidence.message = unsettled_words(view->second, *rule);
    return true;
  }
  // While a group is read, or written to for long, what is known of it is older than the grant.
  if (view->second.dirty || !view->second.plan.in_sync() ||
      !view->second.considered.contains(verdict.meta.uid)) {
    if (awaits_reading(world, verdict, evidence)) return true;
    evidence.reason = plan::reason::opening;
    evidence.message = "the rules in NSG \"" + model::short_name(id) + "\" are being written";
    return true;
  }
  return false;
}

/// What was read long ago proves nothing any more; says so.
bool is_stale(const World& world, const plan::FilterPath& path, plan::Evidence& evidence) {
  for (const auto& filter : path) {
    const auto view = world.groups.find(model::resource_key(filter.id));
    if (view == world.groups.end() || !view->second.group) continue;
    if (world.clock.now() - view->second.read_at <= reading_counts_for) continue;
    evidence.reason = plan::reason::cloud_error;
    evidence.message = "NSG \"" + model::short_name(filter.id) + "\" has not been read since " +
                       format_rfc3339(view->second.read_at) +
                       (view->second.error ? ": " + view->second.error->message : std::string());
    return true;
  }
  return false;
}

/// False as soon as one way of one port is not proven open; says why.
bool prove_way(const World& world, const model::AccessVerdict& verdict,
               const model::NetworkPath& way, plan::Evidence& evidence) {
  const plan::FilterPath path = world.filters(way);
  if (is_stale(world, path, evidence)) return false;
  const auto sources = model::PrefixSet::of(verdict.sources).of_family(way.address.family);
  for (const auto& port : verdict.ports) {
    const auto proof = plan::prove_open(path,
                                        {.destination = way.address,
                                         .application_groups = way.application_groups,
                                         .ports = port.range,
                                         .protocol = port.protocol},
                                        sources);
    if (proof.open()) continue;
    for (const auto& filter : path) {
      if (explain_group(world, verdict, filter.id, evidence)) return false;
    }
    if (is_left_drifted(world, verdict)) {
      evidence.reason = plan::reason::drifted;
      evidence.message = drift_of(world, verdict)->message + "; it is left so (onDrift: Report)";
      return false;
    }
    // A lock of ours is nobody's fault: what is to go above it waits for something.
    if (!proof.blames.empty() &&
        plan::instance_of(proof.blames.front().rule) == std::optional(world.instance)) {
      const auto* account = world.account_of(proof.blames.front().group);
      evidence.reason = plan::reason::opening;
      evidence.message = account != nullptr && !world.swept(account->meta.name)
                             ? "opens when all NSGs of the account have been read"
                             : "the rules in NSG \"" +
                                   model::short_name(proof.blames.front().group) +
                                   "\" are about to be written";
      return false;
    }
    const bool shadowed = proof.verdict == plan::OpenProof::Verdict::shadowed;
    evidence.reason = shadowed ? plan::reason::shadowed : plan::reason::unproven;
    evidence.message =
        to_string(way.address) + " port " + plan::words(port) + " is not proven open";
    if (!proof.blames.empty()) {
      const auto& blame = proof.blames.front();
      evidence.message +=
          ": rule \"" + blame.rule + "\" (priority " + std::to_string(blame.priority) + ") in \"" +
          model::short_name(blame.group) + "\" denies it; remove it or give it a higher number";
    }
    return false;
  }
  return true;
}

}  // namespace

void prove_open_everywhere(const World& world, const model::AccessVerdict& verdict,
                           plan::Evidence& evidence) {
  bool all = true;
  const auto sources = model::PrefixSet::of(verdict.sources);
  for (const auto& target : verdict.targets) {
    const auto view = world.machines.find(model::resource_key(target.resource_id));
    if (view == world.machines.end() || !view->second.machine) {
      evidence.reason = plan::reason::opening;
      evidence.message = "machine " + target.resource_id + " is being read";
      if (view != world.machines.end() && view->second.error) {
        evidence.reason = plan::reason::cloud_error;
        evidence.message = view->second.error->message;
      }
      all = false;
      continue;
    }
    if (view->second.machine->vm_id != target.vm_id) {
      evidence.reason = plan::reason::target_changed;
      evidence.message = "machine " + view->second.machine->name +
                         " is another one than was granted (its vmId changed)";
      all = false;
      continue;
    }
    model::RequestStatus::Target shown{.resource_id = view->second.machine->id, .addresses = {}};
    for (const auto& way : view->second.machine->paths) {
      if (sources.of_family(way.address.family).empty()) continue;
      const std::string address = to_string(way.address);
      const std::string bare = address.substr(0, address.find('/'));
      shown.addresses.push_back(way.public_address.empty() ? bare : way.public_address);
      if (all) all = prove_way(world, verdict, way, evidence);
    }
    all = all && !shown.addresses.empty();
    evidence.targets.push_back(std::move(shown));
  }
  evidence.open = all && !verdict.targets.empty();
}

}  // namespace portcullis::controllers
