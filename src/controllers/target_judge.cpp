#include "controllers/target_judge.hpp"

#include <algorithm>

#include "controllers/drifts.hpp"
#include "controllers/group_attempts.hpp"
#include "controllers/group_wants.hpp"
#include "controllers/settling.hpp"
#include "controllers/standing.hpp"
#include "model/resource_id.hpp"
#include "plan/exceptions.hpp"
#include "plan/rule_shape.hpp"
#include "plan/scope.hpp"
#include "plan/words.hpp"

namespace portcullis::controllers {
namespace {

using State = plan::TargetState::State;

plan::Permitted permitted_by(const World& world, const model::JitPolicy& policy,
                             const model::PolicyPort& port, const plan::FilterPath& path) {
  const std::string owner = plan::owner_of(policy.account, policy.meta.ns, policy.meta.name);
  const auto exceptions = plan::exceptions_anywhere(exceptions_of(policy));
  plan::Permitted permitted;
  for (const auto& exception : port.exceptions) {
    permitted.sources = permitted.sources.unite(model::PrefixSet::of(exception.sources));
    if (!exception.service_tag.empty()) permitted.tags.push_back(exception.service_tag);
  }
  for (const auto& filter : path) {
    const auto view = world.groups.find(model::resource_key(filter.id));
    if (view == world.groups.end()) continue;
    for (const auto& wanted : view->second.plan.wanted) {
      const bool live = wanted.mark.kind == plan::RuleKind::open && !wanted.grants.empty();
      // That a rule is to stay for now makes nobody an exception whom the policy does not name.
      const bool exception = wanted.mark.kind == plan::RuleKind::keep &&
                             wanted.mark.owner == owner &&
                             !plan::lets_in_beyond(wanted.rule, exceptions);
      if (live || exception) permitted.rules.push_back(wanted.rule);
    }
  }
  return permitted;
}

void add_cuts(plan::TargetState& target, const model::PolicyPort& port,
              const std::vector<plan::Blame>& blames) {
  for (const auto& blame : blames) {
    model::PolicyStatus::Cut cut{.ports = port.range,
                                 .protocol = port.protocol,
                                 .sources = {},
                                 .rule = model::short_name(blame.group) + "/" + blame.rule};
    for (const auto& prefix : blame.sources.cover()) cut.sources.push_back(to_string(prefix));
    for (const auto& name : blame.names) cut.sources.push_back(model::short_name(name));
    constexpr std::size_t most_sources = 16;
    if (cut.sources.size() > most_sources) cut.sources.resize(most_sources);
    target.cut.push_back(std::move(cut));
  }
}

std::string blame_words(const std::vector<plan::Blame>& blames) {
  if (blames.empty()) return "a rule lets somebody in";
  const auto& first = blames.front();
  return "rule \"" + first.rule + "\" (priority " + std::to_string(first.priority) + ") in \"" +
         model::short_name(first.group) + (first.proven ? "\" lets in " : "\" may let in ") +
         (first.names.empty() ? plan::list_prefixes(first.sources.cover())
                              : plan::join(first.names)) +
         (first.proven ? "" : " (" + first.why + ")");
}

/// The worst thing said about any way and port is what the target is.
void worsen(plan::TargetState& target, State state, std::string message) {
  constexpr auto rank = [](State which) {
    switch (which) {
      case State::unprotected:
        return 4;
      case State::bypassed:
        return 3;
      case State::out_of_scope:
        return 2;
      case State::locking:
      case State::contended:
        return 1;
      default:
        return 0;
    }
  };
  if (rank(state) <= rank(target.state)) return;
  target.state = state;
  target.message = std::move(message);
}

/// Older readings prove nothing any more.
bool is_stale(const World& world, const GroupView& view) {
  return view.error.has_value() || world.clock.now() - seen_at(view) > reading_counts_for;
}

/// Whether anything is to be done yet by which somebody gets in less. What is opened or tidied up
/// meanwhile is no excuse for a bypass.
bool is_locking(const plan::RulePlan& plan) {
  return std::ranges::any_of(plan.changes, [](const plan::Change& change) {
    return change.change_class != plan::ChangeClass::open &&
           change.change_class != plan::ChangeClass::unlock &&
           change.change_class != plan::ChangeClass::cleanup;
  });
}

/// What the cloud refuses of this policy's own rules on the way.
std::optional<std::string> refused_of(const World& world, const model::JitPolicy& policy,
                                      const plan::FilterPath& path) {
  const std::string owner = plan::owner_of(policy.account, policy.meta.ns, policy.meta.name);
  for (const auto& filter : path) {
    const auto view = world.groups.find(model::resource_key(filter.id));
    if (view == world.groups.end()) continue;
    if (const auto* attempt = find_refused_of_owner(view->second, owner)) {
      return "NSG \"" + model::short_name(filter.id) + "\": " + words(*attempt);
    }
  }
  return std::nullopt;
}

void judge_port(const World& world, const model::CloudAccount& account,
                const model::JitPolicy& policy, const model::PolicyPort& port,
                const model::NetworkPath& way, plan::TargetState& target) {
  const plan::FilterPath path = world.filters(way);
  const std::string where = to_string(way.address) + " port " + to_string(port.range);
  if (path.empty()) {
    return worsen(target, State::unprotected,
                  "no NSG stands before " + to_string(way.address) +
                      ": attach one to the interface or its subnet");
  }
  const bool writable = std::ranges::any_of(path, [&](const plan::Filter& filter) {
    const auto id = model::parse_resource_id(filter.id);
    return id && model::may_write(account, id->resource_group);
  });
  const plan::Inbound inbound{.destination = way.address,
                              .application_groups = way.application_groups,
                              .ports = port.range,
                              .protocol = port.protocol};
  const auto proof = plan::prove_closed(path, inbound, permitted_by(world, policy, port, path));
  const bool all_fresh = std::ranges::all_of(path, [&](const plan::Filter& filter) {
    const auto view = world.groups.find(model::resource_key(filter.id));
    return view != world.groups.end() && !is_stale(world, view->second);
  });
  if (const auto refused = refused_of(world, policy, path)) {
    return worsen(target, State::locking, *refused);
  }
  if (proof.closed() && all_fresh) {
    for (const plan::Filter& filter : path) {
      const auto& view = world.groups.at(model::resource_key(filter.id));
      if (!is_contended(view, world.clock.now())) continue;
      worsen(target, State::contended,
             "somebody keeps changing our rules in NSG \"" + model::short_name(filter.id) +
                 "\": " + std::to_string(view.drifts.size()) +
                 " times lately; find out who (the cloud's activity log) and stop them");
    }
    return;
  }
  if (!writable) {
    return worsen(target, State::out_of_scope,
                  "NSG \"" + model::short_name(path.front().id) +
                      "\" is in no resource group that the account may write "
                      "(spec.networkResourceGroups)");
  }
  // As long as our own rules are still to be written, nobody else is to blame.
  for (const auto& filter : path) {
    const auto view = world.groups.find(model::resource_key(filter.id));
    if (view == world.groups.end() || !view->second.group) {
      const bool failed = view != world.groups.end() && view->second.error;
      const bool gone = view != world.groups.end() && view->second.gone;
      return worsen(target, State::locking,
                    "NSG \"" + model::short_name(filter.id) + "\" " +
                        (failed ? "cannot be read: " + view->second.error->message
                         : gone ? std::string("does not exist (404)")
                                : std::string("has not been read yet")));
    }
    if (view->second.error) {
      return worsen(target, State::locking,
                    "NSG \"" + model::short_name(filter.id) + "\": " + view->second.error->message);
    }
    const std::string owner = plan::owner_of(policy.account, policy.meta.ns, policy.meta.name);
    if (const auto* rule = find_unsettled_of_owner(view->second, owner)) {
      return worsen(target, State::locking, unsettled_words(view->second, *rule));
    }
    if (view->second.dirty || is_locking(view->second.plan)) {
      return worsen(target, State::locking,
                    "the lock in NSG \"" + model::short_name(filter.id) + "\" is being written");
    }
    for (const auto& problem : view->second.plan.problems) {
      if (problem.kind == plan::ProblemKind::no_free_priority ||
          problem.kind == plan::ProblemKind::no_capacity) {
        return worsen(target, State::bypassed,
                      "NSG \"" + model::short_name(filter.id) + "\": " + problem.message);
      }
    }
  }
  if (proof.verdict == plan::ClosedProof::Verdict::unread) {
    return worsen(target, State::locking, where + ": an NSG has not been read yet");
  }
  if (proof.closed()) {
    const auto stale = std::ranges::find_if(path, [&](const plan::Filter& filter) {
      return is_stale(world, world.groups.at(model::resource_key(filter.id)));
    });
    const auto& view = world.groups.at(model::resource_key(stale->id));
    return worsen(target, State::locking,
                  "NSG \"" + model::short_name(view.id) + "\" was last read at " +
                      format_rfc3339(view.read_at) + ", which proves nothing any more");
  }
  add_cuts(target, port, proof.blames);
  worsen(target, State::bypassed,
         where + ": " + blame_words(proof.blames) + " above the lock; remove or narrow it");
}

/// Whether the policy has the machine. As long as its tags are not known, a selector may fit them.
bool claims(const World& world, const model::JitPolicy& policy, const std::string& machine_id) {
  if (!plan::may_have_machine(policy, machine_id)) return false;
  const auto view = world.machines.find(model::resource_key(machine_id));
  const bool read = view != world.machines.end() && view->second.machine;
  return !read || plan::has_machine(policy, *view->second.machine);
}

bool share_port(const std::vector<model::PolicyPort>& a, const std::vector<model::PolicyPort>& b) {
  return std::ranges::any_of(a, [&](const auto& mine) {
    return std::ranges::any_of(b,
                               [&](const auto& theirs) { return plan::share_port(mine, theirs); });
  });
}

bool has_subscription(const model::CloudAccount& account, std::string_view subscription) {
  return model::ascii_lower(account.subscription) == model::ascii_lower(subscription);
}

/// The oldest of these policies decides; whoever comes later only locks. Ends with the first that
/// `enough` says is.
template <typename Enough>
void visit_older_claims(const World& world, const model::Meta& claimant,
                        const std::vector<model::PolicyPort>& ports, const std::string& machine_id,
                        const Enough& enough) {
  const auto id = model::parse_resource_id(machine_id);
  if (!id) return;
  for (const auto& key : world.policy_index.naming(id->resource_group, id->name)) {
    const auto other = world.stores.policies.find(key);
    if (!other || other->meta.uid == claimant.uid || other->meta.deleting || !other->enforce) {
      continue;
    }
    if (!model::came_before(other->meta, claimant)) continue;
    // Judged by what it says, not by whether its machines have been read yet.
    const auto account = world.stores.accounts.find(other->account);
    if (!account || !model::allows(*account, other->meta.ns, id->resource_group) ||
        !has_subscription(*account, id->subscription) || !claims(world, *other, machine_id)) {
      continue;
    }
    if (share_port(ports, other->ports) && enough(*other)) return;
  }
}

const model::JitPolicy* older_claim(const World& world, const model::Meta& claimant,
                                    const std::vector<model::PolicyPort>& ports,
                                    const std::string& machine_id) {
  const model::JitPolicy* first = nullptr;
  visit_older_claims(world, claimant, ports, machine_id, [&](const model::JitPolicy& other) {
    first = &other;
    return true;
  });
  return first;
}

/// `may_claim(account, ns)`: whether the account lets a policy of that namespace have what it is
/// about.
template <typename MayClaim>
std::optional<std::string> find_unread_claim(const World& world, const MayClaim& may_claim) {
  for (const std::string& key : world.stores.policies.poisoned()) {
    const std::string_view ns = std::string_view(key).substr(0, key.find('/'));
    // Nobody knows what an account lets have that cannot be read.
    if (world.stores.accounts.poisoned().empty() &&
        std::ranges::none_of(world.stores.accounts.all(),
                             [&](const auto& account) { return may_claim(*account, ns); })) {
      continue;
    }
    return "waits until JitPolicy \"" + key +
           "\" can be read: it is not understood by this version, and may be an older one that has "
           "the same machine and port";
  }
  return std::nullopt;
}

}  // namespace

void judge_target(const World& world, const model::CloudAccount& account,
                  const model::JitPolicy& policy, plan::TargetState& target) {
  target.cut.clear();
  target.groups = world.groups_before(target.machine.id);
  std::ranges::sort(target.groups);
  target.groups.erase(std::unique(target.groups.begin(), target.groups.end()), target.groups.end());
  if (!policy.enforce) {
    target.state = State::audited;
    for (const auto& way : target.machine.paths) {
      const plan::FilterPath path = world.filters(way);
      const auto unread = std::ranges::find(path, nullptr, &plan::Filter::group);
      if (unread != path.end()) {
        // What it lets in is not known, which is not "everybody".
        target.state = State::locking;
        target.message = "NSG \"" + model::short_name(unread->id) + "\" has not been read yet";
        target.cut.clear();
        return;
      }
      for (const auto& port : policy.ports) {
        const plan::Inbound inbound{.destination = way.address,
                                    .application_groups = way.application_groups,
                                    .ports = port.range,
                                    .protocol = port.protocol};
        add_cuts(target, port,
                 plan::what_is_cut(path, inbound, permitted_by(world, policy, port, path)));
      }
    }
    target.message = target.cut.empty() ? "a lock would cut nobody"
                                        : "a lock would cut " + std::to_string(target.cut.size()) +
                                              " rule(s); nothing is changed in Audit";
    return;
  }
  target.state = State::locked;
  target.message = "nobody reaches the ports outside a grant or an exception, by NSG rules";
  for (const auto& way : target.machine.paths) {
    for (const auto& port : policy.ports) judge_port(world, account, policy, port, way, target);
  }
  if (target.machine.paths.empty()) {
    target.state = State::unresolved;
    target.message = "the machine has no network interface with a private address";
  }
  if (const auto* older = older_claim(world, policy, target.machine.id)) {
    target.state = State::conflict;
    target.message = "JitPolicy \"" + older->meta.key() +
                     "\" is older and has this machine and port: it decides; this policy locks, "
                     "but grants nothing here";
  }
}

const model::JitPolicy* older_claim(const World& world, const model::JitPolicy& policy,
                                    const std::string& machine_id) {
  return older_claim(world, policy.meta, policy.ports, machine_id);
}

std::vector<model::PolicyPort> ports_decided_before(const World& world,
                                                    const model::JitPolicy& policy,
                                                    const std::string& machine_id) {
  std::vector<model::PolicyPort> ports;
  visit_older_claims(world, policy.meta, policy.ports, machine_id,
                     [&](const model::JitPolicy& other) {
                       ports.insert(ports.end(), other.ports.begin(), other.ports.end());
                       return false;
                     });
  return ports;
}

const model::JitPolicy* older_claim(const World& world, const model::AccessVerdict& verdict) {
  const auto policy = world.stores.policies.find(verdict.meta.ns + "/" + verdict.policy_name);
  if (!policy || policy->meta.uid != verdict.policy_uid) return nullptr;
  std::vector<model::PolicyPort> ports;
  ports.reserve(verdict.ports->size());
  for (const auto& port : verdict.ports) {
    ports.push_back({.range = port.range, .protocol = port.protocol});
  }
  for (const auto& target : verdict.targets) {
    if (const auto* older = older_claim(world, policy->meta, ports, target.resource_id)) {
      return older;
    }
  }
  return nullptr;
}

std::optional<std::string> what_may_claim(const World& world,
                                          const std::set<std::string>& machines) {
  return find_unread_claim(world, [&](const model::CloudAccount& account, std::string_view ns) {
    return std::ranges::any_of(machines, [&](const std::string& machine) {
      const auto id = model::parse_resource_id(machine);
      return !id || (has_subscription(account, id->subscription) &&
                     model::allows(account, ns, id->resource_group));
    });
  });
}

std::optional<std::string> what_may_claim_in(const World& world, const std::string& subscription) {
  return find_unread_claim(world, [&](const model::CloudAccount& account, std::string_view ns) {
    return has_subscription(account, subscription) && model::allows_namespace(account, ns);
  });
}

}  // namespace portcullis::controllers
