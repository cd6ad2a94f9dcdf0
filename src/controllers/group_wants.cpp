#include "controllers/group_wants.hpp"

#include <algorithm>
#include <chrono>
#include <set>

#include "controllers/group_concerns.hpp"
#include "controllers/selections.hpp"
#include "controllers/standing.hpp"
#include "controllers/target_judge.hpp"
#include "model/resource_id.hpp"
#include "plan/rule_codec.hpp"
#include "plan/rule_shape.hpp"
#include "plan/scope.hpp"

namespace portcullis::controllers {
namespace {

/// The machine's addresses that stand behind the group.
std::vector<model::Prefix> addresses_behind(const model::VirtualMachine& machine,
                                            const std::string& group_key) {
  std::vector<model::Prefix> out;
  for (const auto& path : machine.paths) {
    for (const std::string& id : group_ids(path)) {
      if (model::resource_key(id) == group_key) out.push_back(path.address);
    }
  }
  return out;
}

void want_exceptions(plan::GroupDesired& desired, const model::JitPolicy& policy,
                     const std::string& owner, const std::vector<model::Prefix>& destinations) {
  for (auto& exception : exceptions_of(policy)) {
    exception.owner = owner;
    exception.destinations = destinations;
    desired.keeps.push_back(std::move(exception));
  }
}

void want_locks(plan::GroupDesired& desired, const model::JitPolicy& policy,
                const std::string& owner, const std::vector<model::Prefix>& destinations,
                bool with_exceptions) {
  for (const auto& [protocol, ports] : ports_by_protocol(policy)) {
    desired.locks.push_back(
        {.owner = owner, .destinations = destinations, .ports = ports, .protocol = protocol});
  }
  if (with_exceptions) want_exceptions(desired, policy, owner, destinations);
}

/// Whether the machine has now what its last reading showed, as far as anybody can tell.
bool is_freshly_read(const World& world, const model::CloudAccount& account,
                     const std::string& key) {
  return world.is_known(key, reading_opens_for) || machine_stands(world, account.meta.name, key);
}

/// Where older policies decide, the policy's exceptions count no more: to see that takes the
/// reading of that machine, not of all of the policy's.
void overrule(plan::GroupDesired& desired, const World& world, const model::CloudAccount& account,
              const model::JitPolicy& policy, const std::string& owner,
              const std::string& group_key) {
  if (exceptions_of(policy).empty()) return;
  std::map<std::pair<model::Protocol, model::PortRange>, std::vector<model::Prefix>> decided;
  for (const std::string& key : world.machines.behind(group_key)) {
    const model::VirtualMachine& machine = *world.machines.at(key).machine;
    const auto ports = ports_decided_before(world, policy, machine.id);
    if (ports.empty() || !is_freshly_read(world, account, key)) continue;
    const auto addresses = addresses_behind(machine, group_key);
    for (const auto& port : ports) {
      auto& there = decided[{port.protocol, port.range}];
      there.insert(there.end(), addresses.begin(), addresses.end());
    }
  }
  for (auto& [port, addresses] : decided) {
    desired.overruled.push_back({.owner = owner,
                                 .destinations = std::move(addresses),
                                 .ports = {port.second},
                                 .protocol = port.first});
  }
}

void gather_policy(plan::GroupDesired& desired, const World& world,
                   const model::CloudAccount& account, const model::JitPolicy& policy,
                   const std::string& group_key) {
  const std::string owner = plan::owner_of(account.meta.name, policy.meta.ns, policy.meta.name);
  desired.known_owners.push_back(owner);
  // Who may come in at all is said by the spec alone, wherever its machines are.
  desired.exceptions_known.push_back(owner);
  want_exceptions(desired, policy, owner, {});
  overrule(desired, world, account, policy, owner, group_key);
  const auto found = world.policy_views.find(policy.meta.key());
  if (found == world.policy_views.end() || found->second.uid != policy.meta.uid) return;
  const PolicyView& view = found->second;
  if (policy.meta.deleting) {
    if (view.leaving && !policy.keep_locks) {
      desired.releases.push_back({.owner = owner, .why = plan::ReleaseEvidence::Why::leaving});
    }
    return;
  }
  // A policy in Audit wants nothing and gives no evidence: locks of an earlier Enforce stay.
  if (!policy.enforce) return;
  std::map<std::size_t, std::string> behind;  // in the order of the targets
  for (const std::string& machine : world.machines.behind(group_key)) {
    if (const auto place = view.place_of(machine)) behind.emplace(*place, machine);
  }
  bool all_in_scope = true;
  for (const auto& [place, key] : behind) {
    const plan::TargetState& target = view.targets[place];
    // On another way it may be out of scope; here it is locked all the same.
    if (!model::allows(account, policy.meta.ns, target.machine.resource_group)) {
      all_in_scope = false;
      continue;
    }
    const auto destinations = addresses_behind(*world.machines.at(key).machine, group_key);
    // Exceptions stand above all locks: a younger policy's would open what an older one locks.
    const bool owns = older_claim(world, policy, target.machine.id) == nullptr;
    want_locks(desired, policy, owner, destinations, owns);
  }
  const Held held = held_addresses(world, policy, owner, group_key);
  if (!held.excepted.empty()) want_locks(desired, policy, owner, held.excepted, true);
  if (!held.locked.empty()) want_locks(desired, policy, owner, held.locked, false);
  if (view.complete && all_in_scope && view.generation == policy.meta.generation) {
    desired.releases.push_back({.owner = owner, .why = plan::ReleaseEvidence::Why::complete});
  }
}

std::map<model::Protocol, std::vector<model::PortRange>> ports_of(
    const model::AccessVerdict& verdict) {
  std::map<model::Protocol, std::vector<model::PortRange>> out;
  for (const auto& port : verdict.ports) out[port.protocol].push_back(port.range);
  for (auto& [protocol, ranges] : out) ranges = plan::merge_ports(std::move(ranges));
  return out;
}

using Verdicts = std::vector<const model::AccessVerdict*>;

bool is_resolved(const World& world, const model::AccessVerdict& verdict) {
  return std::ranges::all_of(verdict.targets, [&](const auto& target) {
    const auto view = world.machines.find(model::resource_key(target.resource_id));
    return view != world.machines.end() && (view->second.machine || view->second.gone);
  });
}

/// Grants that may be live and of which it is not known yet where their rules are: of some the
/// machines have not been read, of others the authorizer was not asked again. Some, right after a
/// start; later none.
Verdicts unresolved_grants(const World& world) {
  Verdicts out;
  const auto& grants = world.verdict_index.grants();
  auto running = VerdictIndex::ending_after(grants, world.clock.now());
  for (; running != grants.end(); ++running) {
    const auto& verdict = **running;
    const bool unread = !is_resolved(world, verdict) && world.is_live(verdict);
    if (unread || world.awaits_clearance(verdict)) out.push_back(&verdict);
  }
  return out;
}

/// The minute that a grant's end is rounded up to names its slot: no rule that had it lives longer.
TimePoint end_of_slot(const model::AccessVerdict& verdict) {
  return std::chrono::ceil<std::chrono::minutes>(plan::ends_at(verdict));
}

/// What all wants of one group are gathered from.
struct Gathering {
  const World& world;
  const std::string& group_key;
  const OwnRules& rules;
  Verdicts unresolved;
};

/// Whether a rule that looks like one of this grant, and is none that it shall have, may as well be
/// that of a live one that is not resolved: or its own, on a machine not read yet.
bool is_mistakable(const Gathering& from, const model::AccessVerdict& verdict) {
  // One that is not in the store yet may be live.
  if (!from.world.stores.verdicts.synced()) return true;
  return std::ranges::any_of(from.unresolved, [&](const model::AccessVerdict* other) {
    return ports_of(*other) == ports_of(verdict) && end_of_slot(*other) == end_of_slot(verdict) &&
           !model::PrefixSet::of(other->sources)
                .intersect(model::PrefixSet::of(verdict.sources))
                .empty();
  });
}

/// What is over is evidence only as long as a rule of its slot may live: then the rule's own mark
/// ends it. All that was ever granted must not be weighed in each pass.
bool is_weighed(const World& world, const model::AccessVerdict& verdict) {
  return verdict.granted && world.clock.now() <= end_of_slot(verdict) &&
         plan::counts(verdict, world.operator_name) && !world.awaits_clearance(verdict);
}

bool has_begun(const World& world, const model::AccessVerdict& verdict) {
  return world.clock.now() >= plan::starts_at(verdict);
}

void want_open(plan::GroupDesired& desired, const model::AccessVerdict& verdict,
               plan::OpenWant want) {
  for (auto& [protocol, ranges] : ports_of(verdict)) {
    want.protocol = protocol;
    want.ports = ranges;
    desired.opens.push_back(want);
  }
}

void gather_grant(plan::GroupDesired& desired, const Gathering& from,
                  const model::AccessVerdict& verdict) {
  const World& world = from.world;
  if (!is_weighed(world, verdict)) return;
  const bool begun = has_begun(world, verdict);
  const plan::OpenWant blank{.grant = verdict.meta.uid,
                             .sources = verdict.sources,
                             .destinations = {},
                             .ports = {},
                             .starts_at = plan::starts_at(verdict),
                             .ends_at = plan::ends_at(verdict),
                             .ended = begun && !world.is_live(verdict)};
  for (const auto& target : verdict.targets) {
    const auto view = world.machines.find(model::resource_key(target.resource_id));
    if (view == world.machines.end() || !view->second.machine) continue;
    plan::OpenWant want = blank;
    want.destinations = addresses_behind(*view->second.machine, from.group_key);
    // Another machine under the same name is not what was granted.
    if (view->second.machine->vm_id != target.vm_id) want.ended = true;
    if (!want.destinations.empty()) want_open(desired, verdict, std::move(want));
  }
  // Wherever else a rule of its slot stands (at an address that a machine lost, at one of a machine
  // that is gone or is not known), nobody is granted anything there: it closes at once.
  if (begun && from.rules.minutes.contains(end_of_slot(verdict)) && !is_mistakable(from, verdict)) {
    plan::OpenWant elsewhere = blank;
    elsewhere.ended = true;
    want_open(desired, verdict, std::move(elsewhere));
  }
}

}  // namespace

std::map<model::Protocol, std::vector<model::PortRange>> ports_by_protocol(
    const model::JitPolicy& policy) {
  std::map<model::Protocol, std::vector<model::PortRange>> out;
  for (const auto& port : policy.ports) out[port.protocol].push_back(port.range);
  return out;
}

std::vector<plan::KeepWant> exceptions_of(const model::JitPolicy& policy) {
  std::vector<plan::KeepWant> out;
  for (const auto& port : policy.ports) {
    for (const auto& exception : port.exceptions) {
      out.push_back({.owner = {},
                     .destinations = {},
                     .ports = {port.range},
                     .protocol = port.protocol,
                     .sources = exception.sources,
                     .service_tag = exception.service_tag});
    }
  }
  return out;
}

std::set<std::string> grants_over(const World& world, const std::string& group_key) {
  std::set<std::string> over;
  for (const TimePoint minute : own_rules(world, group_key).minutes) {
    auto [grant, last] = world.verdict_index.ending_in(minute);
    for (; grant != last; ++grant) {
      const auto& verdict = **grant;
      if (is_weighed(world, verdict) && has_begun(world, verdict) && !world.is_live(verdict)) {
        over.insert(verdict.meta.uid);
      }
    }
  }
  return over;
}

plan::GroupDesired gather_wants(const World& world, const model::CloudAccount& account,
                                const std::string& group_key, bool may_open) {
  plan::GroupDesired desired;
  desired.instance = world.instance;
  desired.bands = account.priorities;
  const auto id = model::parse_resource_id(group_key);
  desired.may_add = id && model::may_write(account, id->resource_group);
  const OwnRules rules = own_rules(world, group_key);
  for (const auto& key : policies_concerned(world, group_key, rules)) {
    const auto policy = world.stores.policies.find(key);
    if (policy && policy->account == account.meta.name) {
      gather_policy(desired, world, account, *policy, group_key);
    }
  }
  Gathering from{.world = world, .group_key = group_key, .rules = rules, .unresolved = {}};
  if (!rules.minutes.empty()) from.unresolved = unresolved_grants(world);
  for (const auto& [key, verdict] : grants_concerned(world, group_key, rules)) {
    gather_grant(desired, from, *verdict);
  }
  const bool caches_whole = world.stores.synced() && world.stores.all_readable();
  const bool swept = world.swept(account.meta.name);
  // Where there are only locks nothing goes for want of a grant: nobody need be asked.
  desired.everything_known =
      !rules.all_locks && caches_whole && swept && world.grants_resolved(account.meta.name);
  desired.remove_orphans = account.delete_orphans;
  // What cannot be read may be a freeze or a suspension, where it has a say. A request or a verdict
  // that cannot be read forbids nothing to the others.
  const bool may_be_forbidden = !world.stores.accounts.poisoned().empty() ||
                                what_may_claim(world, world.machines.behind(group_key));
  desired.may_open = world.stores.accounts.find(account.meta.name) != nullptr && may_open &&
                     world.stores.synced() && !may_be_forbidden && swept && !account.freeze;
  // It may be the older claim that makes an exception of another policy's none.
  desired.may_keep = !what_may_claim_in(world, account.subscription);
  return desired;
}

}  // namespace portcullis::controllers
