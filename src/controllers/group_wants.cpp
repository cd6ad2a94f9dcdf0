#include "controllers/group_wants.hpp"

#include <algorithm>

#include "controllers/target_judge.hpp"
#include "model/resource_id.hpp"
#include "plan/rule_codec.hpp"
#include "plan/rule_shape.hpp"

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

void want_locks(plan::GroupDesired& desired, const model::JitPolicy& policy,
                const std::string& owner, const std::vector<model::Prefix>& destinations,
                bool with_exceptions) {
  for (const auto& [protocol, ports] : ports_by_protocol(policy)) {
    desired.locks.push_back(
        {.owner = owner, .destinations = destinations, .ports = ports, .protocol = protocol});
  }
  if (!with_exceptions) return;
  for (const auto& port : policy.ports) {
    for (const auto& exception : port.exceptions) {
      desired.keeps.push_back({.owner = owner,
                               .destinations = destinations,
                               .ports = {port.range},
                               .protocol = port.protocol,
                               .sources = exception.sources,
                               .service_tag = exception.service_tag});
    }
  }
}

void gather_policy(plan::GroupDesired& desired, const World& world,
                   const model::CloudAccount& account, const model::JitPolicy& policy,
                   const std::string& group_key) {
  const std::string owner = plan::owner_of(account.meta.name, policy.meta.ns, policy.meta.name);
  desired.known_owners.push_back(owner);
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
  for (const auto& target : view.targets) {
    if (target.state == plan::TargetState::State::out_of_scope) continue;
    const auto machine = world.machines.find(model::resource_key(target.machine.id));
    if (machine == world.machines.end() || !machine->second.machine) continue;
    const auto destinations = addresses_behind(*machine->second.machine, group_key);
    if (destinations.empty()) continue;
    // Exceptions stand above all locks: a younger policy's would open what an older one locks.
    const bool owns = older_claim(world, policy, target.machine.id) == nullptr;
    want_locks(desired, policy, owner, destinations, owns);
  }
  if (view.complete && view.generation == policy.meta.generation) {
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

/// Live grants whose machines have not been read yet: some, right after a start; later none.
Verdicts unresolved_grants(const World& world) {
  Verdicts out;
  for (const auto& [key, verdict] : world.stores.verdicts.all()) {
    if (world.is_live(*verdict) && !is_resolved(world, *verdict)) out.push_back(verdict.get());
  }
  return out;
}

/// The minute that a grant's end is rounded up to names its slot: no rule that had it lives longer.
TimePoint end_of_slot(const model::AccessVerdict& verdict) {
  return std::chrono::ceil<std::chrono::minutes>(plan::ends_at(verdict));
}

/// Whether a rule that looks like the one of this grant, which is over, may as well be that of a
/// live one that is not resolved.
bool is_mistakable(const Verdicts& unresolved, const model::AccessVerdict& over) {
  return std::ranges::any_of(unresolved, [&](const model::AccessVerdict* other) {
    return ports_of(*other) == ports_of(over) && end_of_slot(*other) == end_of_slot(over) &&
           !model::PrefixSet::of(other->sources)
                .intersect(model::PrefixSet::of(over.sources))
                .empty();
  });
}

void gather_grant(plan::GroupDesired& desired, const World& world, const Verdicts& unresolved,
                  const model::AccessVerdict& verdict, const std::string& group_key) {
  const TimePoint now = world.clock.now();
  // What is over is evidence only as long as a rule of its slot may live: then the rule's own mark
  // ends it. All that was ever granted must not be weighed in each pass.
  if (!verdict.granted || now > end_of_slot(verdict)) return;
  if (!plan::counts(verdict, world.operator_name) || world.awaits_clearance(verdict)) return;
  const bool live = world.is_live(verdict);
  for (const auto& target : verdict.targets) {
    plan::OpenWant want{.grant = verdict.meta.uid,
                        .sources = verdict.sources,
                        .destinations = {},
                        .ports = {},
                        .starts_at = plan::starts_at(verdict),
                        .ends_at = plan::ends_at(verdict),
                        .ended = !live && now >= plan::starts_at(verdict)};
    const auto view = world.machines.find(model::resource_key(target.resource_id));
    const bool known = view != world.machines.end() && view->second.machine;
    if (known) want.destinations = addresses_behind(*view->second.machine, group_key);
    // Another machine under the same name is not what was granted.
    if (known && view->second.machine->vm_id != target.vm_id) want.ended = true;
    if (view != world.machines.end() && view->second.gone) want.ended = true;
    if (want.destinations.empty() && (!want.ended || is_mistakable(unresolved, verdict))) continue;
    for (auto& [protocol, ranges] : ports_of(verdict)) {
      want.protocol = protocol;
      want.ports = ranges;
      desired.opens.push_back(want);
    }
  }
}

}  // namespace

std::map<model::Protocol, std::vector<model::PortRange>> ports_by_protocol(
    const model::JitPolicy& policy) {
  std::map<model::Protocol, std::vector<model::PortRange>> out;
  for (const auto& port : policy.ports) out[port.protocol].push_back(port.range);
  return out;
}

plan::GroupDesired gather_wants(const World& world, const model::CloudAccount& account,
                                const std::string& group_key, bool may_write) {
  plan::GroupDesired desired;
  desired.instance = world.instance;
  desired.bands = account.priorities;
  for (const auto& [key, policy] : world.stores.policies.all()) {
    if (policy->account == account.meta.name) {
      gather_policy(desired, world, account, *policy, group_key);
    }
  }
  const Verdicts unresolved = unresolved_grants(world);
  for (const auto& [key, verdict] : world.stores.verdicts.all()) {
    gather_grant(desired, world, unresolved, *verdict, group_key);
  }
  const bool caches_whole = world.stores.synced() && world.stores.all_readable();
  desired.everything_known =
      caches_whole && world.swept(account.meta.name) && world.grants_resolved(account.meta.name);
  desired.remove_orphans = account.delete_orphans;
  // What cannot be read may be a freeze or a suspension. A request or a verdict that cannot be read
  // forbids nothing to the others.
  const bool may_be_forbidden =
      !world.stores.accounts.poisoned().empty() || !world.stores.policies.poisoned().empty();
  desired.may_open = world.stores.accounts.find(account.meta.name) != nullptr && may_write &&
                     world.stores.synced() && !may_be_forbidden && world.swept(account.meta.name) &&
                     !account.freeze;
  // It may be the older claim that makes an exception of another policy's none.
  desired.may_keep = world.stores.policies.poisoned().empty();
  return desired;
}

}  // namespace portcullis::controllers
